package monitor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/httpjson"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// api handles all paths of the monitor.
type api struct {
	Config
	health  *health
	metrics http.Handler
	changes frames
}

// route is one path with its description for OpenAPI.
type route struct {
	path    string
	summary string
	params  []param
	answer  any    // a value of the response's type; nil for plain text
	kind    string // media type; empty for JSON
	serve   http.HandlerFunc
}

// param is a parameter of a route. It is part of the path if the path contains its name in
// braces, and of the query otherwise.
type param struct {
	name, meaning string
	number        bool
}

var (
	paramState  = param{name: "state", meaning: "states of jobs, separated by commas: waiting, running, done, failed, dropped, cancelled"}
	paramFrom   = param{name: "from", meaning: "lowest block number", number: true}
	paramTo     = param{name: "to", meaning: "highest block number", number: true}
	paramNumber = param{name: "number", meaning: "block number", number: true}
	paramSince  = param{name: "since", meaning: "blocks of that time or later, RFC 3339"}
	paramUntil  = param{name: "until", meaning: "blocks before that time, RFC 3339"}
	paramAfter  = param{name: "after", meaning: "next of the page before"}
	paramLimit  = param{name: "limit", meaning: "at most so many", number: true}
)

// routes returns all paths except those of the pages and their assets.
func (a *api) routes() []route {
	m := a.Model
	list := []route{
		{path: "/api/v1/status", summary: "Stages and jobs at this instant.", answer: status.Snapshot{}, serve: func(w http.ResponseWriter, r *http.Request) {
			snap, err := a.Pipeline.Snapshot(r.Context())
			answer(w, snap, err)
		}},
		{path: "/api/v1/score", summary: "The standing by EthProofs' rules.", answer: score.Report{}, serve: func(w http.ResponseWriter, r *http.Request) {
			report, err := a.Pipeline.Score(r.Context())
			answer(w, report, err)
		}},
		{path: "/api/v1/overview", summary: "The whole picture of the first screen; events change it.", answer: live.Overview{}, serve: show(func() any { return m.Overview() })},
		{path: "/api/v1/pipeline", summary: "Which pipeline this is, how it is, where the chain stands, and the day.", answer: pipelineAnswer{}, serve: show(func() any {
			o := m.Overview()
			return pipelineAnswer{o.Time, o.Pipeline, o.Chain, o.Fit, o.Day, o.Proving, a.Graph}
		})},
		{path: "/api/v1/stages", summary: "The stages as the graph shows them.", answer: []live.Stage{}, serve: show(func() any { return m.Overview().Stages })},
		{path: "/api/v1/stages/history", summary: "Median and slowest time of each stage in spans of ten minutes through the last day.", answer: map[string][]live.StageSpan{}, serve: show(func() any { return m.Charts().Stages })},
		{path: "/api/v1/endpoints", summary: "The services that the plugins depend on, and how their calls went.", answer: []endpointAnswer{}, serve: show(func() any {
			list := []endpointAnswer{}
			for _, s := range m.Overview().Stages {
				for _, e := range s.Endpoints {
					list = append(list, endpointAnswer{s.Name, e})
				}
			}
			return list
		})},
		{path: "/api/v1/charts", summary: "What the plots are drawn from: the last day.", answer: live.Charts{}, serve: show(func() any { return m.Charts() })},
		{path: "/api/v1/targets", summary: "The last targets, summed up, the newest first.", answer: []live.Target{}, serve: show(func() any { return m.Overview().Targets })},
		{path: "/api/v1/jobs", summary: "Jobs, the highest block number first, in pages.", answer: jobsAnswer{},
			params: []param{paramState, paramNumber, paramFrom, paramTo, paramSince, paramUntil, paramAfter, paramLimit}, serve: a.jobs},
		{path: "/api/v1/jobs/{number}", summary: "Every job of a block number, with its way.", answer: []jobAnswer{}, params: []param{paramNumber}, serve: a.job},
		{path: "/api/v1/jobs/{job}/stages/{stage}/attempts/{attempt}/log", summary: "The end of the log that a failed attempt has left.", kind: "text/plain",
			params: []param{{name: "job", meaning: "id of the job"}, {name: "stage", meaning: "name of the stage"}, {name: "attempt", meaning: "number of the attempt, from 1", number: true}}, serve: a.attemptLog},
		{path: "/api/v1/queue", summary: "What waits for each stage.", answer: map[string]queueAnswer{}, serve: func(w http.ResponseWriter, r *http.Request) {
			snap, err := a.Pipeline.Snapshot(r.Context())
			queues := map[string]queueAnswer{}
			for _, s := range snap.Stages {
				queues[s.Name] = queueAnswer{s.QueueLength, s.Queue, s.Running}
			}
			answer(w, queues, err)
		}},
		{path: "/api/v1/outbox", summary: "The reports that wait, by reporter, the oldest first; of each reporter at most 200.", answer: map[string][]owedAnswer{}, serve: a.outbox},
		{path: "/api/v1/score/course", summary: "The standing through the running week.", answer: []score.Point{}, serve: show(func() any {
			if s := m.Overview().Score; s != nil {
				return s.Course
			}
			return []score.Point{}
		})},
		{path: "/api/v1/hardware", summary: "The machine and its GPUs.", answer: live.Hardware{}, serve: show(func() any { return m.Overview().Hardware })},
		{path: "/api/v1/alerts", summary: "What somebody should know of: what lasts, then what is over.", answer: []live.Alert{}, serve: show(func() any { return m.Overview().Alerts })},
		{path: "/api/v1/failures", summary: "Blocks that failed or whose proof was refused, with remedy and command.", answer: []live.Failure{}, serve: show(func() any { return m.Overview().Failures })},
		{path: "/api/v1/log", summary: "The last lines of the host's log, the newest first.", answer: []live.Line{},
			params: []param{{name: "stage", meaning: "name of a stage"}, {name: "level", meaning: "debug, info, warning or error: that and above"}, {name: "block", meaning: "block number", number: true}, paramLimit}, serve: a.log},
		{path: "/api/v1/events", summary: "Changes of the overview as server-sent events; Last-Event-ID resumes.", kind: "text/event-stream", serve: a.events},
	}
	list = append(list, route{path: "/api/v1/openapi.json", summary: "This description, as OpenAPI 3.1.", answer: map[string]any{}, serve: func(w http.ResponseWriter, r *http.Request) {
		answer(w, openAPI(a.routes()), nil)
	}})
	list = append(list, route{path: "/metrics", summary: "The same for Prometheus.", kind: "text/plain", serve: a.metrics.ServeHTTP})
	for _, prefix := range []string{"", "/api"} {
		list = append(list,
			route{path: prefix + "/health", summary: "The whole picture, and 200 or 503.", answer: Health{}, serve: a.health.serveHealth},
			route{path: prefix + "/health/ready", summary: "200 once every stage is ready, else 503.", answer: map[string]any{}, serve: a.health.serveReady},
			route{path: prefix + "/health/live", summary: "200 while the server answers.", answer: map[string]bool{}, serve: a.health.serveLive},
		)
	}
	return list
}

type pipelineAnswer struct {
	Time     time.Time           `json:"time"`
	Pipeline live.Pipeline       `json:"pipeline"`
	Chain    live.Chain          `json:"chain"`
	Fit      *live.Fit           `json:"fit"`
	Day      live.Day            `json:"day"`
	Proving  *live.Proving       `json:"proving"`
	Graph    map[string][]string `json:"graph"` // the stages that each stage needs
}

// endpointAnswer is a service that the plugin of a stage depends on.
type endpointAnswer struct {
	Stage string `json:"stage"`
	contract.Endpoint
}

type jobsAnswer struct {
	Jobs []jobAnswer `json:"jobs"`
	Next string      `json:"next,omitempty"`
}

// jobAnswer is a job with its target. The request for a single block number also returns
// the way.
type jobAnswer struct {
	status.Job
	Target live.Target `json:"target"`
	Way    *live.Way   `json:"way,omitempty"`
}

type queueAnswer struct {
	Length  int              `json:"length"`
	Blocks  []uint64         `json:"blocks"` // the next one first, at most 100
	Running []status.Attempt `json:"running"`
}

// owedAnswer is an event that waits for a reporter.
type owedAnswer struct {
	Kind     string    `json:"kind"`
	Block    uint64    `json:"block,omitempty"`
	Stage    string    `json:"stage,omitempty"`
	At       time.Time `json:"at"`
	Expires  time.Time `json:"expires"`
	Tries    uint32    `json:"tries"`
	NotUntil time.Time `json:"not_until,omitzero"`
	Error    string    `json:"error,omitempty"`
}

// answer writes a value as JSON. An error is written as {"error": …}, with code 400 for a
// wrong request, 404 for something that does not exist, and 503 for all others, because
// a later request may succeed.
func answer(w http.ResponseWriter, value any, err error) {
	code := http.StatusOK
	if err != nil {
		value, code = map[string]string{"error": err.Error()}, http.StatusServiceUnavailable
		switch {
		case errors.Is(err, errBadRequest), errors.Is(err, history.ErrPosition):
			code = http.StatusBadRequest
		case errors.Is(err, fs.ErrNotExist):
			code = http.StatusNotFound
		}
	}
	httpjson.Write(w, code, value)
}

// show returns a handler that writes a value as JSON.
func show(value func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { answer(w, value(), nil) }
}

func (a *api) attemptLog(w http.ResponseWriter, r *http.Request) {
	attempt, err := strconv.ParseUint(r.PathValue("attempt"), 10, 32)
	if err != nil {
		answer(w, nil, fmt.Errorf("%w: want the number of an attempt", errBadRequest))
		return
	}
	text, err := a.Pipeline.AttemptLog(r.Context(), r.PathValue("job"), r.PathValue("stage"), uint32(attempt))
	if errors.Is(err, fs.ErrNotExist) { // the message must not contain paths
		err = fmt.Errorf("the attempt has left no log: %w", fs.ErrNotExist)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write(text)
}

// outboxLimit is the largest number of events of a reporter in a response.
const outboxLimit = 200

func (a *api) outbox(w http.ResponseWriter, r *http.Request) {
	waiting := map[string][]owedAnswer{}
	for _, s := range a.Model.Overview().Stages {
		if s.Kind != "reporter" {
			continue
		}
		events, err := a.Pipeline.Owed(r.Context(), s.Name)
		if err != nil {
			answer(w, nil, err)
			return
		}
		waiting[s.Name] = []owedAnswer{}
		for _, e := range events[:min(len(events), outboxLimit)] {
			waiting[s.Name] = append(waiting[s.Name], waitingEvent(e))
		}
	}
	answer(w, waiting, nil)
}

func waitingEvent(e record.Event) owedAnswer {
	out := owedAnswer{Kind: string(e.Kind), Stage: e.Stage, At: e.At, Expires: e.Expires, Tries: e.Tries, NotUntil: e.NotUntil, Error: e.Error}
	if e.Block != nil {
		out.Block = e.Block.Number
	}
	return out
}

func (a *api) log(w http.ResponseWriter, r *http.Request) {
	q := query{Values: r.URL.Query()}
	level, err := live.ParseLevel(q.Get("level"))
	if err != nil {
		q.reject("level", "debug, info, warning or error")
	}
	f := live.Filter{Stage: q.Get("stage"), Level: level, Limit: q.limit()}
	if n := q.number("block"); n != nil {
		f.Block = *n
	}
	if f.Limit == 0 {
		f.Limit = 200
	}
	answer(w, a.Model.Log().Lines(f), q.err)
}

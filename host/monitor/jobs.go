package monitor

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
)

// errBadRequest is wrapped by errors about wrong parameters of a request.
var errBadRequest = errors.New("the request cannot be understood")

// query reads the parameters of a request. err is the first error.
type query struct {
	url.Values
	err error
}

// reject records that a parameter does not fit.
func (q *query) reject(name, want string) {
	if q.err == nil {
		q.err = fmt.Errorf("%w: %s=%.80q: want %s", errBadRequest, name, q.Get(name), want)
	}
}

// number returns a parameter that is a whole number, or nil if it is absent or wrong.
func (q *query) number(name string) *uint64 {
	if q.Get(name) == "" {
		return nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 64)
	if err != nil {
		q.reject(name, "a whole number")
		return nil
	}
	return &n
}

func (q *query) limit() int {
	n := q.number("limit")
	if n == nil {
		return 0
	}
	if *n == 0 {
		q.reject("limit", "at least 1")
	}
	return int(min(*n, math.MaxInt32))
}

func (q *query) time(name string) (t time.Time) {
	if text := q.Get(name); text != "" {
		var err error
		if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
			q.reject(name, "a time such as 2026-01-31T12:00:00Z")
		}
	}
	return t
}

func (a *api) jobs(w http.ResponseWriter, r *http.Request) {
	request, err := parseJobsQuery(r.URL.Query())
	if err != nil {
		answer(w, nil, err)
		return
	}
	page, err := a.read(r, request)
	answer(w, page, err)
}

// parseJobsQuery reads the parameters of the path /api/v1/jobs.
func parseJobsQuery(values url.Values) (request history.Range, err error) {
	q := query{Values: values}
	request = history.Range{
		From: q.number("from"), To: q.number("to"), Since: q.time("since"), Until: q.time("until"), After: q.Get("after"), Limit: q.limit(),
	}
	if n := q.number("number"); n != nil {
		request.From, request.To = n, n
	}
	all := []status.JobState{status.JobWaiting, status.JobRunning, status.JobDone, status.JobFailed, status.JobDropped, status.JobCancelled}
	for name := range strings.SplitSeq(q.Get("state"), ",") {
		switch state := status.JobState(strings.TrimSpace(name)); {
		case state == "":
		case !slices.Contains(all, state):
			q.reject("state", "states such as failed or done,running")
		default:
			request.States = append(request.States, state)
		}
	}
	return request, q.err
}

func (a *api) read(r *http.Request, request history.Range) (out jobsAnswer, err error) {
	page, err := a.Pipeline.Page(r.Context(), request)
	out = jobsAnswer{Jobs: []jobAnswer{}, Next: page.Next}
	for _, j := range page.Jobs {
		out.Jobs = append(out.Jobs, jobAnswer{Job: j, Target: a.target(j)})
	}
	return out, err
}

func (a *api) target(j status.Job) live.Target { return live.Describe(j, a.Model.LimitMS()) }

func (a *api) job(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		answer(w, nil, fmt.Errorf("%w: want the number of a block", errBadRequest))
		return
	}
	jobs, err := a.block(r, number)
	if err == nil && len(jobs) == 0 {
		err = fmt.Errorf("block %d: %w", number, fs.ErrNotExist)
	}
	answer(w, jobs, err)
}

// block returns every job of a block number with its way, the one on the chain first.
func (a *api) block(r *http.Request, number uint64) ([]jobAnswer, error) {
	found, err := a.Pipeline.ShowBlock(r.Context(), number)
	jobs := []jobAnswer{}
	for _, j := range found {
		way := live.WayOf(j, a.Graph)
		jobs = append(jobs, jobAnswer{Job: j, Target: a.target(j), Way: &way})
	}
	slices.SortStableFunc(jobs, func(x, y jobAnswer) int {
		switch {
		case x.Orphaned == y.Orphaned:
			return 0
		case y.Orphaned:
			return -1
		}
		return 1
	})
	return jobs, err
}

package monitor

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/proofline/proofline/host/httpjson"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// The values of Health.Status.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"  // a prover is busy for longer than stuck_after, blocks fail, or a reporter is down or its reports are refused
	Unhealthy = "unhealthy" // a source, builder or prover is down, or nothing can be recorded
)

// Health is the response of /health.
type Health struct {
	Status        string `json:"status"`
	Timestamp     string `json:"timestamp"` // RFC 3339, UTC
	UptimeSeconds int64  `json:"uptime_seconds"`
	// Reason is why the status is not healthy.
	Reason string `json:"reason,omitempty"`
	// Warnings are the other conditions. There may be some while the status is healthy.
	Warnings []string `json:"warnings,omitempty"`
	// Components has every stage by its name, and three fixed names: prover (the stage that
	// makes the proof, or the last prover), input_generator (the last builder) and
	// task_supervisor. A fixed name replaces a stage of the same name.
	Components map[string]any `json:"components"`
	System     System         `json:"system"`
}

// Component is the health of one stage.
type Component struct {
	Status string        `json:"status"` // up or down
	State  string        `json:"state"`  // idle, or the running work: proving_<number>, generating_<number>, …
	Plugin string        `json:"plugin"`
	Kind   contract.Kind `json:"kind"`
	// Process is the state of the plugin's process. Reason is why it is not ready or gets
	// no work.
	Process                status.StageState `json:"process"`
	Reason                 string            `json:"reason,omitempty"`
	QueueLength            int               `json:"queue_length"`
	QueuedBlocks           []uint64          `json:"queued_blocks"`
	ProcessedCount         uint64            `json:"processed_count"`
	FailedCount            uint64            `json:"failed_count"`
	ProvingSince           string            `json:"proving_since,omitempty"` // RFC 3339; of the oldest running attempt of a prover
	ProvingDurationSeconds *int64            `json:"proving_duration_seconds,omitempty"`
	Warning                string            `json:"warning,omitempty"` // potentially_stuck, blocks_fail, reports_refused, down, degraded
}

// Supervisor is the health of the engine.
type Supervisor struct {
	Status      string `json:"status"` // up, or down while nothing can be recorded
	ActiveTasks int    `json:"active_tasks"`
}

// System is about the host process.
type System struct {
	MemoryMB   float64 `json:"memory_mb"` // mapped by the Go runtime
	Goroutines int     `json:"goroutines"`
	CPUs       int     `json:"cpus"`
	GoVersion  string  `json:"go_version"`
}

// health handles the health paths.
type health struct {
	snapshot func() status.Snapshot
	now      func() time.Time
	checker  live.Checker
}

func (h *health) serveHealth(w http.ResponseWriter, r *http.Request) {
	answer := h.assess(h.snapshot())
	code := http.StatusOK
	if answer.Status != Healthy {
		code = http.StatusServiceUnavailable
	}
	httpjson.Write(w, code, answer)
}

func (h *health) serveReady(w http.ResponseWriter, r *http.Request) {
	snap := h.snapshot()
	answer := struct {
		Ready      bool     `json:"ready"`
		WaitingFor []string `json:"waiting_for,omitempty"`
	}{Ready: len(snap.Stages) > 0 && !snap.Stopping && snap.Trouble == ""}
	for _, s := range snap.Stages {
		if !live.Up(s) {
			answer.Ready = false
			answer.WaitingFor = append(answer.WaitingFor, s.Name)
		}
	}
	code := http.StatusOK
	if !answer.Ready {
		code = http.StatusServiceUnavailable
	}
	httpjson.Write(w, code, answer)
}

func (h *health) serveLive(w http.ResponseWriter, r *http.Request) {
	httpjson.Write(w, http.StatusOK, map[string]bool{"live": true})
}

// assess returns the response of /health for a snapshot.
func (h *health) assess(snap status.Snapshot) Health {
	now := h.now()
	answer := Health{
		Status:        Healthy,
		Timestamp:     now.UTC().Format(time.RFC3339),
		UptimeSeconds: max(0, int64(now.Sub(snap.Started)/time.Second)),
		Components:    map[string]any{},
		System:        system(),
	}
	supervisor := Supervisor{Status: "up"}
	conditions := h.checker.Conditions(snap, now)
	for i, c := range conditions {
		if i == 0 && c.Severity > 0 {
			answer.Status, answer.Reason = Degraded, c.Text
			if c.Severity == live.SeverityUnhealthy {
				answer.Status = Unhealthy
			}
			continue
		}
		answer.Warnings = append(answer.Warnings, c.Text)
	}
	if snap.Trouble != "" {
		supervisor.Status = "down"
	}
	var prover, builder *Component
	var makesProof bool
	for _, s := range snap.Stages {
		c := component(s, now)
		answer.Components[s.Name] = c
		supervisor.ActiveTasks += len(s.Running)
		for _, condition := range conditions {
			if condition.Stage == s.Name && c.Warning == "" {
				c.Warning = warnings[conditionKind(condition.ID)]
			}
		}
		switch s.Kind {
		case contract.KindBuilder:
			builder = c
		case contract.KindProver:
			if s.MakesProof || !makesProof {
				prover, makesProof = c, s.MakesProof
			}
		}
	}
	if prover != nil {
		answer.Components["prover"] = prover
	}
	if builder != nil {
		answer.Components["input_generator"] = builder
	}
	answer.Components["task_supervisor"] = supervisor
	return answer
}

// warnings are the values of Component.Warning by the kind of the condition.
var warnings = map[string]string{"stuck": warningStuck, "failing": "blocks_fail", "refused": "reports_refused", "down": "down", "degraded": "degraded"}

const warningStuck = "potentially_stuck"

// conditionKind returns the first part of a condition's id.
func conditionKind(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return kind
}

// verbs are the first parts of Component.State, which operators of ethrex-ethproofs parse.
var verbs = map[contract.Kind]string{
	contract.KindSource: "fetching", contract.KindBuilder: "generating",
	contract.KindProver: "proving", contract.KindReporter: "reporting",
}

// component returns the health of a stage.
func component(s status.Stage, now time.Time) *Component {
	c := &Component{
		Status: "down", State: "idle", Plugin: s.Plugin, Kind: s.Kind, Process: s.State, Reason: s.Error,
		QueueLength: len(s.Queue), QueuedBlocks: s.Queue, ProcessedCount: s.Processed, FailedCount: s.Failed,
	}
	if c.QueuedBlocks == nil {
		c.QueuedBlocks = []uint64{}
	}
	switch {
	case live.Up(s):
		c.Status, c.Reason = "up", ""
	case s.Paused != "":
		c.Reason = s.Paused
	}
	if len(s.Running) == 0 {
		return c
	}
	oldest := s.Running[0]
	for _, a := range s.Running {
		if a.Since.Before(oldest.Since) {
			oldest = a
		}
		if a.Stuck {
			c.Warning = warningStuck
		}
	}
	c.State = fmt.Sprintf("%s_%d", verbs[s.Kind], oldest.Number)
	if s.Kind == contract.KindProver {
		c.ProvingSince = oldest.Since.UTC().Format(time.RFC3339)
		seconds := max(0, int64(now.Sub(oldest.Since)/time.Second))
		c.ProvingDurationSeconds = &seconds
	}
	return c
}

func system() System {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	return System{
		MemoryMB:   float64(sample[0].Value.Uint64()/1e5) / 10,
		Goroutines: runtime.NumGoroutine(),
		CPUs:       runtime.NumCPU(),
		GoVersion:  runtime.Version(),
	}
}

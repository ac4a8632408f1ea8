package live

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Severities of a Condition. Severity 0 does not change the health.
const (
	SeverityDegraded  = 1 // the pipeline is degraded
	SeverityUnhealthy = 2 // the pipeline is unhealthy
)

// Condition is something that is wrong with the pipeline or its machine.
type Condition struct {
	ID       string // the same condition has the same ID, such as "down/prove"
	Severity int
	Stage    string
	Block    uint64
	Since    time.Time // zero if it is not known
	Title    string
	Text     string // a clause without a full stop: what is wrong
	Remedy   string
	Command  string // goes with the remedy
	Topic    string // page of the documentation
}

// How long a stage must be down or degraded before it is a condition. A single restart of
// a plugin or of a node is none, and a reporter that is down delays no block.
const (
	downGrace     = 10 * time.Second
	reporterGrace = time.Minute
	degradedGrace = 2 * time.Minute
)

// Limits for the condition that blocks fail.
const (
	judgedBlockCount = 20 // number of last ended blocks that count
	failedAtLeast    = 3  // number of failed blocks among them
)

// Checker finds what is wrong with a pipeline. It remembers since when each stage is
// down, because a plugin that crashes at every start changes its state all the time.
// The zero value is ready to use. It is safe for concurrent use.
type Checker struct {
	mu   sync.Mutex
	down map[string]time.Time
}

// Conditions returns what is wrong according to a snapshot, the worst first.
func (j *Checker) Conditions(snap status.Snapshot, now time.Time) (list []Condition) {
	if snap.Trouble != "" {
		list = append(list, Condition{
			ID: "recorded", Severity: SeverityUnhealthy, Topic: topicHost, Title: "Nothing can be recorded", Text: snap.Trouble,
			Remedy: "No block is lost; work goes on when the checkpoint can be written again. To look at the machine:", Command: "proofline doctor",
		})
	}
	announcers := announcers(snap)
	for _, s := range snap.Stages {
		if c := j.stageDown(s, announcers[s.Name], now); c != nil {
			list = append(list, *c)
		}
		if c := stageDegraded(s, now); c != nil {
			list = append(list, *c)
		}
		for _, a := range s.Running {
			if s.Kind == contract.KindProver && a.Stuck {
				list = append(list, Condition{
					ID: "stuck/" + s.Name, Severity: SeverityDegraded, Topic: topicProver, Stage: s.Name, Block: a.Number, Since: a.Since, Title: "Prover is stuck",
					Text:   fmt.Sprintf("the prover %q is busy for longer than stuck_after", s.Name),
					Remedy: "It is not stopped; timeout does that. What it does:", Command: "proofline status",
				})
				break
			}
		}
	}
	list = append(list, failingBlocks(snap)...)
	if snap.Unpublished != "" {
		list = append(list, Condition{
			ID: "published", Topic: topicHost, Title: "Files cannot be published", Text: snap.Unpublished,
			Remedy: "The proofs are safe and are reported. Make room or mend the output folder; copying goes on by itself.",
		})
	}
	slices.SortStableFunc(list, func(a, b Condition) int { return b.Severity - a.Severity })
	return list
}

// announcers returns the reporters that have announced recent blocks. An announced block
// counts against the operator until it is proved.
func announcers(snap status.Snapshot) map[string]bool {
	found := map[string]bool{}
	for _, j := range snap.Recent {
		for _, r := range j.Reports {
			if r.Kind == contract.EventQueued || r.Kind == contract.EventProving {
				found[r.Reporter] = true
			}
		}
	}
	return found
}

// stageDown returns the condition of a stage that is down, or nil. A reporter that is
// down makes the pipeline degraded only if it announces blocks.
func (j *Checker) stageDown(s status.Stage, announces bool, now time.Time) *Condition {
	downFor := j.downFor(s, now)
	grace, severity := downGrace, SeverityUnhealthy
	if s.Kind == contract.KindReporter {
		grace, severity = reporterGrace, 0
		if announces {
			severity = SeverityDegraded
		}
	}
	if downFor <= grace {
		return nil
	}
	c := &Condition{
		ID: "down/" + s.Name, Severity: severity, Topic: topicOfStage(s), Stage: s.Name, Since: now.Add(-downFor),
		Remedy: "It goes on by itself when the cause is gone. To look at the machine:", Command: "proofline doctor",
	}
	condition, reason := string(s.State), s.Error
	if processUp(s) {
		condition, reason = "paused", s.Paused
	}
	c.Title = fmt.Sprintf("Stage %s is %s", s.Name, condition)
	c.Text = fmt.Sprintf("the %s %q is %s for %v", s.Kind, s.Name, condition, downFor.Round(time.Second))
	if reason != "" && s.Kind == contract.KindReporter {
		c.Text += ": " + reason
	}
	if s.Kind == contract.KindReporter {
		c.Text += fmt.Sprintf("; %d reports wait, no block is held up", s.QueueLength)
	}
	return c
}

// stageDegraded returns the condition of a stage that takes blocks although its plugin
// reports that something is wrong, such as a source without its second node. It is nil for
// any other stage.
func stageDegraded(s status.Stage, now time.Time) *Condition {
	if s.State != status.StageDegraded || s.Paused != "" || now.Sub(s.Since) <= degradedGrace {
		return nil
	}
	return &Condition{
		ID: "degraded/" + s.Name, Topic: topicOfStage(s), Stage: s.Name, Since: s.Since, Title: fmt.Sprintf("Stage %s is degraded", s.Name),
		Text:   fmt.Sprintf("the %s %q is degraded: %s", s.Kind, s.Name, cmp.Or(s.Error, "its plugin names no reason")),
		Remedy: "It takes blocks all the same. To look at the machine:", Command: "proofline doctor",
	}
}

// failingBlocks returns the conditions of blocks that fail one after the other, and of
// reporters whose receiver refuses their reports.
func failingBlocks(snap status.Snapshot) (list []Condition) {
	ended, failed, inARow := 0, 0, 0
	reports, refused := map[string]int{}, map[string]int{}
	var last status.Job
	for _, j := range snap.Recent { // the newest first
		for _, r := range j.Reports {
			switch r.State {
			case "rejected":
				refused[r.Reporter]++
				reports[r.Reporter]++
			case "sent":
				reports[r.Reporter]++
			}
		}
		if j.State != status.JobDone && j.State != status.JobFailed || ended == judgedBlockCount {
			continue
		}
		ended++
		if j.State == status.JobFailed {
			if failed++; failed == 1 {
				last = j
			}
			if inARow == ended-1 {
				inARow++
			}
		}
	}
	if inARow >= failedAtLeast || failed >= failedAtLeast && 2*failed >= ended {
		list = append(list, Condition{
			ID: "failing", Severity: SeverityDegraded, Topic: topicFailure, Stage: last.Stage, Since: last.Finished, Title: "Blocks fail",
			Text:    fmt.Sprintf("%d of the last %d blocks failed, the last one in %s: %s", failed, ended, last.Stage, last.Reason),
			Remedy:  "Mend the cause, then take them up again:",
			Command: "proofline blocks retry --failed",
		})
	}
	for _, s := range snap.Stages {
		if n := refused[s.Name]; s.Kind == contract.KindReporter && n >= failedAtLeast && 2*n >= reports[s.Name] {
			list = append(list, Condition{
				ID: "refused/" + s.Name, Severity: SeverityDegraded, Topic: topicOfStage(s), Stage: s.Name, Title: "Reports are refused",
				Text:   fmt.Sprintf("the other side of the reporter %q refused %d of the last %d reports", s.Name, n, reports[s.Name]),
				Remedy: "The proofs are kept. Why it refuses them:", Command: "proofline blocks list",
			})
		}
	}
	return list
}

// downFor returns how long the stage has been down without a break; 0 if it is up.
func (j *Checker) downFor(s status.Stage, now time.Time) time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if Up(s) {
		delete(j.down, s.Name)
		return 0
	}
	since, known := j.down[s.Name]
	if !known {
		if j.down == nil {
			j.down = map[string]time.Time{}
		}
		if since = s.Since; processUp(s) {
			since = s.PausedSince
		}
		if since.IsZero() {
			since = now
		}
		j.down[s.Name] = since
	}
	return now.Sub(since)
}

// Up reports whether the stage can work. Its process must run, and the engine must not
// have paused it (GPU missing, disk full, node down).
func Up(s status.Stage) bool { return processUp(s) && s.Paused == "" }

// processUp reports whether the stage's process takes work.
func processUp(s status.Stage) bool {
	return s.State == status.StageReady || s.State == status.StageDegraded
}

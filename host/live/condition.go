package live

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Severities of a Complaint.
const (
	Unwell = 1 // the pipeline is degraded
	Ill    = 2 // it is unhealthy
)

// Complaint is one thing that is not as it should be.
type Complaint struct {
	ID       string // of the condition, such as "down/prove"
	Severity int
	Stage    string
	Block    uint64
	Since    time.Time // zero where it is not known
	Title    string
	Text     string // a clause: why the health is what it is
	Remedy   string
	Command  string
	Topic    string // of the documentation
}

// Grace periods before a stage that is down counts: a restart of one plugin is no
// incident, and a reporter holds up no block.
const (
	downGrace     = 10 * time.Second
	reporterGrace = time.Minute
)

// Of the failure rate: of the last blocks that ended, at least so many.
const (
	judgedBlocks  = 20
	failedAtLeast = 3
)

// Judge finds what is wrong with a pipeline. It remembers since when a stage is
// down, because a plugin that crashes at every start changes its state all the
// time. The zero value is ready, and safe for concurrent use.
type Judge struct {
	mu   sync.Mutex
	down map[string]time.Time
}

// Complaints lists what is wrong, the worst first.
func (j *Judge) Complaints(snap status.Snapshot, now time.Time) (list []Complaint) {
	if snap.Trouble != "" {
		list = append(list, Complaint{
			ID: "recorded", Severity: Ill, Topic: topicHost, Title: "Nothing can be recorded", Text: snap.Trouble,
			Remedy: "No block is lost; work goes on when the checkpoint can be written again. To look at the machine:", Command: "proofline doctor",
		})
	}
	announcing := announcers(snap)
	for _, s := range snap.Stages {
		if c := j.stage(s, announcing[s.Name], now); c != nil {
			list = append(list, *c)
		}
		for _, a := range s.Running {
			if s.Kind == contract.KindProver && a.Stuck {
				list = append(list, Complaint{
					ID: "stuck/" + s.Name, Severity: Unwell, Topic: topicProver, Stage: s.Name, Block: a.Number, Since: a.Since, Title: "Prover is stuck",
					Text:   fmt.Sprintf("the prover %q is busy for longer than stuck_after", s.Name),
					Remedy: "It is not stopped; timeout does that. What it does:", Command: "proofline status",
				})
				break
			}
		}
	}
	list = append(list, failing(snap)...)
	if snap.Unpublished != "" {
		list = append(list, Complaint{
			ID: "published", Topic: topicHost, Title: "Files cannot be published", Text: snap.Unpublished,
			Remedy: "The proofs are safe and are reported. Make room or mend the output folder; copying goes on by itself.",
		})
	}
	slices.SortStableFunc(list, func(a, b Complaint) int { return b.Severity - a.Severity })
	return list
}

// announcers are the reporters by which blocks were announced lately: what they
// announced counts against the operator until it is proved.
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

// stage complains of a stage that is down. A reporter that is down holds up no
// block; only one that announces blocks makes the pipeline degraded.
func (j *Judge) stage(s status.Stage, announces bool, now time.Time) *Complaint {
	downFor := j.downFor(s, now)
	grace, severity := downGrace, Ill
	if s.Kind == contract.KindReporter {
		grace, severity = reporterGrace, 0
		if announces {
			severity = Unwell
		}
	}
	if downFor <= grace {
		return nil
	}
	c := &Complaint{
		ID: "down/" + s.Name, Severity: severity, Topic: topicOfStage(s), Stage: s.Name, Since: now.Add(-downFor),
		Remedy: "It goes on by itself when the cause is gone. To look at the machine:", Command: "proofline doctor",
	}
	condition, why := string(s.State), s.Error
	if processUp(s) {
		condition, why = "paused", s.Paused
	}
	c.Title = fmt.Sprintf("Stage %s is %s", s.Name, condition)
	c.Text = fmt.Sprintf("the %s %q is %s for %v", s.Kind, s.Name, condition, downFor.Round(time.Second))
	if why != "" && s.Kind == contract.KindReporter {
		c.Text += ": " + why
	}
	if s.Kind == contract.KindReporter {
		c.Text += fmt.Sprintf("; %d reports wait, no block is held up", s.QueueLength)
	}
	return c
}

// failing complains of blocks that fail one after the other, and of reporters whose
// other side refuses what it is sent.
func failing(snap status.Snapshot) (list []Complaint) {
	ended, failed, row := 0, 0, 0
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
		if j.State != status.JobDone && j.State != status.JobFailed || ended == judgedBlocks {
			continue
		}
		ended++
		if j.State == status.JobFailed {
			if failed++; failed == 1 {
				last = j
			}
			if row == ended-1 {
				row++
			}
		}
	}
	if row >= failedAtLeast || failed >= failedAtLeast && 2*failed >= ended {
		list = append(list, Complaint{
			ID: "failing", Severity: Unwell, Topic: topicFailure, Stage: last.Stage, Since: last.Finished, Title: "Blocks fail",
			Text:    fmt.Sprintf("%d of the last %d blocks failed, the last one in %s: %s", failed, ended, last.Stage, last.Reason),
			Remedy:  "Mend the cause, then take them up again:",
			Command: "proofline blocks retry --failed",
		})
	}
	for _, s := range snap.Stages {
		if n := refused[s.Name]; s.Kind == contract.KindReporter && n >= failedAtLeast && 2*n >= reports[s.Name] {
			list = append(list, Complaint{
				ID: "refused/" + s.Name, Severity: Unwell, Topic: topicOfStage(s), Stage: s.Name, Title: "Reports are refused",
				Text:   fmt.Sprintf("the other side of the reporter %q refused %d of the last %d reports", s.Name, n, reports[s.Name]),
				Remedy: "The proofs are kept. Why it refuses them:", Command: "proofline blocks list",
			})
		}
	}
	return list
}

// downFor is how long the stage has been seen down without a break; 0 while it is
// up.
func (j *Judge) downFor(s status.Stage, now time.Time) time.Duration {
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

// Up reports whether the stage can work: its process is there, and the engine has
// no reason (GPU missing, disk full, node down) to hand it nothing.
func Up(s status.Stage) bool { return processUp(s) && s.Paused == "" }

func processUp(s status.Stage) bool {
	return s.State == status.StageReady || s.State == status.StageDegraded
}

package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// whole is a pipeline with a stage of every kind and with two reporters of the same plugin.
const whole = `
select: {from: 1, to: 3, repair: 0, order: oldest_first}
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
  - {name: input, plugin: builder-test, config: {CONFIG}}
  - {name: check, plugin: prover-gate, needs: [source], config: {CONFIG}}
  - {name: prove, plugin: prover-test, needs: [input, check], retry: {max: 0}, config: {CONFIG, token: hunter2}}
  - {name: first, plugin: reporter-test, config: {CONFIG}}
  - {name: second, plugin: reporter-test, config: {CONFIG}}
`

// TestLimitedRun checks that three blocks are made, verified, published and reported in
// order, and that no process is left.
func TestLimitedRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, whole)
	run := r.start(Options{Limit: 3})
	outcome, err := run.wait()
	if err != nil {
		t.Fatal(err)
	}
	r.wantGone()
	if len(outcome.Finished) != 3 {
		t.Fatalf("finished %+v", outcome.Finished)
	}
	for _, j := range outcome.Finished {
		n := j.Block.Number
		if j.State != status.JobDone || j.ProvingMS != 3000 || j.Announced != string(contract.EventProved) {
			t.Errorf("block %d is %s, announced %s, proving time %d ms; want done, proved, 3000 (the builder's second and the prover's two)", n, j.State, j.Announced, j.ProvingMS)
		}
		proved := 0
		for _, report := range j.Reports {
			if report.Kind == contract.EventProved {
				proved++
				if report.State != string(record.Sent) || report.Facts[contract.FactOutcome] != contract.OutcomeAccepted {
					t.Errorf("block %d: %s was told %s: %s, %v", n, report.Reporter, report.Kind, report.State, report.Facts)
				}
			}
		}
		if proved != 2 {
			t.Errorf("block %d: %d reports of the proof, want one of each reporter: %+v", n, proved, j.Reports)
		}
		for path, want := range map[string]string{
			"result.json": "{}", "proof.bin": fmt.Sprintf("proof of input of block %d", n),
			"proved.json": "first tells of proved", "second/proved.json": "second tells of proved",
		} {
			if got := r.published(fmt.Sprintf("%d/%s", n, path)); got != want {
				t.Errorf("output/%d/%s holds %q, want %q", n, path, got, want)
			}
		}
	}
	for _, reporter := range []string{"first", "second"} {
		phases := map[uint64][]contract.EventKind{}
		for _, h := range r.heard(reporter) {
			if h.Kind.IsPhase() {
				phases[h.Number] = append(phases[h.Number], h.Kind)
			}
			if h.Kind == contract.EventProved && (h.Stage != "prove" || h.Facts[contract.FactProvingTimeMS] != "3000" || h.Proof != fmt.Sprintf("proof of input of block %d", h.Number)) {
				t.Errorf("%s was told %+v", reporter, h)
			}
			if h.Kind == contract.EventAccepted && h.Facts[contract.FactReporter] == reporter {
				t.Errorf("%s was told that itself has accepted a proof", reporter)
			}
		}
		for n := range uint64(3) {
			order := []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved}
			got := phases[n+1]
			// An earlier phase may be superseded before it was sent; none comes late.
			if len(got) == 0 || got[len(got)-1] != contract.EventProved || !slices.IsSortedFunc(got, func(a, b contract.EventKind) int {
				return slices.Index(order, a) - slices.Index(order, b)
			}) {
				t.Errorf("%s was told of block %d: %v", reporter, n+1, got)
			}
		}
		if !slices.ContainsFunc(r.heard(reporter), func(h heard) bool { return h.Kind == contract.EventAccepted }) {
			t.Errorf("%s was not told that the other has accepted a proof", reporter)
		}
	}
	verified := r.noted("prove", "verified")
	if slices.Sort(verified); !slices.Equal(verified, []string{"1", "2", "3"}) {
		t.Errorf("verified %v", verified)
	}
	if text := r.log.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "printed past the SDK: [redacted]") {
		t.Errorf("the log shows the secret, or not that the plugin has printed something in its place")
	}
	for _, s := range r.p.Stages {
		if opened, closed := r.noted(s.Name, "opened"), r.noted(s.Name, "closed"); len(opened) != 1 || !slices.Equal(opened, closed) {
			t.Errorf("%s was opened by %v and closed by %v", s.Name, opened, closed)
		}
	}
	if left, err := os.ReadDir(filepath.Join(r.p.Data, "attempts")); err != nil || len(left) != 0 {
		t.Errorf("files that nobody needs are left: %v, %v", left, err)
	}
	store, err := offline.OpenCheckpoint(r.p.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if previous, err := store.Begin(record.Run{ID: "next"}); err != nil || previous == nil || previous.Stopped.IsZero() || previous.Version != "0.0.1-test" {
		t.Errorf("the run is recorded as %+v, %v", previous, err)
	}
}

// TestRunsThatDoNotBegin checks that a run which cannot start fails at once with the name of
// the stage, and that no process is left.
func TestRunsThatDoNotBegin(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const pair = `
select: {from: 1, to: 1, repair: 0}
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
  - {name: prove, plugin: PROVER, config: {CONFIG}}
`
	for _, c := range []struct {
		name, prover string
		arrange      func(*rig, *Options)
		want         string
		class        contract.Class
	}{
		{"a plugin that refuses its configuration", "prover-gate", func(r *rig, _ *Options) {
			r.order("prove", "open", "permanent the guest is missing")
		}, "stage prove (prover-gate) does not start: the guest is missing", ""},
		{"a prover that cannot verify", "prover-unsure", func(r *rig, _ *Options) {
			r.p.Stages[1].Verify = new(true)
		}, "stage prove: verify is true, but prover-unsure cannot verify its proofs", ""},
		{"a plugin that is gone", "prover-gate", func(r *rig, o *Options) {
			dir := t.TempDir()
			if err := os.Symlink(os.Args[0], filepath.Join(dir, "source-test")); err != nil {
				t.Fatal(err)
			}
			o.Catalog = catalog.Open([]string{dir})
		}, `plugin "prover-gate"`, ""},
		{"a port that is taken", "prover-gate", func(r *rig, _ *Options) { r.p.Monitor.Listen = taken.Addr().String() },
			"address already in use", ""},
		{"a data directory that is none", "prover-gate", func(r *rig, _ *Options) {
			r.p.Data = filepath.Join(r.dir, "file")
			if err := os.WriteFile(r.p.Data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a directory", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, strings.Replace(pair, "PROVER", c.prover, 1))
			data := r.p.Data
			var o Options
			c.arrange(r, &o)
			run := r.start(o)
			_, err := run.wait()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if run.monitor != "" {
				t.Error("the host has said that it is up")
			}
			if opened := len(r.noted("prove", "opened")); opened > 1 {
				t.Errorf("the prover was started %d times: the first failure ends the run", opened)
			}
			if data == r.p.Data {
				r.wantGone()
			}
		})
	}
}

// TestEndWhilePluginsStart checks that a run ends without waiting for a plugin that starts.
func TestEndWhilePluginsStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
`)
	r.order("source", "open", "hold")
	run := r.start(Options{})
	r.until("the plugin loads", func() bool { return len(r.noted("source", "held")) > 0 })
	run.soft()
	if _, err := run.wait(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.wantGone()
}

// TestHardStop checks that the second signal does not wait for a prover that ignores its
// cancellation, and that the next run continues the work without a report of a crash.
func TestHardStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
select: {from: 1, to: 1, repair: 0}
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
  - {name: input, plugin: builder-test, config: {CONFIG}}
  - {name: prove, plugin: prover-test, config: {CONFIG}}
`)
	const patient = limit + time.Minute // what would be waited for in good order
	r.order("prove", "1", "stubborn")
	run := r.start(Options{Limit: 1, grace: graces{attempt: patient, handler: patient, flush: patient, limited: patient, stop: patient}})
	c := run.client()
	r.until("the proof is begun", func() bool { return len(r.noted("prove", "held")) > 0 })
	run.soft()
	r.until("the host ends", func() bool {
		snap, err := c.Snapshot(t.Context())
		return err == nil && snap.Stopping
	})
	run.hard()
	if outcome, err := run.wait(); err != nil || len(outcome.Finished) != 0 {
		t.Errorf("%+v, %v", outcome, err)
	}
	r.wantGone()
	if j := job(t, offline.Open(r.p), 1); j.State.Finished() || j.ID == "" {
		t.Errorf("the job is %+v", j)
	}

	r.release("prove", "1")
	outcome, err := r.start(Options{Limit: 1}).wait()
	if err != nil || len(outcome.Finished) != 1 || outcome.Finished[0].State != status.JobDone {
		t.Fatalf("%+v, %v", outcome, err)
	}
	for _, s := range outcome.Finished[0].Stages {
		if want := map[string]uint32{"prove": 2}[s.Stage]; s.Attempt != max(want, 1) {
			t.Errorf("%s took %d attempts", s.Stage, s.Attempt)
		}
	}
	if strings.Contains(r.log.String(), "did not end in good order") {
		t.Error("the stop counts as a crash")
	}
}

// TestOrderlyEnd checks that running attempts may finish within the grace period and are
// queued again after it.
func TestOrderlyEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		grace    time.Duration
		finishes bool
	}{{"finished", limit, true}, {"cut off", time.Millisecond, false}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, `
select: {from: 7, to: 7, repair: 0}
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
  - {name: check, plugin: prover-gate, config: {CONFIG}}
`)
			r.order("check", "7", "hold")
			run := r.start(Options{grace: graces{attempt: c.grace, handler: limit, flush: time.Second, limited: time.Second, stop: limit}})
			cl := run.client()
			r.until("the check is begun", func() bool { return len(r.noted("check", "held")) > 0 })
			run.soft()
			if c.finishes {
				r.until("the host ends", func() bool {
					snap, err := cl.Snapshot(t.Context())
					return err == nil && snap.Stopping
				})
				r.release("check", "7")
			}
			if _, err := run.wait(); err != nil {
				t.Error(err)
			}
			if j := job(t, offline.Open(r.p), 7); j.ID == "" || j.State.Finished() != c.finishes {
				t.Errorf("%+v", j)
			}
			if len(r.noted("check", "closed")) != 1 {
				t.Error("the plugin was not closed")
			}
		})
	}
}

// TestSecondHost checks that a second host is refused with the process id of the first, and
// that the first goes on.
func TestSecondHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
`)
	r.p.Select.Targets.Every = 0
	run := r.start(Options{})
	c := run.client()
	_, err := r.start(Options{}).wait()
	if !errors.Is(err, checkpoint.ErrInUse) || contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("%v (%s)", err, contract.ClassOf(err))
	}
	if snap, err := c.Snapshot(t.Context()); err != nil || snap.Stages[0].State != status.StageReady || snap.Stages[0].PID == 0 {
		t.Errorf("%+v, %v", snap.Stages, err)
	}
	answer, err := http.Get("http://" + run.monitor + "/health/live")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the monitor answers %s", answer.Status)
	}
	run.soft()
	if _, err := run.wait(); err != nil {
		t.Error(err)
	}
	r.wantGone()
}

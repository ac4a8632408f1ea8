package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/cluster"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// TestCancelledCall has the host give the call up: the job is cancelled.
func TestCancelledCall(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Phase: time.Hour})
	b := newBench(t, c.URL(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	p, task := b.open(), b.attempt(nil)
	go func() {
		for c.Running() == 0 || !task.has("CALCULATING_CONTRIBUTIONS") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := p.Prove(ctx, task.Task); class(err) != sdk.ClassInterrupted {
		t.Errorf("got %v", err)
	}
	if n := c.Counts(); n.Cancelled != 1 || c.Running() != 0 {
		t.Errorf("%+v, %d jobs run", n, c.Running())
	}
	// The token of a cancelled job costs nothing but a look.
	c.Set(behaviour{})
	if _, err := p.Prove(t.Context(), b.attempt(task.token).Task); err != nil {
		t.Error(err)
	}
}

// TestEndOfProcess has the plugin told to end: the job goes on, and the next
// process takes it up.
func TestEndOfProcess(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Phase: 100 * time.Millisecond})
	b := newBench(t, c.URL(), nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	p, first := b.open(), b.attempt(nil)
	go func() {
		for !first.has("CALCULATING_CONTRIBUTIONS") {
			time.Sleep(time.Millisecond)
		}
		cancel(errors.New("the plugin was told to end"))
	}()
	if _, err := p.Prove(ctx, first.Task); class(err) != sdk.ClassInterrupted {
		t.Fatalf("got %v", err)
	}
	result, err := b.open().Prove(t.Context(), b.attempt(first.token).Task)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(first.token), result.Facts["job_id"]) {
		t.Errorf("job %s, token %s", result.Facts["job_id"], first.token)
	}
	if n := c.Counts(); n != (coordinatortest.Counts{Registered: 1, Setups: 1, Proofs: 1}) {
		t.Errorf("asked for %+v", n)
	}
}

func TestTokens(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{})
	b := newBench(t, c.URL(), nil)
	p, first := b.open(), b.attempt(nil)
	if _, err := p.Prove(t.Context(), first.Task); err != nil {
		t.Fatal(err)
	}
	change := func(field string, value any) []byte {
		var m map[string]any
		if err := json.Unmarshal(first.token, &m); err != nil {
			t.Fatal(err)
		}
		m[field] = value
		data, _ := json.Marshal(m)
		return data
	}
	for name, tc := range map[string]struct {
		token  []byte
		proofs int
	}{
		"same work":         {first.token, 0},
		"other input":       {change("input_sha256", strings.Repeat("0", 64)), 1},
		"other program":     {change("elf_sha256", strings.Repeat("0", 64)), 1},
		"other coordinator": {change("coordinator", "http://elsewhere:7000"), 1},
		"other kind":        {change("minimal", false), 1},
		"unknown job":       {change("job_id", "00000000-0000-4000-8000-000000000000"), 1},
		"nonsense":          {[]byte("{"), 1},
	} {
		before := c.Counts().Proofs
		if _, err := p.Prove(t.Context(), b.attempt(tc.token).Task); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := c.Counts().Proofs - before; n != tc.proofs {
			t.Errorf("%s: %d new jobs, want %d", name, n, tc.proofs)
		}
	}
}

// TestRestartedCoordinator loses programs and jobs.
func TestRestartedCoordinator(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{})
	b := newBench(t, c.URL(), map[string]any{"reconnect_timeout": "20s"})
	p, first := b.open(), b.attempt(nil)
	if _, err := p.Prove(t.Context(), first.Task); err != nil {
		t.Fatal(err)
	}
	c.Restart(t)
	if _, err := p.Prove(t.Context(), b.attempt(first.token).Task); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if n := c.Counts(); n != (coordinatortest.Counts{Registered: 2, Setups: 2, Proofs: 2}) {
		t.Errorf("asked for %+v", n)
	}

	// In the middle of a job: the job is lost, which the next attempt finds out.
	c.Set(behaviour{Phase: time.Hour})
	running := b.attempt(nil)
	go func() {
		for !running.has("CALCULATING_CONTRIBUTIONS") || c.Running() == 0 {
			time.Sleep(time.Millisecond)
		}
		c.Set(behaviour{})
		c.Restart(t)
	}()
	_, err := p.Prove(t.Context(), running.Task)
	if err != nil {
		t.Errorf("a restart in the middle of a job: %v", err)
	}
	if running.saved != 2 || c.Counts().Proofs != 4 {
		t.Errorf("%d tokens, asked for %+v", running.saved, c.Counts())
	}
}

// TestLostAnswer has a job accepted whose id never arrives: the only case in
// which a block can be paid for twice, counted.
func TestLostAnswer(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Lose: true})
	b := newBench(t, c.URL(), nil)
	p := b.open()
	if _, err := p.Prove(t.Context(), b.attempt(nil).Task); class(err) != sdk.ClassEnvironment {
		t.Errorf("got %v", err)
	}
	c.Set(behaviour{})
	p = b.open() // a new process, with the same state directory
	if _, err := p.Prove(t.Context(), b.attempt(nil).Task); err != nil {
		t.Fatal(err)
	}
	if h := p.Health(t.Context()); !strings.Contains(h.Detail, "1 jobs may have been submitted twice") {
		t.Errorf("health %+v", h)
	}
	if _, err := p.Prove(t.Context(), b.attempt(nil).Task); err != nil {
		t.Fatal(err)
	}
	if h := p.Health(t.Context()); !strings.Contains(h.Detail, "1 jobs") {
		t.Errorf("health %+v", h)
	} else if e := h.Endpoints; len(e) != 1 || !e[0].Usable || e[0].Calls < 2 || e[0].Failed != 0 || e[0].Time <= 0 {
		t.Errorf("endpoints %+v", e)
	}
}

// childConfig is what a test hands to a process that proves until it is killed.
type childConfig struct {
	Config cluster.Config
	State  string
	Task   contract.Task
}

func child(text string) error {
	var c childConfig
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	p, err := cluster.Open(context.Background(), c.Config, sdk.Env{StateDir: c.State, Log: log})
	if err != nil {
		return err
	}
	task, err := sdk.OpenTask(c.Task, log, func(e sdk.WorkEvent) error {
		if e.Resume != nil {
			fmt.Println(string(e.Resume))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = p.Prove(context.Background(), task)
	return err
}

// TestKill kills the process that waits for a job. The next one gets the proof
// of the same job.
func TestKill(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Phase: 100 * time.Millisecond})
	b := newBench(t, c.URL(), nil)
	text, err := json.Marshal(childConfig{b.config(), b.state, b.message(nil)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var token []byte
	for buf := make([]byte, 4096); !bytes.HasSuffix(token, []byte("\n")); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		token = append(token, buf[:n]...)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	result, err := b.open().Prove(t.Context(), b.attempt(bytes.TrimSpace(token)).Task)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(token, []byte(result.Facts["job_id"])) || c.Counts().Proofs != 1 {
		t.Errorf("job %s after %s; %+v", result.Facts["job_id"], token, c.Counts())
	}
}

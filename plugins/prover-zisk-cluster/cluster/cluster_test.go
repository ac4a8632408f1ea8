package cluster_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/proofline/proofline/plugins/internal/zisk/proof"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/cluster"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

const childVariable = "CLUSTER_TEST_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := child(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		zisktest.Cleanup()
		os.Exit(code)
	}))
}

type behaviour = coordinatortest.Behaviour

// bench is a stage with a double of the coordinator.
type bench struct {
	t     *testing.T
	state string
	elf   string
	conf  map[string]any
}

func newBench(t *testing.T, url string, config map[string]any) *bench {
	t.Helper()
	b := &bench{t: t, state: t.TempDir(), elf: filepath.Join(t.TempDir(), "guest.elf")}
	if err := os.WriteFile(b.elf, []byte("a guest program"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.conf = map[string]any{"coordinator": url, "elf": b.elf, "capacity_timeout": "300ms", "capacity_pause": "10ms", "reconnect_timeout": "300ms"}
	for k, v := range config {
		b.conf[k] = v
	}
	return b
}

func (b *bench) config() cluster.Config {
	b.t.Helper()
	s, err := schema.For[cluster.Config]()
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := json.Marshal(b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	var c cluster.Config
	if findings := append(s.Decode(data, &c), c.Validate()...); len(findings) > 0 {
		b.t.Fatal(findings)
	}
	return c
}

func (b *bench) open() *cluster.Prover {
	b.t.Helper()
	p, err := cluster.Open(b.t.Context(), b.config(), sdk.Env{StateDir: b.state, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return p
}

type task struct {
	*sdk.Task
	mu     sync.Mutex
	token  []byte
	saved  int
	phases []string
}

func (b *bench) message(token []byte) contract.Task {
	input := append(binary.LittleEndian.AppendUint64(nil, 8), "an input"...)
	dir := b.t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "input.bin"), input, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return contract.Task{Job: "1-100-aabbccdd", Attempt: 1, Dir: dir, ResumeToken: token,
		Inputs: []contract.Artifact{{Name: "input.bin", Path: "in/input.bin", Size: int64(len(input)), SHA256: sha256.Sum256(input)}}}
}

func (b *bench) attempt(token []byte) *task {
	b.t.Helper()
	result := &task{}
	t, err := sdk.OpenTask(b.message(token), slog.New(slog.DiscardHandler), func(e sdk.WorkEvent) error {
		result.mu.Lock()
		defer result.mu.Unlock()
		if e.Resume != nil {
			result.token = e.Resume
			result.saved++
		}
		if e.Progress != nil && !slices.Contains(result.phases, e.Progress.Phase) {
			result.phases = append(result.phases, e.Progress.Phase)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(t.Close)
	result.Task = t
	return result
}

func (t *task) has(phase string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.phases, phase)
}

func class(err error) sdk.Class {
	if err == nil {
		return ""
	}
	return sdk.ClassOf(err)
}

func TestProve(t *testing.T) {
	for _, layout := range []proof.Layout{proof.Bincode017, proof.Bincode018, proof.Bincode100} {
		t.Run(string(layout), func(t *testing.T) {
			c := coordinatortest.Start(t, behaviour{Layout: layout, Phase: 20 * time.Millisecond})
			b := newBench(t, c.URL(), nil)
			p, task := b.open(), b.attempt(nil)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			if result.WorkTime != 2250*time.Millisecond || result.Facts["proving_cycles"] != "4711" || result.Facts["test_proof"] != "true" || result.Facts["job_id"] == "" {
				t.Errorf("%+v", result)
			}
			for _, phase := range []string{"CALCULATING_CONTRIBUTIONS", "GENERATING_PROOFS", "AGGREGATING"} {
				if !task.has(phase) {
					t.Errorf("phase %s is missing in %v", phase, task.phases)
				}
			}
			var names []string
			for _, a := range result.Outputs {
				names = append(names, a.Name)
				if a.Role != sdk.RoleProof {
					continue
				}
				data, err := os.ReadFile(filepath.Join(task.Dir, a.Path))
				if err != nil || !bytes.Contains(data, []byte("PROOFLINE-TEST-DOUBLE")) {
					t.Errorf("%s does not show that a double made it: %v", a.Name, err)
				}
				if decoded, err := proof.Decode(data, proof.Flat); err != nil || !decoded.Minimal {
					t.Errorf("%s: %v", a.Name, err)
				}
			}
			slices.Sort(names)
			if !slices.Equal(names, []string{"proof.words.bin", "result.json", "vadcop_final_proof.bin"}) {
				t.Errorf("outputs %v", names)
			}
			if _, err := p.Prove(t.Context(), b.attempt(nil).Task); err != nil {
				t.Fatal(err)
			}
			if n := c.Counts(); n != (coordinatortest.Counts{Registered: 1, Setups: 1, Proofs: 2}) {
				t.Errorf("asked for %+v", n)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		how    behaviour
		config map[string]any
		class  sdk.Class
		text   string
		token  bool // a job is left to be taken up
	}{
		"no workers":     {behaviour{NoWorkers: true}, nil, sdk.ClassEnvironment, "no workers connected", false},
		"setting up":     {behaviour{SettingUp: 3}, nil, "", "", true},
		"guest":          {behaviour{Fail: "Service mo process crashed with signal: 11"}, nil, sdk.ClassPermanent, "signal: 11", false},
		"cuda":           {behaviour{Fail: "[CUDA] cudaMemcpy failed: unspecified launch failure (719)"}, nil, sdk.ClassRetryable, "launch failure", false},
		"vram":           {behaviour{Fail: "Not enough GPU memory to run the proof"}, nil, sdk.ClassEnvironment, "GPU memory", false},
		"no reason":      {behaviour{Fail: "task failed"}, nil, sdk.ClassRetryable, "task failed", false},
		"internal":       {behaviour{Refuse: codes.Internal}, nil, sdk.ClassRetryable, "internal error", false},
		"invalid":        {behaviour{Refuse: codes.InvalidArgument}, nil, sdk.ClassPermanent, "", false},
		"other program":  {behaviour{Wrong: true}, nil, sdk.ClassRetryable, "of the program", false},
		"not minimal":    {behaviour{Full: true}, nil, sdk.ClassRetryable, "minimal", false},
		"cut off":        {behaviour{Cut: true}, nil, sdk.ClassRetryable, "no proof in any known layout", false},
		"pinned program": {behaviour{}, map[string]any{"program_key": strings.Repeat("01", 32)}, sdk.ClassEnvironment, "program_key", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := coordinatortest.Start(t, tc.how)
			b := newBench(t, c.URL(), tc.config)
			task := b.attempt(nil)
			_, err := b.open().Prove(t.Context(), task.Task)
			if class(err) != tc.class || err != nil && !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, %s", err, class(err))
			}
			if (len(task.token) > 0) != tc.token {
				t.Errorf("token %s", task.token)
			}
			if notes, _ := filepath.Glob(filepath.Join(b.state, "submitting-*")); len(notes) > 0 {
				t.Errorf("notes are left: %v", notes)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{})
	url := c.URL()
	c.Stop()
	b := newBench(t, url, nil)
	p := b.open()
	_, err := p.Prove(t.Context(), b.attempt(nil).Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), url) {
		t.Errorf("got %v", err)
	}
	if h := p.Health(t.Context()); h.State != sdk.HealthUnavailable {
		t.Errorf("health %+v", h)
	}
	found := false
	for _, f := range b.config().Check(t.Context()) {
		found = found || f.Severity == sdk.SeverityError && f.Pointer == "/coordinator" && f.Remedy != ""
	}
	if !found {
		t.Error("the preflight finds nothing")
	}
}

func TestCheck(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{})
	b := newBench(t, c.URL(), nil)
	for _, f := range b.config().Check(t.Context()) {
		if f.Severity != sdk.SeverityInfo {
			t.Errorf("%v", f)
		}
	}
	for _, address := range []string{"", "localhost:7000", "http://user:pass@x:1", "http://x:1/path", "ftp://x"} {
		c := b.config()
		c.Coordinator = address
		if len(c.Validate()) == 0 {
			t.Errorf("%q was accepted", address)
		}
	}
}

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
	}
}

func TestVerify(t *testing.T) {
	tool := zisktest.New(t, zisktest.Scenario{Version: "0.18.0"})
	for name, tc := range map[string]struct {
		how  behaviour
		bin  string
		want string
	}{
		"good":                  {behaviour{}, tool.Path, ""},
		"wrong":                 {behaviour{Invalid: true}, tool.Path, "does not verify"},
		"wrong, without a tool": {behaviour{Invalid: true}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := coordinatortest.Start(t, tc.how)
			b := newBench(t, c.URL(), map[string]any{"verify_bin": tc.bin})
			p, task := b.open(), b.attempt(nil)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			message := task.Task.Task
			message.Inputs = append(append([]contract.Artifact{}, message.Inputs...), result.Outputs...)
			check, err := sdk.OpenTask(message, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			defer check.Close()
			err = p.Verify(t.Context(), check)
			if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || class(err) != sdk.ClassRetryable) {
				t.Errorf("got %v", err)
			}
		})
	}
	old := zisktest.New(t, zisktest.Scenario{Version: "0.16.1"})
	b := newBench(t, "http://localhost:1", map[string]any{"verify_bin": old.Path})
	if _, err := cluster.Open(t.Context(), b.config(), sdk.Env{StateDir: b.state, Log: slog.New(slog.DiscardHandler)}); class(err) != sdk.ClassEnvironment {
		t.Errorf("a tool of 0.16: %v", err)
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

package prover_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClasses: what a text means, and that Execute decides where the guest or the
// machine can be at fault.
func TestClasses(t *testing.T) {
	for _, test := range []struct {
		err, executed string // texts of the server
		witness       bool   // an input that no gate has executed
		want          sdk.Class
		stale         bool
	}{
		{err: "SP1 execution completed with non-success exit code: 1", want: sdk.ClassPermanent},
		{err: "Emulation failure", witness: true, want: sdk.ClassRetryable, stale: true},
		{err: "Unsupported input: no dedicated proofs stream", want: sdk.ClassEnvironment},
		{err: "Prove failed: something", want: sdk.ClassRetryable},
		{err: "Prove failed: something", executed: "Emulation failure", want: sdk.ClassPermanent},
		{err: "SP1 SDK proving failed: x", executed: "guest failed: exit code 1", want: sdk.ClassPermanent},
		{err: "SP1 SDK proving failed: x", executed: "execute panicked", want: sdk.ClassRetryable},
		{err: "prove panicked", want: sdk.ClassRetryable},
		{err: "Enable `cuda` feature to use `ProverResource::Gpu`", want: sdk.ClassEnvironment},
		{err: "Setup job 7 timed out", want: sdk.ClassEnvironment},
		{err: "Prove job 7 timed out", want: sdk.ClassRetryable},
		{err: "nobody has seen this text", want: sdk.ClassRetryable},
	} {
		server := eretest.Start(t, behaviour{
			Prove:   func([]byte) eretest.Outcome { return eretest.Outcome{Err: test.err} },
			Execute: func([]byte) eretest.Outcome { return eretest.Outcome{Err: test.executed} },
		})
		s := newStage(t, nil, server)
		inputs := framed("hello")
		if test.witness {
			inputs["witness.json"] = []byte("{}")
		}
		_, err := s.open().Prove(t.Context(), s.attempt("1-100-aa", inputs, nil).Task)
		if sdk.ClassOf(err) != test.want || err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: %v %v", test, sdk.ClassOf(err), err)
		}
		if e, ok := errors.AsType[*sdk.Error](err); !ok || (len(e.Stale) > 0) != test.stale || e.Remedy == "" {
			t.Errorf("%+v: %+v", test, e)
		}
		asked := strings.HasPrefix(test.err, "Prove failed") || strings.HasPrefix(test.err, "SP1 SDK")
		if n := server.Executions.Load(); (n == 1) != asked {
			t.Errorf("%+v: %d executions", test, n)
		}
	}
}

// TestPanicsOfTwoBlocks are the machine's: the stage pauses.
func TestPanicsOfTwoBlocks(t *testing.T) {
	server := eretest.Start(t, behaviour{})
	s := newStage(t, nil, server)
	p := s.open()
	if _, err := p.Prove(t.Context(), s.attempt("1-100-aa", framed("panic"), nil).Task); sdk.ClassOf(err) != sdk.ClassRetryable {
		t.Errorf("the first: %v", err)
	}
	if _, err := p.Prove(t.Context(), s.attempt("1-101-bb", framed("panic"), nil).Task); sdk.ClassOf(err) != sdk.ClassEnvironment {
		t.Errorf("the second: %v", err)
	}
}

// TestDeath: a server that dies with a proof frees its slot; a server that is not there
// is a fault of the machine.
func TestDeath(t *testing.T) {
	server := eretest.Start(t, behaviour{Prove: func([]byte) eretest.Outcome { return eretest.Outcome{Die: true} }})
	s := newStage(t, nil, server)
	p := s.open()
	_, err := p.Prove(t.Context(), s.attempt("1-100-aa", framed("hello"), nil).Task)
	if sdk.ClassOf(err) != sdk.ClassRetryable || err == nil || !strings.Contains(err.Error(), "its process has died") {
		t.Errorf("%v", err)
	}
	_, err = p.Prove(t.Context(), s.attempt("1-101-bb", framed("hello"), nil).Task)
	if sdk.ClassOf(err) != sdk.ClassEnvironment || err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody listens: %v", err)
	}
	eventually(t, func() bool { return p.Health(t.Context()).State == sdk.HealthUnavailable })
	if e := p.Health(t.Context()).Endpoints; len(e) != 1 || e[0].Usable || e[0].Detail == "" || e[0].Failed == 0 || e[0].Failed > e[0].Calls {
		t.Errorf("endpoints %+v", e)
	}
	server.Become(behaviour{})
	server.Restart(t)
	if _, err := p.Prove(t.Context(), s.attempt("1-101-bb", framed("hello"), nil).Task); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// eventually waits for a condition, which has a minute.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Error("the condition does not come true within a minute")
			return
		}
	}
}

// abandon has a proof given up in the middle, and returns the stage, the server and
// what ends that proof.
func abandon(t *testing.T, config map[string]any) (*stage, *eretest.Server, chan struct{}) {
	t.Helper()
	until := make(chan struct{})
	server := eretest.Start(t, behaviour{Prove: func(input []byte) eretest.Outcome {
		if string(input) == "long" {
			return eretest.Outcome{Until: until}
		}
		return eretest.Outcome{}
	}})
	s := newStage(t, config, server)
	p := s.open()
	ctx, cancel := context.WithCancelCause(t.Context())
	a := s.attempt("1-100-aa", framed("long"), nil)
	go func() {
		eventually(t, func() bool { return server.Proofs.Load() == 1 })
		cancel(errors.New("the deadline is over"))
	}()
	_, err := p.Prove(ctx, a.Task)
	if sdk.ClassOf(err) != sdk.ClassInterrupted || err == nil || !strings.Contains(err.Error(), "the deadline is over") {
		t.Fatalf("%v", err)
	}
	return s, server, until
}

// TestWaitBehindAbandoned: without on_timeout the next proof waits, and that time is
// none of its own. The note outlives the process.
func TestWaitBehindAbandoned(t *testing.T) {
	s, server, until := abandon(t, nil)
	p, a := s.open(), s.attempt("1-101-bb", framed("hello"), nil) // a new process of the plugin
	done := make(chan error)
	var work time.Duration
	go func() {
		result, err := p.Prove(t.Context(), a.Task)
		if err == nil {
			work = result.WorkTime
		}
		done <- err
	}()
	a.wait(t, sdk.PhaseAccepted)
	if server.Proofs.Load() != 1 || a.has("PROVING") {
		t.Errorf("%d proofs were begun, phases %v", server.Proofs.Load(), a.phases)
	}
	close(until)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if work != 4927*time.Nanosecond || !a.has("PROVING") {
		t.Errorf("work time %v, phases %v", work, a.phases)
	}
}

// TestRestartOnTimeout: the command is run before the next proof, once, with the
// address of the server whose slot is lost.
func TestRestartOnTimeout(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s, server, until := abandon(t, map[string]any{"on_timeout": []string{"sh", "-c", `echo "$0 $ERE_ENDPOINT" >> ` + log, "{endpoint}"}})
	defer close(until)
	p := s.open()
	// The command of a real deployment restarts the server; here the test does.
	server.Restart(t)
	for _, job := range []string{"1-101-bb", "1-102-cc"} {
		if _, err := p.Prove(t.Context(), s.attempt(job, framed("hello"), nil).Task); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(log)
	if want := server.URL + " " + server.URL + "\n"; err != nil || string(got) != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}

// TestRestartFails: the stage pauses, and the next attempt tries again.
func TestRestartFails(t *testing.T) {
	s, _, until := abandon(t, map[string]any{"on_timeout": []string{"sh", "-c", "echo no such container >&2; exit 1"}})
	defer close(until)
	p := s.open()
	for range 2 {
		_, err := p.Prove(t.Context(), s.attempt("1-101-bb", framed("hello"), nil).Task)
		if sdk.ClassOf(err) != sdk.ClassEnvironment || err == nil || !strings.Contains(err.Error(), "no such container") {
			t.Errorf("%v", err)
		}
	}
}

// TestStuck: a server that says that its proof takes too long is believed, and not
// stopped.
func TestStuck(t *testing.T) {
	until := make(chan struct{})
	server := eretest.Start(t, behaviour{ProveTimeout: time.Nanosecond, Prove: func([]byte) eretest.Outcome { return eretest.Outcome{Until: until} }})
	s := newStage(t, nil, server)
	p, a := s.open(), s.attempt("1-100-aa", framed("hello"), nil)
	done := make(chan error)
	go func() { _, err := p.Prove(t.Context(), a.Task); done <- err }()
	a.wait(t, "PROVING")
	if h := p.Health(t.Context()); h.State != sdk.HealthReady { // it is at work
		t.Errorf("%+v", h)
	}
	close(until)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestTwoServers prove two blocks at a time.
func TestTwoServers(t *testing.T) {
	until := make(chan struct{})
	hang := behaviour{Prove: func([]byte) eretest.Outcome { return eretest.Outcome{Until: until} }}
	servers := []*eretest.Server{eretest.Start(t, hang), eretest.Start(t, hang)}
	s := newStage(t, nil, servers...)
	p := s.open()
	done := make(chan error, 2)
	for _, job := range []string{"1-100-aa", "1-101-bb"} {
		a := s.attempt(job, framed("hello"), nil)
		go func() { _, err := p.Prove(t.Context(), a.Task); done <- err }()
		a.wait(t, "PROVING")
	}
	eventually(t, func() bool { return servers[0].Proofs.Load() == 1 && servers[1].Proofs.Load() == 1 })
	close(until)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestAnswerOfAnotherVersion: an answer that cannot be read pauses the stage, and the
// slot is free: the server has answered.
func TestAnswerOfAnotherVersion(t *testing.T) {
	model := eretest.Start(t, behaviour{})
	to, err := url.Parse(model.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	for name, answer := range map[string]string{
		"no protobuf": "\xff", "nothing": "", "a longer report": "\x0a\x19\x0a\x01x\x12\x01p\x1a\x11" + strings.Repeat("\x00", 17),
	} {
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/Prove") {
				proxy.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, answer)
		}))
		s := newStage(t, map[string]any{"endpoints": []string{front.URL}})
		_, err := s.open().Prove(t.Context(), s.attempt("1-100-aa", framed("hello"), nil).Task)
		if e, ok := errors.AsType[*sdk.Error](err); !ok || e.Class != sdk.ClassEnvironment || !strings.Contains(e.Remedy, "install ere-server 0.9 to 0.16") {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(s.state, "slot-*")); len(left) > 0 {
			t.Errorf("%s: the slot counts as lost: %v", name, left)
		}
		front.CloseClientConnections()
		front.Close()
	}
}

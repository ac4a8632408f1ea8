package cluster_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/cluster"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

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
		"guest":          {behaviour{Fail: "panicked at src/main.rs:1:2: Block validation failed"}, nil, sdk.ClassPermanent, "Block validation", false},
		"service crash":  {behaviour{Fail: "Service mo process crashed with signal: 11"}, nil, sdk.ClassRetryable, "signal: 11", false},
		"cuda":           {behaviour{Fail: "[CUDA] cudaMemcpy failed: unspecified launch failure (719)"}, nil, sdk.ClassEnvironment, "launch failure", false},
		"vram":           {behaviour{Fail: "Not enough GPU memory to run the proof"}, nil, sdk.ClassEnvironment, "GPU memory", false},
		"no key":         {behaviour{Fail: "Task failed: Path does not exist: \"/root/.zisk/provingKey\""}, nil, sdk.ClassEnvironment, "provingKey", false},
		"no reason":      {behaviour{Fail: "task failed"}, nil, sdk.ClassRetryable, "task failed", false},
		"internal":       {behaviour{Refuse: codes.Internal}, nil, sdk.ClassRetryable, "internal error", false},
		"invalid":        {behaviour{Refuse: codes.InvalidArgument}, nil, sdk.ClassPermanent, "", false},
		"other program":  {behaviour{Wrong: true}, nil, sdk.ClassRetryable, "of the program", false},
		"not minimal":    {behaviour{Full: true}, nil, sdk.ClassRetryable, "minimal", false},
		"cut off":        {behaviour{Cut: true}, nil, sdk.ClassRetryable, "no proof in any layout", false},
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
	} else if e := h.Endpoints; len(e) != 1 || e[0].Name != url || e[0].Usable || e[0].Failed == 0 || e[0].Failed > e[0].Calls {
		t.Errorf("endpoints %+v", e)
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

func TestVerify(t *testing.T) {
	tool := zisktest.New(t, zisktest.Scenario{Version: "0.18.0"})
	for name, tc := range map[string]struct {
		how  behaviour
		bin  string
		want string
	}{
		"good":                  {behaviour{}, tool.Path, ""},
		"wrong":                 {behaviour{Invalid: true}, tool.Path, "does not verify"},
		"wrong, without a tool": {behaviour{Invalid: true}, "", "does not verify"},
		"marked as a double's":  {behaviour{}, "", "does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			c := coordinatortest.Start(t, tc.how)
			b := newBench(t, c.URL(), map[string]any{"verify_bin": tc.bin})
			if tc.bin != "" {
				b.conf["verifier"] = "tool"
			}
			p, task := b.open(), b.attempt(nil)
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			message := task.Task.Task
			message.Inputs = append(slices.Clone(message.Inputs), sdktest.Recorded(t, message.Dir, result.Outputs)...)
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

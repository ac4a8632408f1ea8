package prover_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/plugins/prover-ere/prover"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// stage is a stage of the plugin with its state directory.
type stage struct {
	t      *testing.T
	state  string
	config map[string]any
}

func newStage(t *testing.T, config map[string]any, servers ...*eretest.Server) *stage {
	s := &stage{t: t, state: t.TempDir(), config: map[string]any{"proof": "ere", "health_interval": "10ms"}}
	var endpoints []string
	for _, server := range servers {
		endpoints = append(endpoints, server.URL)
	}
	s.config["endpoints"] = endpoints
	for k, v := range config {
		s.config[k] = v
	}
	return s
}

// decode returns the configuration and what is wrong with it.
func (s *stage) decode() (c prover.Config, findings []sdk.Finding) {
	s.t.Helper()
	description, err := schema.For[prover.Config]()
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := json.Marshal(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return c, append(description.Decode(data, &c), c.Validate()...)
}

func (s *stage) open() *prover.Prover {
	s.t.Helper()
	config, findings := s.decode()
	if len(findings) > 0 {
		s.t.Fatal(findings)
	}
	p, err := prover.Open(s.t.Context(), config, sdk.Env{StateDir: s.state, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return p
}

// task is one attempt whose progress is recorded.
type task struct {
	*sdk.Task
	mu      sync.Mutex
	phases  []string
	changed chan struct{} // gets a value after each event
}

// attempt makes an attempt of a job with these inputs.
func (s *stage) attempt(job string, inputs map[string][]byte, facts map[string]string) *task {
	s.t.Helper()
	message := contract.Task{Job: job, Attempt: 1, Dir: s.t.TempDir(), Facts: facts, Block: contract.Block{Number: 100}}
	if err := os.Mkdir(filepath.Join(message.Dir, "in"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	for name, data := range inputs {
		if err := os.WriteFile(filepath.Join(message.Dir, "in", name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
		message.Inputs = append(message.Inputs, contract.Artifact{Name: name, Path: "in/" + name, Size: int64(len(data)), SHA256: sha256.Sum256(data)})
	}
	result := &task{changed: make(chan struct{}, 1000)}
	t, err := sdk.OpenTask(message, slog.New(slog.DiscardHandler), func(e sdk.WorkEvent) error {
		result.mu.Lock()
		defer result.mu.Unlock()
		if e.Progress != nil && !slices.Contains(result.phases, e.Progress.Phase) {
			result.phases = append(result.phases, e.Progress.Phase)
		}
		select {
		case result.changed <- struct{}{}:
		default:
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(t.Close)
	result.Task = t
	return result
}

func (t *task) has(phase string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.phases, phase)
}

// wait waits for a phase.
func (t *task) wait(test *testing.T, phase string) {
	test.Helper()
	for limit := time.After(time.Minute); !t.has(phase); {
		select {
		case <-t.changed:
		case <-limit:
			test.Fatalf("no %s within a minute", phase)
		}
	}
}

// framed is an input in the frame of ZisK.
func framed(text string) map[string][]byte {
	data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	return map[string][]byte{"input.bin": append(data, make([]byte, -len(data)&7)...)}
}

// verify hands the outputs of an attempt to Verify, as the host does.
func (s *stage) verify(p *prover.Prover, t *task, result *sdk.Result, change func(name string, data []byte) []byte) error {
	s.t.Helper()
	inputs := map[string][]byte{}
	for _, a := range result.Outputs {
		data, err := os.ReadFile(filepath.Join(t.Dir, a.Path))
		if err != nil {
			s.t.Fatal(err)
		}
		if change != nil {
			data = change(a.Name, data)
		}
		inputs[a.Name] = data
	}
	v := s.attempt(t.Job, inputs, t.Facts)
	for i := range v.Inputs {
		for _, a := range result.Outputs {
			if a.Name == v.Inputs[i].Name {
				v.Inputs[i].Role = a.Role
			}
		}
	}
	return p.Verify(context.Background(), v.Task)
}

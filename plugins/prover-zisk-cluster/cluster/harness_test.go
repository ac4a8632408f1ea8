package cluster_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

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

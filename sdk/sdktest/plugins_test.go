package sdktest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/process"
)

// The test binary is also the plugins under test: this variable names one.
const pluginName = "SDKTEST_PLUGIN"

func TestMain(m *testing.M) {
	mode := os.Getenv(pluginName)
	if check, ok := strings.CutPrefix(mode, "bad:"); ok {
		serveProxy(faults[check])
	}
	switch mode {
	case "":
		goleak.VerifyTestMain(m)
	case "sleep":
		time.Sleep(time.Minute)
	default:
		sdk.Serve(plugin(mode))
	}
}

type config struct {
	Key   string     `json:"key" doc:"Must be given." required:"true"`
	Slow  bool       `json:"slow" doc:"Work until cancelled."`
	Token sdk.Secret `json:"token" doc:"An access token."`
	Level int        `json:"level" doc:"A number." default:"3" min:"1"`
}

// plugin makes the good plugin of a kind, or a builder with a fault.
func plugin(mode string) sdk.Plugin {
	summary := sdk.Summary("Is under test.")
	switch mode {
	case "source":
		return sdk.NewSource("source-demo", "1.0.0", func(_ context.Context, c config, _ sdk.Env) (*source, error) {
			return &source{worker{config: c}}, nil
		}, summary)
	case "prover":
		return sdk.NewProver("prover-demo", "1.0.0", func(_ context.Context, c config, _ sdk.Env) (*prover, error) {
			return &prover{worker{config: c}}, nil
		}, summary, sdk.Capabilities(contract.CapabilityResumeToken))
	case "reporter":
		return sdk.NewReporter("reporter-demo", "1.0.0", func(_ context.Context, c config, _ sdk.Env) (*reporter, error) {
			return &reporter{worker{config: c}}, nil
		}, summary, sdk.Events(sdk.EventKind("proved"), contract.EventNodeDown))
	}
	return sdk.NewBuilder("builder-demo", "1.0.0", newWorker(mode), summary)
}

func newWorker(fault string) func(context.Context, config, sdk.Env) (*worker, error) {
	return func(_ context.Context, c config, _ sdk.Env) (*worker, error) {
		return &worker{config: c, fault: fault}, nil
	}
}

// worker copies its input, or runs a tool until it is cancelled.
type worker struct {
	config config
	fault  string
}

func (w *worker) Build(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if w.config.Slow {
		return nil, w.slow(ctx, t)
	}
	if w.fault == "litter" {
		if err := os.WriteFile("litter", nil, 0o600); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(t.Dir, "in", "block.json")
	if w.fault != "trust" {
		var err error
		if path, err = t.Input("block.json"); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return w.write(t, "input.bin", data)
}

func (w *worker) write(t *sdk.Task, name string, data []byte) (*sdk.Result, error) {
	if w.fault == "half" {
		path := filepath.Join(t.Dir, "out", name)
		if err := writeSlowly(path, data); err != nil {
			return nil, err
		}
		a, err := t.Adopt(path, name)
		return &sdk.Result{Outputs: []sdk.Artifact{a}}, err
	}
	out, err := t.Create(name)
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	if _, err := out.Write(data); err != nil {
		return nil, err
	}
	a, err := out.Commit()
	if name == "proof.bin" {
		a.Role = sdk.RoleProof
	}
	return &sdk.Result{Outputs: []sdk.Artifact{a}}, err
}

// writeSlowly publishes its file before it is complete.
func writeSlowly(path string, data []byte) error {
	for n := 0; n < len(data); n += 50 {
		if err := os.WriteFile(path, data[:n], 0o600); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return os.WriteFile(path, data, 0o600)
}

func (w *worker) slow(ctx context.Context, t *sdk.Task) error {
	tool := &process.Command{Path: os.Args[0], Env: append(os.Environ(), pluginName+"=sleep"), Grace: time.Second}
	t.Progress(sdk.Progress{Phase: "SLEEPING"})
	_, err := tool.Run(ctx)
	return err
}

// source is a chain that was always there.
type source struct{ worker }

const head = 1000

func at(number uint64) sdk.Block {
	b := sdk.Block{ChainID: 1, Number: number}
	binary.BigEndian.PutUint64(b.Hash[:], number+1)
	return b
}

func (s *source) Poll(ctx context.Context, r sdk.PollRequest) (p sdk.PollResponse, err error) {
	next := uint64(head - 5)
	if r.Selection.From != nil {
		next = *r.Selection.From
	}
	if len(r.Cursor) == 8 {
		next = binary.BigEndian.Uint64(r.Cursor)
	}
	for ; next <= head && len(p.Blocks) < r.Max; next++ {
		if r.Selection.Includes(next) {
			p.Blocks = append(p.Blocks, at(next))
		}
	}
	if len(p.Blocks) == 0 {
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(r.Wait):
		}
	}
	p.NextCursor, p.Head, p.Done = binary.BigEndian.AppendUint64(nil, next), head, next > head
	return p, nil
}

func (s *source) Resolve(_ context.Context, numbers []uint64) (out []sdk.Resolution, err error) {
	for _, n := range numbers {
		r := sdk.Resolution{Number: n, Reason: "it does not exist yet"}
		if n <= head {
			block := at(n)
			r = sdk.Resolution{Number: n, Block: &block}
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *source) Fetch(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if s.config.Slow {
		return nil, s.slow(ctx, t)
	}
	block, err := s.write(t, sdk.ArtifactBlock, []byte(`{}`))
	if err != nil {
		return nil, err
	}
	witness, err := s.write(t, sdk.ArtifactWitness, []byte(`{}`))
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: append(block.Outputs, witness.Outputs...)}, nil
}

// prover proves by copying.
type prover struct{ worker }

func (p *prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if p.config.Slow {
		return nil, p.slow(ctx, t)
	}
	data, err := read(t, "input.bin")
	if err == nil {
		err = t.SaveResume(data)
	}
	if err != nil {
		return nil, err
	}
	return p.write(t, "proof.bin", data)
}

func (p *prover) Verify(_ context.Context, t *sdk.Task) error {
	input, err := read(t, "input.bin")
	if err != nil {
		return err
	}
	proof, err := read(t, "proof.bin")
	if err != nil {
		return err
	}
	if string(input) != string(proof) {
		return errors.Join(sdk.Permanent(errors.New("the proof is not valid")), t.SaveResume(nil))
	}
	return nil
}

func read(t *sdk.Task, name string) ([]byte, error) {
	path, err := t.Input(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// reporter writes what it would send.
type reporter struct{ worker }

func (r *reporter) Report(ctx context.Context, e *sdk.Event) (*sdk.Result, error) {
	if r.config.Slow {
		e.Progress(sdk.Progress{Phase: "SENDING"})
		<-ctx.Done()
		return nil, ctx.Err()
	}
	out, err := e.Create("body.json")
	if err != nil {
		return nil, err
	}
	defer out.Discard()
	if _, err := fmt.Fprintf(out, "{%q:%q}", "kind", e.Kind); err != nil {
		return nil, err
	}
	a, err := out.Commit()
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{a}}, e.Publish(a)
}

package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// settings configure every plugin of the tests. Orders for the plugins are files in Dir,
// which all of them share: STAGE.WHAT holds what the stage does instead of its work, see
// plugin.act. WHAT is "open", "health", a block number, or for a reporter KIND-NUMBER.
type settings struct {
	Dir   string     `json:"dir" doc:"Directory of the orders." required:"true" format:"dir"`
	Hours int        `json:"hours" doc:"Age of the blocks."`
	Token sdk.Secret `json:"token" doc:"A secret."`
}

// testPlugins are plugins made with the SDK, like those of the product. They prove nothing,
// but produce real files under the names of the contract.
func testPlugins() map[string]sdk.Plugin {
	all := map[string]sdk.Plugin{}
	for _, p := range []sdk.Plugin{
		sdk.NewSource("source-test", "1.0.0", open[testSource]),
		sdk.NewSource("source-replay", "1.0.0", open[testSource], sdk.Capabilities(contract.CapabilityReplay)),
		sdk.NewBuilder("builder-test", "1.0.0", open[testBuilder]),
		sdk.NewProver("prover-gate", "1.0.0", openGate),
		sdk.NewProver("prover-test", "1.0.0", open[testProver]),
		sdk.NewProver("prover-unsure", "1.0.0", openUnsure),
		sdk.NewReporter("reporter-test", "1.0.0", open[testReporter]),
	} {
		all[p.Manifest().Name] = p
	}
	return all
}

// plugin is the common part of the plugins.
type plugin struct {
	settings
	stage string
}

func (p *plugin) path(what string) string { return filepath.Join(p.Dir, p.stage+"."+what) }

// note appends a line to a file beside the orders.
func (p *plugin) note(what, line string) error {
	f, err := os.OpenFile(p.path(what), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// act carries out an order: it returns an error of a class, waits ("hold") until the order
// is removed, or waits until the process ends ("stubborn"). Without an order it does nothing.
func (p *plugin) act(ctx context.Context, what string) error {
	for held := false; ; {
		text, err := os.ReadFile(p.path(what))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		switch order, reason, _ := strings.Cut(string(text), " "); order {
		case "permanent":
			return sdk.Permanent(errors.New(reason))
		case "environment":
			return sdk.Environment(errors.New(reason), "remove the order")
		case "stubborn":
			if !held {
				_ = p.note("held", what)
			}
			select {}
		case "hold":
			if !held {
				if err := p.note("held", what); err != nil {
					return err
				}
			}
			held = true
		default:
			return fmt.Errorf("%s: unknown order %q", p.path(what), text)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Health returns an error while there is such an order.
func (p *plugin) Health(context.Context) sdk.Health {
	if text, err := os.ReadFile(p.path("health")); err == nil {
		return sdk.Health{State: sdk.HealthUnavailable, Detail: string(text)}
	}
	return sdk.Health{State: sdk.HealthReady}
}

// Close adds a note, so that tests can tell an orderly end from a killed plugin.
func (p *plugin) Close() error { return p.note("closed", strconv.Itoa(os.Getpid())) }

func opened(ctx context.Context, s settings, env sdk.Env) (*plugin, error) {
	p := &plugin{settings: s, stage: env.Stage}
	env.Log.Info("configured", "token", s.Token.Reveal())
	fmt.Println("printed past the SDK:", s.Token.Reveal())
	return p, errors.Join(p.note("opened", strconv.Itoa(os.Getpid())), p.act(ctx, "open"))
}

func open[T any, P interface {
	*T
	use(*plugin)
}](ctx context.Context, s settings, env sdk.Env) (P, error) {
	common, err := opened(ctx, s, env)
	p := P(new(T))
	p.use(common)
	return p, err
}

func write(create func(string) (*sdk.Output, error), name, text string) (sdk.Artifact, error) {
	out, err := create(name)
	if err != nil {
		return sdk.Artifact{}, err
	}
	defer out.Discard()
	if _, err := out.Write([]byte(text)); err != nil {
		return sdk.Artifact{}, err
	}
	return out.Commit()
}

func read(t *sdk.Task, name string) (string, error) {
	path, err := t.Input(name)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

func number(t *sdk.Task) string { return strconv.FormatUint(t.Block.Number, 10) }

// testSource is a source with the blocks 1 to 1000.
type testSource struct{ *plugin }

func (s *testSource) use(p *plugin) { s.plugin = p }

const lastBlock = 1000

func (s *testSource) block(number uint64) sdk.Block {
	return sdk.Block{ChainID: 1, Number: number, Hash: sdk.Hash{byte(number), byte(number >> 8), 0xaa}, GasUsed: 21_000 * number, TxCount: uint32(number),
		Time: time.Now().Add(-time.Duration(s.Hours) * time.Hour)}
}

func (s *testSource) Poll(ctx context.Context, r sdk.PollRequest) (out sdk.PollResponse, err error) {
	next := uint64(1)
	if len(r.Cursor) > 0 {
		if next, err = strconv.ParseUint(string(r.Cursor), 10, 64); err != nil {
			return out, err
		}
	}
	out.Head = lastBlock
	for ; next <= lastBlock && len(out.Blocks) < r.Max; next++ {
		if r.Selection.Includes(next) {
			out.Blocks = append(out.Blocks, s.block(next))
		}
	}
	out.Done, out.NextCursor = next > lastBlock, []byte(strconv.FormatUint(next, 10))
	return out, nil
}

func (s *testSource) Resolve(_ context.Context, numbers []uint64) (out []sdk.Resolution, err error) {
	for _, n := range numbers {
		r := sdk.Resolution{Number: n, Reason: "no such block"}
		if n <= lastBlock {
			block := s.block(n)
			r = sdk.Resolution{Number: n, Block: &block}
		}
		out = append(out, r)
	}
	return out, nil
}

func (s *testSource) Fetch(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if err := s.act(ctx, number(t)); err != nil {
		return nil, err
	}
	block, err := write(t.Create, sdk.ArtifactBlock, "block "+number(t))
	if err != nil {
		return nil, err
	}
	witness, err := write(t.Create, sdk.ArtifactWitness, "witness "+number(t))
	return &sdk.Result{Outputs: []sdk.Artifact{block, witness}}, err
}

type testBuilder struct{ *plugin }

func (b *testBuilder) use(p *plugin) { b.plugin = p }

func (b *testBuilder) Build(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if err := b.act(ctx, number(t)); err != nil {
		return nil, err
	}
	block, err := read(t, sdk.ArtifactBlock)
	if err != nil {
		return nil, err
	}
	input, err := write(t.Create, sdk.ArtifactInput, "input of "+block)
	return &sdk.Result{Outputs: []sdk.Artifact{input}, WorkTime: time.Second}, err
}

// gateSettings can make a prover a gate.
type gateSettings struct{ settings }

func (gateSettings) MakesProof() bool { return false }

type testGate struct{ *plugin }

func openGate(ctx context.Context, s gateSettings, env sdk.Env) (*testGate, error) {
	p, err := opened(ctx, s.settings, env)
	return &testGate{p}, err
}

func (g *testGate) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	if err := g.act(ctx, number(t)); err != nil {
		return nil, err
	}
	if _, err := read(t, sdk.ArtifactWitness); err != nil {
		return nil, err
	}
	found, err := write(t.Create, sdk.ArtifactExecution, "{}")
	return &sdk.Result{Outputs: []sdk.Artifact{found}}, err
}

type testProver struct{ *plugin }

func (p *testProver) use(common *plugin) { p.plugin = common }

func (p *testProver) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	input, err := read(t, sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	t.Progress(sdk.Progress{Phase: contract.PhaseAccepted, Fraction: -1})
	t.Progress(sdk.Progress{Phase: "PROVING", Fraction: 0.5})
	if err := p.act(ctx, number(t)); err != nil {
		return nil, err
	}
	result, err := write(t.Create, sdk.ArtifactResult, "{}")
	if err != nil {
		return nil, err
	}
	proof, err := write(t.Create, "proof.bin", "proof of "+input)
	proof.Role = sdk.RoleProof
	return &sdk.Result{Outputs: []sdk.Artifact{result, proof}, WorkTime: 2 * time.Second}, err
}

func (p *testProver) Verify(ctx context.Context, t *sdk.Task) error {
	input, err := read(t, sdk.ArtifactInput)
	if err != nil {
		return err
	}
	proof, err := read(t, "proof.bin")
	if err != nil {
		return err
	}
	if proof != "proof of "+input {
		return sdk.Permanent(fmt.Errorf("%q is no proof of %q", proof, input))
	}
	return p.note("verified", number(t))
}

// testUnsure is a prover that cannot verify its proofs.
type testUnsure struct{ prover *testProver }

func openUnsure(ctx context.Context, s settings, env sdk.Env) (*testUnsure, error) {
	p, err := opened(ctx, s, env)
	return &testUnsure{&testProver{p}}, err
}

func (u *testUnsure) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	return u.prover.Prove(ctx, t)
}

// testReporter is a reporter that records its events and publishes a body for each event of
// a block.
type testReporter struct{ *plugin }

func (r *testReporter) use(p *plugin) { r.plugin = p }

// heard is an event that a testReporter has recorded.
type heard struct {
	Kind   sdk.EventKind
	Number uint64
	Stage  string
	Facts  map[string]string
	Proof  string
}

func (r *testReporter) Report(ctx context.Context, e *sdk.Event) (*sdk.Result, error) {
	line := heard{Kind: e.Kind, Stage: e.Stage, Facts: e.Facts}
	if e.Block != nil {
		line.Number = e.Block.Number
		if err := r.act(ctx, fmt.Sprintf("%s-%d", e.Kind, line.Number)); err != nil {
			return nil, err
		}
		body, err := write(e.Create, string(e.Kind)+".json", r.stage+" tells of "+string(e.Kind))
		if err != nil {
			return nil, err
		}
		if err := e.Publish(body); err != nil {
			return nil, err
		}
	}
	if path, _, ok := e.ByRole(sdk.RoleProof); ok {
		proof, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		line.Proof = string(proof)
	}
	text, err := json.Marshal(line)
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Facts: map[string]string{contract.FactOutcome: contract.OutcomeAccepted}}, r.note("heard", string(text))
}

package sdk_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/sdktest"
)

// conform runs the conformance suite in this process and prints what fails.
func conform(plugin sdk.Plugin) {
	failed := 0
	suite := sdktest.Suite{Target: sdktest.InProcess(plugin), Standard: true}
	err := suite.Run(context.Background(), func(o sdktest.Outcome) {
		if o.Err != nil {
			failed++
			fmt.Println(o.Check, o.Err)
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s %s: %d checks failed\n", plugin.Manifest().Kind, plugin.Manifest().Name, failed)
}

// save writes an artifact of JSON.
func save(t *sdk.Task, name string, content any) (sdk.Artifact, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return sdk.Artifact{}, err
	}
	return t.WriteFile(name, text)
}

// chain is a source of ten invented blocks, number 0 to 9.
type chain struct{}

func invented(number uint64) sdk.Block {
	return sdk.Block{ChainID: 1337, Number: number, Hash: sdk.Hash{1, byte(number)}}
}

func (chain) Poll(ctx context.Context, r sdk.PollRequest) (p sdk.PollResponse, err error) {
	var next uint64
	if r.Selection.From != nil {
		next = *r.Selection.From
	}
	if len(r.Cursor) == 8 { // all that the source remembers
		next = binary.BigEndian.Uint64(r.Cursor)
	}
	for ; next < 10 && len(p.Blocks) < r.Max; next++ {
		if r.Selection.Includes(next) {
			p.Blocks = append(p.Blocks, invented(next))
		}
	}
	if len(p.Blocks) == 0 {
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(r.Wait):
		}
	}
	p.NextCursor, p.Head = binary.BigEndian.AppendUint64(nil, next), 9
	return p, nil
}

func (chain) Resolve(_ context.Context, numbers []uint64) (out []sdk.Resolution, err error) {
	for _, n := range numbers {
		r := sdk.Resolution{Number: n, Reason: "the chain ends at 9"}
		if n < 10 {
			block := invented(n)
			r = sdk.Resolution{Number: n, Block: &block}
		}
		out = append(out, r)
	}
	return out, nil
}

func (chain) Fetch(_ context.Context, t *sdk.Task) (*sdk.Result, error) {
	block, err := save(t, sdk.ArtifactBlock, map[string]any{"hash": t.Block.Hash})
	if err != nil {
		return nil, err
	}
	witness, err := save(t, sdk.ArtifactWitness, map[string]any{"state": []string{}})
	return &sdk.Result{Outputs: []sdk.Artifact{block, witness}}, err
}

func ExampleNewSource() {
	conform(sdk.NewSource("source-example", "0.1.0",
		func(context.Context, struct{}, sdk.Env) (chain, error) { return chain{}, nil },
		sdk.Summary("Delivers ten invented blocks.")))
	// Output: source source-example: 0 checks failed
}

// Layout is the config block of a builder that says what it makes, so that a prover
// which wants another layout is refused before anything runs.
type Layout struct {
	Format string `json:"format" doc:"Layout of the input." default:"plain" enum:"plain,reversed"`
}

func (l Layout) Provides() map[string]string {
	return map[string]string{sdk.TraitInputFormat: l.Format}
}

type builder struct{ Layout }

func (b builder) Build(_ context.Context, t *sdk.Task) (*sdk.Result, error) {
	path, err := t.Input(sdk.ArtifactBlock)
	if err != nil {
		return nil, err
	}
	block, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	input, err := save(t, sdk.ArtifactInput, map[string]string{"format": b.Format, "block": string(block)})
	return &sdk.Result{Outputs: []sdk.Artifact{input}}, err
}

func ExampleNewBuilder() {
	conform(sdk.NewBuilder("builder-example", "0.1.0",
		func(_ context.Context, l Layout, _ sdk.Env) (builder, error) { return builder{l}, nil },
		sdk.Summary("Wraps a block.")))
	// Output: builder builder-example: 0 checks failed
}

// Limit is the config block of a gate.
type Limit struct {
	Bytes int64 `json:"bytes" doc:"The largest guest input that passes." default:"1000000" min:"1"`
}

// MakesProof makes the stage a gate.
func (Limit) MakesProof() bool { return false }

// Requires asks for one of the layouts that the gate knows.
func (Limit) Requires() map[string][]string {
	return map[string][]string{sdk.TraitInputFormat: {"plain"}}
}

type sizeGate struct{ Limit }

func (g sizeGate) Prove(_ context.Context, t *sdk.Task) (*sdk.Result, error) {
	path, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > g.Bytes {
		return nil, sdk.Permanent(fmt.Errorf("the guest input has %d bytes, at most %d pass", info.Size(), g.Bytes))
	}
	return nil, nil // a result without anything to tell
}

func ExampleNewProver() {
	conform(sdk.NewProver("prover-gate", "0.1.0",
		func(_ context.Context, l Limit, _ sdk.Env) (sizeGate, error) { return sizeGate{l}, nil },
		sdk.Summary("Lets small inputs pass.")))
	// Output: prover prover-gate: 0 checks failed
}

// file is a reporter that publishes what it would send.
type file struct{}

func (file) Report(_ context.Context, e *sdk.Event) (*sdk.Result, error) {
	text, err := json.Marshal(map[string]any{"id": e.ID, "kind": e.Kind})
	if err != nil {
		return nil, err
	}
	body, err := e.WriteFile(string(e.Kind)+".json", text)
	if err != nil {
		return nil, err
	}
	return nil, e.Publish(body)
}

func ExampleNewReporter() {
	conform(sdk.NewReporter("reporter-example", "0.1.0",
		func(context.Context, struct{}, sdk.Env) (file, error) { return file{}, nil },
		sdk.Summary("Writes what it would send."), sdk.Events(sdk.EventProved, sdk.EventFailed)))
	// Output: reporter reporter-example: 0 checks failed
}

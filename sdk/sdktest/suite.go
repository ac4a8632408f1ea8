package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Suite describes a plugin under test. Only Target is always needed.
type Suite struct {
	Target Target
	// Config is a configuration with which work succeeds. Nil is {}.
	Config json.RawMessage
	// Slow is a configuration with which a work call runs until it is cancelled.
	// Nil leaves out the checks of cancellation.
	Slow json.RawMessage
	// Block is what tasks are about. The zero value is an invented block, for a
	// source the newest that it resolves.
	Block contract.Block
	// Inputs are the artifacts of tasks, or of events.
	Inputs []Input
	Facts  map[string]string
	// Event is what a reporter is told; empty for EventProved.
	Event contract.EventKind
	// Selection is what a source is polled for; the zero value is every block.
	Selection contract.Selection
	// Parallel is the number of work calls at the same time; zero is 4.
	Parallel int
	// Grace is how long a cancelled call may take to return; zero is 10 s.
	Grace time.Duration
	// Limit bounds every single check; zero is one minute.
	Limit time.Duration
	// Standard gives a plugin whose Inputs are empty the artifacts that stages of
	// its kind are handed, with invented content.
	Standard bool
	// Skip names checks to leave out. They are reported as skipped.
	Skip []string
}

// Input is an input artifact: a file, or data.
type Input struct {
	Name string
	File string
	Data []byte // used when File is empty
	Role string
}

// Outcome is the result of one check.
type Outcome struct {
	Check   string
	Skipped string // why; empty when it ran
	Err     error  // what is wrong; nil when passed or skipped
	Took    time.Duration
}

// standardInputs are what stages are handed by the stages before them. They say
// nothing about a block.
var standardInputs = map[contract.Kind][]Input{
	contract.KindBuilder:  {{Name: contract.ArtifactBlock, Data: []byte("{}")}, {Name: contract.ArtifactWitness, Data: []byte("{}")}},
	contract.KindProver:   {{Name: contract.ArtifactInput, Data: []byte("a guest input of the conformance suite")}},
	contract.KindReporter: {{Name: "proof.bin", Data: []byte("a proof of the conformance suite"), Role: contract.RoleProof}},
}

// skip is the error of a check that cannot be made.
type skip struct{ reason string }

func (s skip) Error() string { return s.reason }

// Names lists the checks for plugins of a kind, in their order.
func Names(kind contract.Kind) []string {
	var names []string
	for _, c := range checks {
		if c.kind == "" || c.kind == kind {
			names = append(names, c.name)
		}
	}
	return names
}

// Demands says what a check asks of a plugin, in one sentence.
func Demands(name string) string {
	for _, c := range checks {
		if c.name == name {
			return c.demands
		}
	}
	return ""
}

// Run makes all checks for the plugin's kind and hands each outcome to report.
// The error is about the suite, not about the plugin.
func (s Suite) Run(ctx context.Context, report func(Outcome)) error {
	return s.each(ctx, func(name string, check func(context.Context) Outcome) { report(check(ctx)) })
}

// Test makes all checks as subtests.
func Test(t *testing.T, s Suite) {
	t.Helper()
	err := s.each(t.Context(), func(name string, check func(context.Context) Outcome) {
		t.Run(name, func(t *testing.T) {
			switch o := check(t.Context()); {
			case o.Err != nil:
				t.Errorf("a plugin must %s: %v", Demands(name), o.Err)
			case o.Skipped != "":
				t.Skip(o.Skipped)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s Suite) each(ctx context.Context, visit func(string, func(context.Context) Outcome)) error {
	dir, err := os.MkdirTemp("", "sdktest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &run{suite: s.filled(), dir: dir}
	if err := r.begin(ctx); err != nil {
		return fmt.Errorf("the plugin does not start: %w", err)
	}
	if s.Standard && len(s.Inputs) == 0 {
		r.suite.Inputs = standardInputs[r.manifest.Kind]
	}
	names := Names(r.manifest.Kind)
	for _, name := range s.Skip {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no check %q to skip for a %s", name, r.manifest.Kind)
		}
	}
	for _, c := range checks {
		if slices.Contains(names, c.name) {
			visit(c.name, func(ctx context.Context) Outcome { return r.check(ctx, c) })
		}
	}
	return nil
}

func (s Suite) filled() Suite {
	if s.Config == nil {
		s.Config = json.RawMessage(`{}`)
	}
	if s.Event == "" {
		s.Event = contract.EventProved
	}
	if s.Selection == (contract.Selection{}) {
		s.Selection.Every = 1
	}
	s.Parallel = max(s.Parallel, 0)
	if s.Parallel == 0 {
		s.Parallel = 4
	}
	if s.Grace == 0 {
		s.Grace = 10 * time.Second
	}
	if s.Limit == 0 {
		s.Limit = time.Minute
	}
	return s
}

// run is one pass over the checks.
type run struct {
	suite    Suite
	dir      string
	manifest contract.Manifest
	numbered int // directories made so far
	// stable holds the outputs whose bytes were the same in two good runs.
	stable map[string][32]byte
}

func (r *run) check(ctx context.Context, c check) Outcome {
	begin := time.Now()
	o := Outcome{Check: c.name}
	if slices.Contains(r.suite.Skip, c.name) {
		o.Skipped = "left out by the suite"
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, r.suite.Limit)
	defer cancel()
	o.Err = c.run(ctx, r)
	if s, ok := errors.AsType[skip](o.Err); ok {
		o.Skipped, o.Err = s.reason, nil
	}
	o.Took = time.Since(begin)
	return o
}

// begin learns what the plugin is.
func (r *run) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.suite.Limit)
	defer cancel()
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	r.manifest, err = i.Describe(ctx)
	return err
}

// folder makes a new directory for something.
func (r *run) folder(name string) (string, error) {
	r.numbered++
	dir := filepath.Join(r.dir, fmt.Sprintf("%d-%s", r.numbered, name))
	return dir, os.Mkdir(dir, 0o700)
}

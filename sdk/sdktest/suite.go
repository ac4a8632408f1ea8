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
	// With nil the checks of cancellation are skipped.
	Slow json.RawMessage
	// Block is the block of tasks and events. The zero value stands for an invented
	// block, and for a source for the first block that it polls.
	Block contract.Block
	// Inputs are the artifacts of tasks, or of events.
	Inputs []Input
	Facts  map[string]string // the facts of tasks and events
	// Event is the kind of the event that a reporter gets; empty for EventProved.
	Event contract.EventKind
	// Selection selects the blocks for which a source is polled; the zero value selects
	// every block.
	Selection contract.Selection
	// Parallel is the number of work calls at the same time; zero means 4.
	Parallel int
	// Grace is how long a cancelled call may take to return; zero means 10 s.
	Grace time.Duration
	// Limit is the longest time that a single check may take; zero means one minute.
	Limit time.Duration
	// Standard gives a plugin whose Inputs are empty the artifacts that stages of
	// its kind usually get, with invented content.
	Standard bool
	// Skip names checks that are not run. They are reported as skipped.
	Skip []string
}

// Input is an input artifact: a file, or data.
type Input struct {
	Name string // name of the artifact
	File string // path of the file with its content
	Data []byte // its content, used when File is empty
	Role string // role of the artifact; may be empty
}

// Outcome is the result of one check.
type Outcome struct {
	Check   string        // name of the check
	Skipped string        // why the check was skipped; empty when it ran
	Err     error         // what is wrong; nil when the check passed or was skipped
	Took    time.Duration // how long the check took; zero for one in Suite.Skip
}

// standardInputs are the artifacts that stages usually get from the stages before them.
// Their content is not that of a block.
var standardInputs = map[contract.Kind][]Input{
	contract.KindBuilder:  {{Name: contract.ArtifactBlock, Data: []byte("{}")}, {Name: contract.ArtifactWitness, Data: []byte("{}")}},
	contract.KindProver:   {{Name: contract.ArtifactInput, Data: []byte("a guest input of the conformance suite")}},
	contract.KindReporter: {{Name: "proof.bin", Data: []byte("a proof of the conformance suite"), Role: contract.RoleProof}},
}

// skip is the error of a check that cannot run.
type skip struct{ reason string }

func (s skip) Error() string { return s.reason }

// Names returns the names of the checks for plugins of a kind, in the order in which they
// run.
func Names(kind contract.Kind) []string {
	var names []string
	for _, c := range checks {
		if c.kind == "" || c.kind == kind {
			names = append(names, c.name)
		}
	}
	return names
}

// Demands returns what a check requires of a plugin; the text completes "a plugin must …".
// It is empty for a name that is not that of a check.
func Demands(name string) string {
	for _, c := range checks {
		if c.name == name {
			return c.demands
		}
	}
	return ""
}

// Run runs all checks for the plugin's kind, one after the other, and calls report with
// each outcome. An error means that the suite could not run, because the plugin does not
// start or Skip names no check; faults of the plugin are in the outcomes.
func (s Suite) Run(ctx context.Context, report func(Outcome)) error {
	return s.each(ctx, func(name string, check func(context.Context) Outcome) { report(check(ctx)) })
}

// Test runs all checks as subtests of t, which have the names of the checks.
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

// each starts the plugin once to learn its kind, and calls visit with the name of each
// check and the function that runs it.
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

// filled returns the suite with its defaults filled in.
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

// run is one run of a suite.
type run struct {
	suite    Suite
	dir      string // holds everything that the run creates
	manifest contract.Manifest
	folders  int // number of directories made so far
	// stable holds the outputs, by name, whose bytes were the same in all successful runs.
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

// begin starts the plugin once and reads its manifest.
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

// folder makes a new directory whose name begins with a number of its own.
func (r *run) folder(name string) (string, error) {
	r.folders++
	dir := filepath.Join(r.dir, fmt.Sprintf("%d-%s", r.folders, name))
	return dir, os.Mkdir(dir, 0o700)
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// memory is a Store in memory that can be made to fail. With every commit it checks the
// invariants that must hold on disk at all times.
type memory struct {
	t        *testing.T
	mu       sync.Mutex
	jobs     map[string]*record.Job
	order    []string // finished jobs, the oldest first
	events   []record.Event
	cursor   *record.Cursor
	requests []record.Request
	fail     error
	commits  int
}

func newMemory(t *testing.T) *memory { return &memory{t: t, jobs: map[string]*record.Job{}} }

func (m *memory) Commit(c record.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.commits++
	for _, id := range c.Unsend {
		m.events = slices.DeleteFunc(m.events, func(e record.Event) bool { return e.Job == id && e.Tries == 0 })
	}
	for _, j := range c.Jobs {
		before := m.jobs[j.ID]
		m.jobs[j.ID] = j.Clone()
		if j.State.Finished() && (before == nil || !before.State.Finished()) {
			m.order = append(m.order, j.ID)
		}
	}
	m.events = append(m.events, c.Events...)
	m.requests = slices.DeleteFunc(m.requests, func(r record.Request) bool { return slices.Contains(c.Requests, r.ID) })
	if c.Cursor != nil {
		m.cursor = c.Cursor
	}
	return nil
}

func (m *memory) Active() (jobs []*record.Job, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if j.Open() {
			jobs = append(jobs, j.Clone())
		}
	}
	return jobs, nil
}

func (m *memory) Recent(limit int) (jobs []*record.Job, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range slices.Backward(m.order) {
		if len(jobs) < limit {
			jobs = append(jobs, m.jobs[id].Clone())
		}
	}
	return jobs, nil
}

func (m *memory) Job(id string) (*record.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if j := m.jobs[id]; j != nil {
		return j.Clone(), nil
	}
	return nil, record.ErrNotFound
}

func (m *memory) ByNumber(number uint64) (jobs []*record.Job, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range m.jobs {
		if j.Block.Number == number {
			jobs = append(jobs, j.Clone())
		}
	}
	return jobs, nil
}

func (m *memory) Cursor(string) (*record.Cursor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cursor == nil {
		return nil, record.ErrNotFound
	}
	return m.cursor, nil
}

func (m *memory) Requests() ([]record.Request, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.requests), nil
}

func (m *memory) kinds(id string) (kinds []contract.EventKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Job == id {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// noFiles is a Files without a disk.
type noFiles struct {
	mu           sync.Mutex
	aside        []string
	published    map[string][]string
	missing      error                    // returned once by Attempt
	changed      error                    // returned once by Intact
	vanish       func(stage string) error // of Attempt
	refuse       error                    // of Publish
	durable      func() error             // of Accept; nil for done at once
	unimportable error                    // of Import
	asked        func()                   // called by SetAside
}

func (f *noFiles) Attempt(id, stage string, attempt uint32, inputs []contract.Artifact) (string, []contract.Artifact, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.missing; err != nil {
		f.missing = nil
		return "", nil, err
	}
	if f.vanish != nil {
		if err := f.vanish(stage); err != nil {
			return "", nil, err
		}
	}
	return fmt.Sprintf("%s/%s/%d", id, stage, attempt), inputs, nil
}
func (f *noFiles) Intact(string, []contract.Artifact) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err, f.changed = f.changed, nil
	return err
}
func (f *noFiles) Accept(_ string, outputs []contract.Artifact) ([]contract.Artifact, func() error, error) {
	if f.durable != nil {
		return outputs, f.durable, nil
	}
	return outputs, func() error { return nil }, nil
}
func (f *noFiles) Publish(folder string, artifacts []contract.Artifact) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	if f.published == nil {
		f.published = map[string][]string{}
	}
	for _, a := range artifacts {
		f.published[folder] = append(f.published[folder], a.Name)
	}
	return nil
}
func (f *noFiles) Discard(string) error              { return nil }
func (f *noFiles) Trim(string, string, uint32) error { return nil }
func (f *noFiles) SetAside(folder, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked != nil {
		f.asked()
	}
	f.aside = append(f.aside, to)
	if files, ok := f.published[folder]; ok {
		f.published[to] = files
		delete(f.published, folder)
	}
	return nil
}
func (f *noFiles) Restore(_, _ string, a contract.Artifact, _ ...string) (contract.Artifact, error) {
	return a, nil
}
func (f *noFiles) Import(_, _, name, _ string) (contract.Artifact, error) {
	if f.unimportable != nil {
		return contract.Artifact{}, f.unimportable
	}
	return contract.Artifact{Name: name, SHA256: [32]byte{1}}, nil
}

// worker answers attempts by a function, and polls by a chain that the test extends.
type worker struct {
	do func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error)

	mu       sync.Mutex
	polls    []contract.PollResponse
	newest   contract.PollResponse // the last of polls that was answered; its head stays
	known    map[uint64]contract.Block
	resolve  error // of Resolve
	resolved []int // how many numbers each call of Resolve asked for
	begun    []string
	verified []string
	reject   error // of Verify
	verify   func(task contract.Task, sink func(contract.WorkEvent) error) error
}

func (w *worker) Ready(ctx context.Context) error { return ctx.Err() }

func (w *worker) Do(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
	w.mu.Lock()
	w.begun = append(w.begun, task.Job)
	w.mu.Unlock()
	if w.do != nil {
		return w.do(ctx, task, sink)
	}
	name := task.Stage + ".out"
	if task.Stage == "check" {
		name = contract.ArtifactExecution
	}
	return contract.Result{Outputs: []contract.Artifact{{Name: name}}}, nil
}

func (w *worker) Poll(ctx context.Context, r contract.PollRequest) (contract.PollResponse, error) {
	w.mu.Lock()
	if len(w.polls) > 0 {
		answer := w.polls[0]
		w.polls, w.newest = w.polls[1:], answer
		w.mu.Unlock()
		return answer, nil
	}
	newest := w.newest
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return contract.PollResponse{}, ctx.Err()
	case <-time.After(r.Wait):
		return contract.PollResponse{NextCursor: r.Cursor, Head: newest.Head, HeadTime: newest.HeadTime}, nil
	}
}

func (w *worker) Resolve(_ context.Context, numbers []uint64) (out []contract.Resolution, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolved = append(w.resolved, len(numbers))
	if w.resolve != nil {
		return nil, w.resolve
	}
	for _, n := range numbers {
		r := contract.Resolution{Number: n, Reason: "no such block"}
		if b, ok := w.known[n]; ok {
			r.Block = &b
		}
		out = append(out, r)
	}
	return out, nil
}

func (w *worker) Verify(_ context.Context, task contract.Task, sink func(contract.WorkEvent) error) error {
	if w.verify != nil {
		return w.verify(task, sink)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verified = append(w.verified, task.Job)
	return w.reject
}

func (w *worker) starts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.begun)
}

func testBlock(number uint64, fork byte) contract.Block {
	h := contract.Hash{fork, byte(number >> 8), byte(number), 1}
	return contract.Block{ChainID: 1, Number: number, Hash: h, Time: time.Now()}
}

// rig is an engine with fake workers: source, builder, gate and proof prover.
type rig struct {
	*Engine
	store                        *memory
	files                        *noFiles
	source, builder, gate, proof *worker
}

func newRig(t *testing.T, store *memory, change func(*Config)) *rig {
	t.Helper()
	r := &rig{store: store, files: &noFiles{}, source: &worker{}, builder: &worker{}, gate: &worker{}, proof: &worker{}}
	cfg := Config{
		Pipeline:  "test",
		Selection: selection.Selection{Targets: contract.Selection{Every: 1}},
		Stages: []StageConfig{
			{Name: "source", Kind: contract.KindSource, Worker: r.source, Fingerprint: "s"},
			{Name: "input", Kind: contract.KindBuilder, Worker: r.builder, Fingerprint: "b", Needs: []string{"source"}},
			{Name: "check", Kind: contract.KindProver, Worker: r.gate, Fingerprint: "c", Needs: []string{"input"}},
			{Name: "prove", Kind: contract.KindProver, Worker: r.proof, Fingerprint: "p", Needs: []string{"check"}, MakesProof: true, Retries: 2, Backoff: time.Second},
		},
		Reporters: []Reporter{{Name: "reporter", Wants: []contract.EventKind{
			contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventChecked, contract.EventFailed,
			contract.EventProverStuck, contract.EventNodeDown, contract.EventNodeRecovered,
		}}},
		Grace: 5 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	e, err := New(cfg, store, r.files)
	if err != nil {
		t.Fatal(err)
	}
	r.Engine = e
	return r
}

// run runs the engine for some virtual time and stops it.
func (r *rig) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := r.Run(ctx, t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) state(t *testing.T, b contract.Block) *record.Job {
	t.Helper()
	j, err := r.store.Job(b.JobID())
	if err != nil {
		t.Fatalf("block %d is no job", b.Number)
	}
	return j
}

var errBroken = errors.New("broken")

func proving(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
	if err := sink(contract.WorkEvent{Progress: &contract.Progress{}}); err != nil {
		return contract.Result{}, err
	}
	if err := sink(contract.WorkEvent{Progress: &contract.Progress{Phase: "GENERATING_PROOFS"}}); err != nil {
		return contract.Result{}, err
	}
	return contract.Result{WorkTime: 7 * time.Second, Outputs: []contract.Artifact{{Name: "proof.bin", Role: contract.RoleProof}}}, nil
}

func poll(cursor string, head uint64, blocks ...contract.Block) contract.PollResponse {
	return contract.PollResponse{Blocks: blocks, NextCursor: []byte(cursor), Head: head}
}

func facts(events []record.Event, kind contract.EventKind) map[string]string {
	for _, e := range events {
		if e.Kind == kind {
			return maps.Clone(e.Facts)
		}
	}
	return nil
}

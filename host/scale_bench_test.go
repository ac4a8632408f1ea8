package host

import (
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// BenchmarkHistory takes blocks through four stages that do nothing, as BenchmarkEngine
// does, with an empty checkpoint and with one of a million finished blocks. It compares the
// CPU time of both. Making the history takes minutes.
func BenchmarkHistory(b *testing.B) {
	const blocks, history, rounds = 500, 1_000_000, 3
	for b.Loop() {
		fresh := runNoOps(b, blocks, 0, b.TempDir())
		for range rounds - 1 {
			fresh = fresh.least(runNoOps(b, blocks, 0, b.TempDir()))
		}
		old := runNoOps(b, blocks, history, b.TempDir())
		b.ReportMetric(float64(old.cpu)/float64(fresh.cpu), "cpu-million/fresh")
		b.ReportMetric(old.took.Seconds()/fresh.took.Seconds(), "million/fresh")
		b.Logf("%d blocks: %v, %v of a processor; after %d others: %v, %v", blocks, fresh.took, fresh.cpu, history, old.took, old.cpu)
	}
	b.ReportMetric(0, "ns/op")
}

func (r noOpRun) least(other noOpRun) noOpRun {
	return noOpRun{min(r.took, other.took), min(r.cpu, other.cpu), min(r.commits, other.commits), min(r.committing, other.committing)}
}

// sharded is a source that returns the blocks of one shard as fast as the host polls. The
// selection of the host determines the shard.
type sharded struct {
	noOp
	last uint64
}

func (s sharded) Poll(ctx context.Context, r contract.PollRequest) (answer contract.PollResponse, err error) {
	var number uint64
	if r.Cursor != nil {
		if err := json.Unmarshal(r.Cursor, &number); err != nil {
			return answer, err
		}
	}
	if number >= s.last {
		<-ctx.Done()
		return answer, ctx.Err()
	}
	answer.Head, answer.HeadTime = s.last, time.Now()
	for number < s.last && len(answer.Blocks) < int(r.Max) {
		if number++; r.Selection.Includes(number) {
			answer.Blocks = append(answer.Blocks, numbered(number))
		}
	}
	answer.NextCursor, err = json.Marshal(number)
	return answer, err
}

// proving is a prover that records the CPU time of the process after each tenth of the
// blocks.
type proving struct {
	noOp
	b      *testing.B
	tenth  int
	mu     sync.Mutex
	blocks int
	spent  []time.Duration
}

func (p *proving) Do(ctx context.Context, task contract.Task, event func(contract.WorkEvent) error) (contract.Result, error) {
	p.mu.Lock()
	if p.blocks%p.tenth == 0 {
		p.spent = append(p.spent, processor(p.b))
	}
	p.blocks++
	p.mu.Unlock()
	return p.noOp.Do(ctx, task, event)
}

// BenchmarkBackfill takes the 10,000 blocks of one of 64 shards through four stages that do
// nothing, 16 at a time and with a durable checkpoint. All blocks are known from the start.
// It compares the CPU time of a block among the first, the middle and the last ones.
func BenchmarkBackfill(b *testing.B) {
	const blocks, shards, provers = 10_000, 64, 16
	for b.Loop() {
		p := &proving{b: b, tenth: blocks / 10}
		began := time.Now()
		backfill(b, p, blocks, shards, provers)
		tenths := make([]time.Duration, 0, 10)
		for i, at := range append(p.spent[1:], processor(b)) {
			tenths = append(tenths, at-p.spent[i])
		}
		// The first tenth holds the start, with the intake of what can wait at a time, and
		// the last one the end.
		steady := tenths[1:9]
		b.ReportMetric(float64(slices.Max(steady))/float64(slices.Min(steady)), "dearest/cheapest")
		b.ReportMetric(float64(steady[7])/float64(steady[0]), "late/early")
		b.ReportMetric(blocks/time.Since(began).Seconds(), "blocks/s")
		b.Logf("%d blocks in %v; of a processor for each tenth: %v", blocks, time.Since(began).Round(time.Second), tenths)
	}
	b.ReportMetric(0, "ns/op")
}

func backfill(b *testing.B, prove engine.Worker, blocks, shards, provers int) {
	b.Helper()
	store, files := openStores(b, b.TempDir())
	defer store.Close()
	stage := func(name string, kind contract.Kind, w engine.Worker, needs ...string) engine.StageConfig {
		return engine.StageConfig{Name: name, Kind: kind, Needs: needs, Concurrency: provers, Worker: w}
	}
	e, err := engine.New(engine.Config{
		Pipeline: "bench", Limit: blocks,
		Selection: selection.Selection{Targets: contract.Selection{Every: 1, ShardIndex: 0, ShardCount: uint64(shards)}},
		Stages: []engine.StageConfig{
			stage("source", contract.KindSource, sharded{last: uint64(blocks * shards)}), stage("input", contract.KindBuilder, noOp{}, "source"),
			stage("check", contract.KindProver, noOp{}, "input"), stage("prove", contract.KindProver, prove, "check"),
		},
	}, store, files)
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	if err := e.Run(b.Context(), b.Context()); err != nil {
		b.Fatal(err)
	}
	if done := len(e.Finished()); done != blocks || slices.ContainsFunc(e.Finished(), func(j status.Job) bool { return j.State != status.JobDone }) {
		b.Fatalf("%d blocks are finished, not all done, want %d", done, blocks)
	}
}

package engine

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// discard is a Store that keeps nothing, so that only the engine is measured.
type discard struct{}

func (discard) Commit(record.Change) error             { return nil }
func (discard) Active() ([]*record.Job, error)         { return nil, nil }
func (discard) Recent(int) ([]*record.Job, error)      { return nil, nil }
func (discard) Job(string) (*record.Job, error)        { return nil, record.ErrNotFound }
func (discard) ByNumber(uint64) ([]*record.Job, error) { return nil, nil }
func (discard) Cursor(string) (*record.Cursor, error)  { return nil, record.ErrNotFound }
func (discard) Requests() ([]record.Request, error)    { return nil, nil }

// BenchmarkClaims measures a claim and the record of its result while 100, 10,000 and
// 100,000 jobs wait for the same stage. The times must be equal within a factor of two.
// Each is the best of many short rounds, which alternate between the three sizes, so that
// other load of the machine does not affect one size alone. Beside it, a job is
// removed from a queue alone and put into it again: a tree that does not fit into the caches
// of a processor takes longer, however it is used.
func BenchmarkClaims(b *testing.B) {
	const claims, rounds = 50, 41
	waiting := []int{100, 10_000, 100_000}
	engines := make([]*Engine, len(waiting))
	next := make([]uint64, len(waiting))
	fill := func(i, count int) {
		tr, err := engines[i].begin(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		for range count {
			next[i]++
			if err := engines[i].intake(tr, testBlock(next[i], byte(next[i]>>16)), record.Selected); err != nil {
				b.Fatal(err)
			}
		}
		if err := tr.commitOnce(); err != nil {
			b.Fatal(err)
		}
		engines[i].write.release()
	}
	for i, n := range waiting {
		e, err := New(Config{Pipeline: "bench", Stages: []StageConfig{{Name: "source", Kind: contract.KindSource, Worker: &worker{}}}}, discard{}, &noFiles{})
		if err != nil {
			b.Fatal(err)
		}
		engines[i] = e
		fill(i, n)
	}
	queues := make([]queue, len(waiting))
	for i, n := range waiting {
		queues[i] = newQueue(selection.Selection{})
		for k := range uint64(n) {
			queues[i].put(queued(k), time.Time{})
		}
	}
	perSecond, bare := make([][]float64, len(waiting)), make([][]float64, len(waiting))
	b.ResetTimer()
	for range b.N {
		for range rounds {
			for i, e := range engines {
				began := time.Now()
				for range claims {
					claimAndFinish(b, e)
				}
				perSecond[i] = append(perSecond[i], claims/time.Since(began).Seconds())
				fill(i, claims)
				began = time.Now()
				for k := range uint64(claims) { // anywhere in the tree
					e := queued(uint64(waiting[i]) * k / claims)
					queues[i].remove(e.id)
					queues[i].put(e, time.Time{})
				}
				bare[i] = append(bare[i], claims/time.Since(began).Seconds())
			}
		}
	}
	best, bestBare := make([]float64, len(waiting)), make([]float64, len(waiting))
	for i := range perSecond {
		best[i], bestBare[i] = slices.Max(perSecond[i]), slices.Max(bare[i])
	}
	ratio := slices.Max(best) / slices.Min(best)
	b.ReportMetric(bestBare[0]/bestBare[2], "queue-slowest/fastest")
	b.ReportMetric(ratio, "slowest/fastest")
	b.ReportMetric(1e6/best[0], "µs-with-100")
	b.ReportMetric(1e6/best[2], "µs-with-100000")
	b.Logf("claims per second at %d waiting jobs: %.0f; at %d: %.0f; at %d: %.0f; fastest by slowest %.2f, limit 2",
		waiting[0], best[0], waiting[1], best[1], waiting[2], best[2], ratio)
	if ratio > 2 {
		b.Errorf("claims do not cost the same whatever waits: %.2f", ratio)
	}
}

// queued returns an entry of a job, the same for the same number.
func queued(number uint64) entry {
	return entry{id: strconv.FormatUint(number, 10), number: number}
}

func claimAndFinish(b *testing.B, e *Engine) {
	run, _, err := e.claim(b.Context(), e.stages[0])
	if err != nil || run == nil {
		b.Fatal(run, err)
	}
	tr, err := e.begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer e.write.release()
	if err := e.succeed(b.Context(), tr, run, contract.Result{}); err != nil {
		b.Fatal(err)
	}
}

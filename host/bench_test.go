package host

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// noOp is the worker of every stage of BenchmarkEngine. It answers at once and makes no
// file. As a source it returns a limited number of blocks.
type noOp struct{ blocks uint64 }

func (noOp) Ready(ctx context.Context) error { return ctx.Err() }

func (noOp) Do(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
	return contract.Result{}, nil
}

func (n noOp) Poll(ctx context.Context, r contract.PollRequest) (contract.PollResponse, error) {
	var from uint64
	if r.Cursor != nil {
		if err := json.Unmarshal(r.Cursor, &from); err != nil {
			return contract.PollResponse{}, err
		}
	}
	if from == n.blocks {
		<-ctx.Done()
		return contract.PollResponse{}, ctx.Err()
	}
	answer := contract.PollResponse{Head: n.blocks, HeadTime: time.Now()}
	for range min(uint64(r.Max), n.blocks-from) {
		from++
		answer.Blocks = append(answer.Blocks, numbered(from))
	}
	var err error
	answer.NextCursor, err = json.Marshal(from)
	return answer, err
}

func (noOp) Resolve(context.Context, []uint64) ([]contract.Resolution, error) { return nil, nil }

func numbered(number uint64) contract.Block {
	hash := func(n uint64) (h contract.Hash) {
		binary.BigEndian.PutUint64(h[:], n+1)
		return h
	}
	return contract.Block{ChainID: 1, Number: number, Hash: hash(number), ParentHash: hash(number - 1), Time: time.Unix(1_700_000_000+12*int64(number), 0)}
}

// BenchmarkEngine takes blocks through four stages that do nothing, with everything on
// disk that a crash must not lose, and compares the time with that of as many
// transactions of the database alone, made in the same place right after. Then it does
// the same with a history of finished blocks, and with the directories of the attempts in
// memory: some file systems take a large part of the time to make and remove directories
// (an ext4 without a journal looks at every inode that was freed within five seconds).
func BenchmarkEngine(b *testing.B) {
	const blocks, history = 200, 10_000
	for b.Loop() {
		fresh := runNoOps(b, blocks, 0, b.TempDir())
		raw := rawTransactions(b, fresh.commits)
		old := runNoOps(b, blocks, history, b.TempDir())
		if memory, err := os.MkdirTemp("/dev/shm", "proofline-bench-"); err == nil {
			b.Cleanup(func() { os.RemoveAll(memory) })
			inMemory := runNoOps(b, blocks, 0, memory)
			b.ReportMetric(raw.Seconds()/inMemory.took.Seconds(), "raw/engine-in-memory")
		}
		b.ReportMetric(raw.Seconds()/fresh.took.Seconds(), "raw/engine")
		b.ReportMetric(fresh.took.Seconds()/old.took.Seconds(), "fresh/history")
		b.ReportMetric(float64(old.cpu)/float64(fresh.cpu), "cpu-history/fresh")
		b.ReportMetric(float64(fresh.commits)/blocks, "commits/block")
		b.ReportMetric(fresh.committing.Seconds()/fresh.took.Seconds(), "committing/engine")
		b.ReportMetric(blocks/fresh.took.Seconds(), "blocks/s")
		b.Logf("%d blocks in %v with %d commits, which alone take %v; with %d finished blocks before them %v",
			blocks, fresh.took, fresh.commits, raw, history, old.took)
	}
	b.ReportMetric(0, "ns/op")
}

type noOpRun struct {
	took, cpu  time.Duration
	commits    int
	committing time.Duration // the sum of the commits' times
}

// openStores opens a checkpoint and, in dir, directories of artifacts, as a host has them.
func openStores(b *testing.B, dir string) (*checkpoint.Store, *artifact.Store) {
	b.Helper()
	store, err := checkpoint.Open(filepath.Join(b.TempDir(), "checkpoint.db"))
	if err != nil {
		b.Fatal(err)
	}
	files, err := artifact.Open(filepath.Join(dir, "data"), filepath.Join(dir, "output"))
	if err != nil {
		b.Fatal(err)
	}
	return store, files
}

// runNoOps takes blocks through stages that do nothing. The directories of the attempts are
// made below dir.
func runNoOps(b *testing.B, blocks, history uint64, dir string) (r noOpRun) {
	b.Helper()
	store, files := openStores(b, dir)
	defer store.Close()
	const first = 1 << 30 // the history's blocks are others
	const batch = 10_000
	for from := uint64(0); from < history; from += batch {
		var change record.Change
		for n := from; n < min(from+batch, history); n++ {
			block := numbered(first + n)
			job := &record.Job{ID: block.JobID(), Block: block, State: status.JobDone, Created: time.Now(), Finished: time.Now(), Stages: map[string]record.Stage{}}
			for _, stage := range []string{"source", "input", "check", "prove"} {
				job.Stages[stage] = record.Stage{State: record.StageDone}
			}
			change.Jobs = append(change.Jobs, job)
		}
		if err := store.Commit(change); err != nil {
			b.Fatal(err)
		}
	}
	store.Committed = func(took time.Duration) {
		r.commits++
		r.committing += took
	}
	w := noOp{blocks}
	stage := func(name string, kind contract.Kind, needs ...string) engine.StageConfig {
		return engine.StageConfig{Name: name, Kind: kind, Needs: needs, Concurrency: 4, Worker: w}
	}
	e, err := engine.New(engine.Config{
		Pipeline: "bench", Selection: selection.Selection{Targets: contract.Selection{Every: 1}}, Limit: int(blocks),
		Stages: []engine.StageConfig{
			stage("source", contract.KindSource), stage("input", contract.KindBuilder, "source"),
			stage("check", contract.KindProver, "input"), stage("prove", contract.KindProver, "check"),
		},
	}, store, files)
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	before, began := processor(b), time.Now()
	if err := e.Run(b.Context(), b.Context()); err != nil {
		b.Fatal(err)
	}
	r.took, r.cpu = time.Since(began), processor(b)-before
	done := 0
	for _, j := range e.Finished() {
		if j.State == status.JobDone {
			done++
		}
	}
	if done != int(blocks) {
		b.Fatalf("%d blocks are done, want %d", done, blocks)
	}
	return r
}

// rawTransactions returns the time of a number of synced transactions of a kilobyte.
func rawTransactions(b *testing.B, count int) time.Duration {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "raw.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	bucket, value := []byte("b"), make([]byte, 1024)
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err })
	began := time.Now()
	for i := range count {
		key := []byte{byte(i >> 16), byte(i >> 8), byte(i)}
		err = errors.Join(err, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key, value) }))
	}
	if err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

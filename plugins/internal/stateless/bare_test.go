package stateless

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/rlp"
)

// BenchmarkBesideBare executes a block alternately with Execute and with go-ethereum's own
// core.ExecuteStateless, which checks less. It compares the smallest figures of both: the wall
// time, and the CPU time, which matters where a builder runs at the same time.
func BenchmarkBesideBare(b *testing.B) {
	const rounds = 11
	r := load(b, "mainnet/24647140")
	prepared := &stateless.Witness{Codes: map[string]struct{}{}, State: map[string]struct{}{}}
	for _, code := range r.witness.Codes {
		prepared.Codes[string(code)] = struct{}{}
	}
	for _, node := range r.witness.State {
		prepared.State[string(node)] = struct{}{}
	}
	for _, text := range r.witness.Headers {
		h := new(types.Header)
		if err := rlp.DecodeBytes(text, h); err != nil {
			b.Fatal(err)
		}
		prepared.Headers = append(prepared.Headers, h)
	}
	slices.SortFunc(prepared.Headers, func(x, y *types.Header) int { return y.Number.Cmp(x.Number) }) // the parent first
	for b.Loop() {
		var ours, bare, oursCPU, bareCPU []time.Duration
		for range rounds {
			runtime.GC() // of what the other has left
			block := fresh(b, r.block)
			began, used := time.Now(), processorTime()
			if _, err := Execute(b.Context(), r.config, block, r.witness); err != nil {
				b.Fatal(err)
			}
			ours, oursCPU = append(ours, time.Since(began)), append(oursCPU, processorTime()-used)

			header := r.block.Header()
			root, receipts := header.Root, header.ReceiptHash
			header.Root, header.ReceiptHash = common.Hash{}, common.Hash{}
			unproven := types.NewBlockWithHeader(header).WithBody(*fresh(b, r.block).Body())
			runtime.GC()
			began, used = time.Now(), processorTime()
			gotRoot, gotReceipts, err := core.ExecuteStateless(b.Context(), r.config, vm.Config{}, unproven, prepared)
			bare, bareCPU = append(bare, time.Since(began)), append(bareCPU, processorTime()-used)
			if err != nil || gotRoot != root || gotReceipts != receipts {
				b.Fatalf("core.ExecuteStateless: %v, root %v, receipts %v", err, gotRoot, gotReceipts)
			}
		}
		b.ReportMetric(slices.Min(ours).Seconds()/slices.Min(bare).Seconds(), "ours/bare")
		b.ReportMetric(slices.Min(oursCPU).Seconds()/slices.Min(bareCPU).Seconds(), "cpu-ours/bare")
		b.ReportMetric(slices.Min(ours).Seconds()*1e3, "ours-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// processorTime returns the CPU time that all threads of this process have used.
func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// benchRounds is how often each of the works below runs, in turn.
const benchRounds = 15

// BenchmarkBuild compares, on a block of mainnet and from files to file, the builder
// with what it cannot do without. It is one measurement and prints a table:
//
//	go test -run '^$' -bench '^BenchmarkBuild$' -benchtime 1x ./plugins/builder-stateless-input
func BenchmarkBuild(b *testing.B) {
	dir, temp := witnesstest.Shared(b, "data", "mainnet", "24647140"), b.TempDir()
	files := map[string]string{}
	for _, name := range []string{sdk.ArtifactBlock, sdk.ArtifactWitness} {
		files[name] = filepath.Join(temp, name)
		if err := os.WriteFile(files[name], content(b, filepath.Join(dir, name+".gz")), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	spec, err := chainspec.Network("mainnet")
	if err != nil {
		b.Fatal(err)
	}
	rules, err := spec.Rules()
	if err != nil {
		b.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	block, w, err := readInputs(files[sdk.ArtifactBlock], files[sdk.ArtifactWitness])
	must(err)
	report, err := stateless.Execute(b.Context(), rules, block, w)
	must(err)
	outcome := filepath.Join(temp, stateless.ArtifactOutcome)
	must(os.WriteFile(outcome, marshal(b, report.Outcome(1, [32]byte{})), 0o600))

	job := buildRun{config: Config{Guest: "reth-0.1.0-rc.3", Network: "mainnet"}, block: files[sdk.ArtifactBlock], witness: files[sdk.ArtifactWitness], out: filepath.Join(temp, "input.bin")}
	var encoded []byte
	works := []struct {
		name string
		run  func()
	}{
		{"re-execution", func() { // what the gate does
			block, w, err := readInputs(job.block, job.witness)
			must(err)
			_, err = stateless.Execute(b.Context(), rules, block, w)
			must(err)
		}},
		{"builder", func() {
			job.outcome = ""
			_, err := job.run(b.Context(), nil)
			must(err)
		}},
		{"decode + copy", func() {
			_, err := witness.ReadBlock(job.block)
			must(err)
			_, err = witness.Read(job.witness)
			must(err)
			must(guest.WriteFile(filepath.Join(temp, "copy.bin"), encoded, guest.Framed))
		}},
		{"builder with the gate's outcome", func() {
			job.outcome = outcome
			_, err := job.run(b.Context(), nil)
			must(err)
		}},
	}
	works[1].run()
	encoded = content(b, job.out)
	for b.Loop() {
		took := make([][]time.Duration, len(works))
		for range benchRounds {
			for i, work := range works {
				runtime.GC()
				started := time.Now()
				work.run()
				took[i] = append(took[i], time.Since(started))
			}
		}
		median := func(i int) float64 {
			slices.Sort(took[i])
			return took[i][len(took[i])/2].Seconds() * 1e3
		}
		fmt.Printf("\nmainnet 24647140, %d transactions, %d bytes of input, %d processors, median of %d:\n", len(block.Transactions()), len(encoded), runtime.GOMAXPROCS(0), benchRounds)
		for i, work := range works {
			fmt.Printf("  %-32s %8.2f ms\n", work.name, median(i))
		}
		fmt.Printf("  builder / re-execution           %8.2f\n", median(1)/median(0))
		fmt.Printf("  with the outcome / decode + copy %8.2f\n", median(3)/median(2))
		b.ReportMetric(median(1)/median(0), "builder/reexecution")
		b.ReportMetric(median(3)/median(2), "gated/decode+copy")
	}
}

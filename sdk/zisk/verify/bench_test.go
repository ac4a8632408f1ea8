package verify

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// BenchmarkVerify measures the verification of decoded proofs on one core, and
// what of it is not the hash functions: "ratio" is the time over the number of
// permutations at the speed of one permutation. The two are measured in turn, and of
// each the run counts that was disturbed least: what slows the machine down for a
// while slows both.
func BenchmarkVerify(b *testing.B) {
	type one struct {
		name  string
		proof *proof.Proof
		table *Table
		key   proof.Key
	}
	var all []one
	for _, r := range reals(b)[:1] {
		p, err := proof.Decode(r.wire, "")
		if err != nil {
			b.Fatal(err)
		}
		table, err := Find(r.release, p.Family, p.Minimal)
		if table == nil {
			table, err = Find(r.release, proof.Poseidon1, p.Minimal)
		}
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, one{"minimal 1.1 Poseidon1, real", p, table, r.setup})
	}
	tables := allTables(b)
	names := map[string]string{
		"1.1.0-alpha-poseidon1-vadcop_final":            "final 1.1 Poseidon1",
		"0.16.0-poseidon2-vadcop_final":                 "final 0.16 Poseidon2",
		"0.16.0-poseidon2-vadcop_final_compressed":      "minimal 0.16 to 0.18 Poseidon2",
		"1.4.0-alpha-poseidon1-vadcop_final_compressed": "minimal 1.4 Poseidon1",
		"1.4.0-alpha-blake3-vadcop_final":               "final 1.4 blake3",
	}
	for _, s := range synthetics(b) {
		if names[s.name] == "" {
			continue
		}
		p, err := proof.Decode(s.wire, "")
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, one{names[s.name], p, tables[s.table], s.key})
	}
	for _, x := range all {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the verification is not divided then
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var v *verification
			each := time.Duration(1 << 62)
			permutations := map[hashSpec]time.Duration{}
			for b.Loop() {
				start := processorTime(b)
				var err error
				if v, err = x.table.stark(x.key, x.proof.Publics, x.proof.Body, true); err != nil {
					b.Fatal(err)
				}
				each = min(each, processorTime(b)-start)
				b.StopTimer()
				for spec := range v.calls() {
					if one := permutationTime(b, spec); permutations[spec] == 0 || one < permutations[spec] {
						permutations[spec] = one
					}
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(each.Microseconds())/1000, "least-cpu-ms")
			var floor time.Duration
			for spec, calls := range v.calls() {
				if spec.family != "blake3" {
					b.Logf("%d x %v of %v", calls, permutations[spec], spec)
					floor += time.Duration(calls) * permutations[spec]
				}
			}
			if floor > 0 {
				b.ReportMetric(float64(each)/float64(floor), "ratio")
			}
		})
	}
}

// permutationTime measures one permutation; 0 for a function that is none.
func permutationTime(b *testing.B, spec hashSpec) time.Duration {
	if spec.family == "blake3" {
		return 0
	}
	h, err := newHash(spec)
	if err != nil {
		b.Fatal(err)
	}
	state := count(1, h.width+1)
	const rounds = 500
	best := time.Duration(1 << 62)
	for range 5 {
		start := processorTime(b)
		for range rounds {
			h.permute(state)
		}
		best = min(best, (processorTime(b)-start)/rounds)
	}
	return best
}

// processorTime is the time that the current thread has had on a processor: a
// measure that other processes do not lengthen as they do the clock's.
func processorTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

func BenchmarkPermutation(b *testing.B) {
	for _, spec := range []hashSpec{{"poseidon1", 8}, {"poseidon1", 16}, {"poseidon2", 4}, {"poseidon2", 8}, {"poseidon2", 16}} {
		b.Run(fmt.Sprint(spec), func(b *testing.B) {
			h, err := newHash(spec)
			if err != nil {
				b.Fatal(err)
			}
			state := count(1, h.width+1)
			for b.Loop() {
				h.permute(state)
			}
		})
	}
}

// BenchmarkWire measures what lies between the bytes on disk and the verdict.
func BenchmarkWire(b *testing.B) {
	r := reals(b)[0]
	e := r.expect()
	b.ReportAllocs()
	b.SetBytes(int64(len(r.wire)))
	for b.Loop() {
		if _, err := Wire(r.wire, e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTable measures reading a table, which is done once a process.
func BenchmarkTable(b *testing.B) {
	packed, err := files.ReadFile("tables/zisk-1.1.0-alpha-poseidon1-vadcop_final_compressed.json.gz")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := readTable(packed); err != nil {
			b.Fatal(err)
		}
	}
}

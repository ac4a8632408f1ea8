package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/jsonhex"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// benchRounds is how often builder and floor run, in turn.
const benchRounds = 15

// BenchmarkInput compares the builder with what no builder can do without, the
// floor: read the JSON bytes, decode the hexadecimal strings, hash every state
// node, write the output. Both use all processors and run in turn on the same
// files, warm. Then it starts the tool as a process of its own, with and without
// work. It is one measurement and prints a table:
//
//	go test -run '^$' -bench '^BenchmarkInput$' -benchtime 1x ./plugins/builder-ethrex
func BenchmarkInput(b *testing.B) {
	dir := witnesstest.Shared(b, "vectors", "mainnet_24647140")
	temp := b.TempDir()
	// Plain files, as a pipeline has them.
	blockFile, witnessFile := filepath.Join(dir, "block.json"), filepath.Join(temp, "witness.json")
	text, err := witness.ReadFile(filepath.Join(dir, "witness.json.gz"))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(witnessFile, text, 0o600); err != nil {
		b.Fatal(err)
	}
	job := buildRun{config: Config{Format: "g4", Network: "mainnet"}, block: blockFile, witness: witnessFile, out: filepath.Join(temp, "input.bin")}
	build := func() {
		if _, err := job.run(b.Context(), nil, os.Stderr); err != nil {
			b.Fatal(err)
		}
	}
	build()
	output, err := os.ReadFile(job.out)
	if err != nil {
		b.Fatal(err)
	}
	floor := newFloor(b, blockFile, witnessFile, filepath.Join(temp, "floor.bin"), output)
	floor.run()

	for b.Loop() {
		var builder, bottom cost
		var before, after runtime.MemStats
		var allocs, bytes uint64
		for range benchRounds {
			runtime.GC()
			runtime.ReadMemStats(&before)
			builder.add(build)
			runtime.ReadMemStats(&after)
			allocs, bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
			runtime.GC()
			bottom.add(floor.run)
		}
		ratio := ms(builder.wall) / ms(bottom.wall)
		b.ReportMetric(ratio, "builder/floor")
		fmt.Printf("\nmainnet 24647140, %d bytes of witness JSON, %d bytes of output, %d processors, median of %d:\n", len(text), len(output), runtime.GOMAXPROCS(0), benchRounds)
		fmt.Printf("  builder   %8.2f ms wall, %6.2f ms CPU   %d allocations, %.1f MiB\n", ms(builder.wall), ms(builder.cpu), allocs, mebi(bytes))
		fmt.Printf("  floor     %8.2f ms wall, %6.2f ms CPU\n", ms(bottom.wall), ms(bottom.cpu))
		fmt.Printf("  ratio     %8.2f\n", ratio)
		benchProcess(b, &job, len(output))
	}
}

// benchProcess runs the tool from start to exit, idle and building.
func benchProcess(b *testing.B, job *buildRun, output int) {
	binary := filepath.Join(b.TempDir(), "builder-ethrex")
	compile := exec.Command("go", "build", "-o", binary, ".")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := compile.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	guests := []string{binary, "guests"}
	build := []string{binary, "build", "--format", "g4", "--network", "mainnet", "--block", job.block, "--witness", job.witness, "--out", job.out}
	var idle, work cost
	var idlePeak, workPeak []uint64
	for range benchRounds {
		idle.process(b, guests)
		work.process(b, build)
		idlePeak = append(idlePeak, peakMemory(b, guests))
		workPeak = append(workPeak, peakMemory(b, build))
	}
	fmt.Printf("process from start to exit, median of %d:\n", benchRounds)
	fmt.Printf("  idle      %8.2f ms wall, %6.2f ms CPU, %5.1f MiB peak\n", ms(idle.wall), ms(idle.cpu), mebi(median(idlePeak)))
	fmt.Printf("  builder   %8.2f ms wall, %6.2f ms CPU, %5.1f MiB peak\n", ms(work.wall), ms(work.cpu), mebi(median(workPeak)))
	above := median(workPeak) - median(idlePeak)
	fmt.Printf("  peak memory above idle %.1f MiB, %.2f times the output\n", mebi(above), float64(above)/float64(output))
	b.ReportMetric(float64(above)/float64(output), "peak/output")
	b.ReportMetric(ms(work.wall), "process-ms")
}

// process adds one run of a command.
func (c *cost) process(b *testing.B, args []string) {
	command := exec.Command(args[0], args[1:]...)
	started := time.Now()
	if text, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", strings.Join(args, " "), err, text)
	}
	c.wall = append(c.wall, time.Since(started))
	c.cpu = append(c.cpu, command.ProcessState.UserTime()+command.ProcessState.SystemTime())
}

// peakMemory runs a command and returns the largest resident size that was seen
// of it. (The kernel's own figure for a finished process includes the process
// that started it.)
func peakMemory(b *testing.B, args []string) (peak uint64) {
	command := exec.Command(args[0], args[1:]...)
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatal(err)
			}
			return peak
		case <-time.After(200 * time.Microsecond):
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid))
		if err != nil {
			continue
		}
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			var kib uint64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				peak = max(peak, kib*1024)
			}
		}
	}
}

// floor is the work that no builder can avoid.
type floor struct {
	b      *testing.B
	files  []string
	spans  [][]span // of the hexadecimal strings in each file, found beforehand
	nodes  int      // that many of the first file are state nodes, at its front
	out    string
	output []byte
}

// span is where a string lies in its file.
type span struct{ from, to int }

func newFloor(b *testing.B, blockFile, witnessFile, out string, output []byte) *floor {
	f := &floor{b: b, files: []string{witnessFile, blockFile}, out: out, output: output}
	for i, file := range f.files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		state, rest := hexStrings(string(text))
		f.spans = append(f.spans, append(state, rest...))
		if i == 0 {
			f.nodes = len(state)
		}
	}
	if f.nodes == 0 {
		b.Fatal("no state nodes found")
	}
	return f
}

// hexStrings finds the strings of 0x and an even number of digits, those of the
// member "state" apart.
func hexStrings(text string) (state, rest []span) {
	start, end := strings.Index(text, `"state":[`), -1
	if start >= 0 {
		end = start + strings.IndexByte(text[start:], ']')
	}
	for at := 0; ; {
		i := strings.Index(text[at:], `"0x`)
		if i < 0 {
			return state, rest
		}
		from := at + i + 1
		to := from + strings.IndexByte(text[from:], '"')
		switch {
		case (to-from)%2 != 0:
		case start < from && from < end:
			state = append(state, span{from, to})
		default:
			rest = append(rest, span{from, to})
		}
		at = to + 1
	}
}

func (f *floor) run() {
	var nodes [][]byte
	for i, file := range f.files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.b.Fatal(err)
		}
		for j, s := range f.spans[i] {
			value, err := jsonhex.DecodeInPlace(text[s.from:s.to])
			if err != nil {
				f.b.Fatal(err)
			}
			if i == 0 && j < f.nodes {
				nodes = append(nodes, value)
			}
		}
	}
	var group sync.WaitGroup
	hashes := make([][32]byte, len(nodes))
	workers := runtime.GOMAXPROCS(0)
	for k := range workers {
		group.Go(func() {
			hasher := crypto.NewKeccakState()
			for i := k; i < len(nodes); i += workers {
				hasher.Reset()
				hasher.Write(nodes[i])
				hasher.Read(hashes[i][:])
			}
		})
	}
	group.Wait()
	if err := guest.WriteFile(f.out, f.output, guest.Raw); err != nil {
		f.b.Fatal(err)
	}
}

// cost collects what repeated work took.
type cost struct{ wall, cpu []time.Duration }

func (c *cost) add(work func()) {
	before, started := cpuTime(), time.Now()
	work()
	c.wall = append(c.wall, time.Since(started))
	c.cpu = append(c.cpu, cpuTime()-before)
}

// cpuTime returns the CPU time that this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func median[T int64 | uint64 | time.Duration](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func ms(list []time.Duration) float64 { return median(list).Seconds() * 1e3 }

func mebi(n uint64) float64 { return float64(n) / (1 << 20) }

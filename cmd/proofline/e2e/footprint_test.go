package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// measuring skips a test that measures, unless .ci/tools/bench runs it, which reads the
// figures from the test's attributes.
func measuring(t *testing.T) {
	t.Helper()
	if os.Getenv("PROOFLINE_BENCH") == "" {
		t.Skip("measures only with PROOFLINE_BENCH=1, as \"make bench\" sets it")
	}
}

// usage is the CPU time, the wake-ups and the memory of a tree of processes.
type usage struct {
	resident, proportional int64         // bytes
	wakeups                int64         // times that one of its threads began to run after it had waited
	cpu                    time.Duration // of all threads
}

// used adds up what /proc says of the processes (proc_pid_status(5), VmRSS and
// voluntary_ctxt_switches; proc_pid_smaps_rollup(5), Pss; the first number of schedstat,
// Documentation/scheduler/sched-stats.rst of Linux, in nanoseconds).
func used(t *testing.T, pids []int) (u usage) {
	t.Helper()
	number := func(path, key string) int64 {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0 // a thread that has ended
		}
		for line := range bytes.Lines(text) {
			if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
				n, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				return n
			}
		}
		return 0
	}
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/", pid)
		u.resident += number(dir+"status", "VmRSS:") << 10
		u.proportional += number(dir+"smaps_rollup", "Pss:") << 10
		threads, _ := filepath.Glob(dir + "task/*")
		for _, thread := range threads {
			u.wakeups += number(thread+"/status", "voluntary_ctxt_switches:")
			u.cpu += time.Duration(number(thread+"/schedstat", ""))
		}
	}
	return u
}

// reaped returns the CPU time of the ended child processes of a process (proc_pid_stat(5),
// cutime and cstime, in hundredths of a second).
func reaped(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	return time.Duration(atoi(fields[13])+atoi(fields[14])) * 10 * time.Millisecond
}

// youngest returns the time of the last change of any program in a directory.
func youngest(t *testing.T, dir string) (at time.Time) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().After(at) {
			at = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestFootprint measures the resources of a pipeline of a source, a builder, a prover and a
// reporter while it is idle, and the time from the start of the program until it runs. The
// first start reads every plugin to compare it with its hash. The later ones do not, as the
// programs are then older than the two seconds below which the host trusts no file's time
// (package catalog). The node and the proving tool are doubles (ethnodetest, zisktest) and
// are not counted.
func TestFootprint(t *testing.T) {
	measuring(t)
	n := hoodi(t, 1)
	s, _, _ := operator(t, fmt.Sprintf(`
version: 1
name: idle
monitor: {listen: "LISTEN"}
select: {every: 1000000}
stages:
  - {name: source, plugin: source-rpc, config: {endpoints: [{url: %q, ws: %q}]}}
  - {name: input, plugin: builder-ethrex, config: {format: g8, network: hoodi, framing: raw}}
  - {name: prove, plugin: prover-zisk, config: {elf: "${ELF_PATH}", %s}}
  - name: ethproofs
    plugin: reporter-ethproofs
    config: {url: "${ETHPROOFS_RPC_URL}", api_key: "${ETHPROOFS_API_KEY}", cluster_id: "${ETHPROOFS_CLUSTER_ID}"}
`, n.URL, n.WS, locks(t)), zisktest.Scenario{})

	time.Sleep(time.Until(youngest(t, s.bin).Add(3 * time.Second)))
	var first time.Duration
	least, spent := time.Hour, time.Hour
	starts, window := 5, 10*time.Second
	if os.Getenv("PROOFLINE_BENCH") == "guard" {
		starts, window = 2, 5*time.Second
	}
	for range starts {
		began := time.Now()
		p := s.start("run")
		for !strings.Contains(p.log.String(), "msg=running") {
			select {
			case <-p.done:
				t.Fatal("it ended before it ran")
			default:
				time.Sleep(time.Millisecond)
			}
		}
		took := time.Since(began)
		first, least = cmp.Or(first, took), min(least, took)
		spent = min(spent, used(t, tree(p.cmd.Process.Pid)).cpu+reaped(t, p.cmd.Process.Pid))
		p.signal(syscall.SIGINT)
		p.wait()
	}

	p := s.start("run")
	s.until(p, "every stage is ready", func(snap status.Snapshot) bool {
		for _, st := range snap.Stages {
			if st.State != status.StageReady {
				return false
			}
		}
		return len(snap.Stages) == 4
	})
	time.Sleep(window / 2)
	pids := tree(p.cmd.Process.Pid)
	keepers := 0
	for _, pid := range pids {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(exe) == keeper.ProgramName {
			keepers++
		}
		t.Logf("%-20s %+v", filepath.Base(exe), used(t, []int{pid}))
	}
	if keepers != 4 || len(pids) != 9 {
		t.Fatalf("%d processes, %d of them keepers of their own program, want 9 and 4", len(pids), keepers)
	}
	// The smallest value of some windows counts. Other processes of the machine can only
	// increase it, because a thread that waits for a processor keeps the other threads of
	// the runtime awake.
	wakeups, percent := math.Inf(1), math.Inf(1)
	var after usage
	for range 3 {
		before, began := used(t, pids), time.Now()
		time.Sleep(window)
		after = used(t, pids)
		took := time.Since(began).Seconds()
		wakeups = min(wakeups, float64(after.wakeups-before.wakeups)/took)
		percent = min(percent, 100*(after.cpu-before.cpu).Seconds()/took)
	}
	for _, pid := range pids {
		t.Logf("%d %+v", pid, used(t, []int{pid}))
	}
	programs := int64(0)
	for _, pattern := range []string{"proofline*", "plugins/*-*"} {
		paths, err := filepath.Glob(filepath.Join(s.bin, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			programs += info.Size()
		}
	}
	for name, value := range map[string]float64{
		"programs-mb":     float64(programs) / 1e6,
		"start-ms":        float64(least.Microseconds()) / 1e3,
		"first-start-ms":  float64(first.Microseconds()) / 1e3,
		"start-cpu-ms":    float64(spent.Microseconds()) / 1e3,
		"resident-mb":     float64(after.resident) / 1e6,
		"proportional-mb": float64(after.proportional) / 1e6,
		"wakeups-per-s":   wakeups,
		"cpu-percent":     percent,
	} {
		t.Attr(name, strconv.FormatFloat(value, 'f', 2, 64))
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
)

// Variables of a campaign: PROOFLINE_CHAOS_SEED repeats the decisions of an earlier one,
// but not the machine's timing. PROOFLINE_CHAOS_ROUNDS is the number of kills.
const (
	defaultSeed   = 1
	defaultRounds = 6
	mostBlocks    = 2000
)

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestChaos kills the host, keepers, plugins and tools at random moments, while the node
// fails and reorganises and EthProofs returns errors. Old files are removed every second,
// among them those of 200 ended blocks. Then all faults end, the pipeline finishes the
// remaining blocks, and the audit checks the result.
func TestChaos(t *testing.T) {
	t.Parallel()
	bin, err := mortal()
	if err != nil {
		t.Fatal(err)
	}
	seed, rounds := setting(t, "PROOFLINE_CHAOS_SEED", defaultSeed), setting(t, "PROOFLINE_CHAOS_ROUNDS", defaultRounds)
	random := rand.New(rand.NewPCG(uint64(seed), 0x70726f6f666c696e))
	n := hoodi(t, before+5)
	f := newForked(t, fork, map[string]zisktest.Scenario{
		"prove": {Version: "0.14.0", PhaseMS: 10, Services: true},
		"other": {Version: "0.15.0", PhaseMS: 10},
		"next":  {Version: "0.15.0", PhaseMS: 10},
	})
	f.first = before + 1
	f.everything(n.URL, f.first, nil)
	f.finished(n)
	f.bin = bin // it reads the period below; no moment to die at is named
	f.env = append(f.env, failpoint.TidyEvery+"=1s")

	weather := newWeather(n, f.server, random.Uint64())
	c := &campaign{site: f.site, random: random, kills: map[string]int{}, idle: 10 * time.Second}
	began := time.Now()
	for range rounds {
		c.round()
	}
	weather.end()
	c.end(n.Chain.Head().Number)

	states := f.audit(f.server)
	strays := f.strays(t)
	if len(strays) > 0 {
		t.Errorf("processes %v are left", strays)
	}
	done, failed := len(states[status.JobDone]), len(states[status.JobFailed])
	selected := 0
	for _, jobs := range states {
		selected += len(jobs)
	}
	orphaned := len(states[status.JobCancelled])
	if done+failed+orphaned != selected {
		t.Errorf("%d selected, but %d done, %d failed, %d orphaned", selected, done, failed, orphaned)
	}
	f.tidied(n)
	c.canonical(n, f.first, states[status.JobDone], states[status.JobFailed])
	t.Logf("seed %d: %d kills in %s (%s); %d starts of the host; %d blocks selected = %d done + %d failed with a reason + %d orphaned by %d reorgs; %d and %d proofs, %d of the shadow; %d calls to EthProofs; %d processes left",
		seed, rounds, time.Since(began).Round(time.Second), c.summary(), c.starts, selected, done, failed, orphaned, weather.reorgs,
		len(proved(t, f, 1)), len(proved(t, f, 2)), shadowed(states), len(f.server.Requests()), len(strays))
	for _, j := range states[status.JobFailed] {
		t.Logf("failed: block %d: %s", j.Block.Number, j.Reason)
	}
}

// tidied checks the blocks that had ended before the campaign: the files of done blocks
// are removed, and those of failed blocks are kept.
func (f *forked) tidied(n *ethnodetest.Node) {
	f.t.Helper()
	for number := uint64(1); number <= before; number++ {
		id := n.Chain.At(number).Contract(n.Chain.ID).JobID()
		if _, err := os.Stat(f.path("data", "attempts", id)); (err == nil) != (number%2 == 0) {
			f.t.Errorf("the files of block %d, which had ended before: %v", number, err)
		}
	}
}

// shadowed counts the proofs of the shadow.
func shadowed(states map[status.JobState][]*record.Job) (count int) {
	for _, jobs := range states {
		for _, j := range jobs {
			if j.Stages["next"].State == record.StageDone {
				count++
			}
		}
	}
	return count
}

// before is the number of blocks that have ended before a campaign.
const before = 200

// finished puts the first blocks of the chain into the checkpoint as ended jobs with files
// on the disk. Half of them are done, and their files may be removed. The other half have
// failed, and their files must stay.
func (f *forked) finished(n *ethnodetest.Node) {
	f.t.Helper()
	if err := os.MkdirAll(f.path("data"), 0o700); err != nil {
		f.t.Fatal(err)
	}
	store, err := checkpoint.Open(f.path("data", "checkpoint.db"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer store.Close()
	var change record.Change
	for number := uint64(1); number <= before; number++ {
		now := time.Now()
		j := record.New(n.Chain.At(number).Contract(n.Chain.ID), record.Selected, now)
		r := record.Stage{State: record.StageDone, Attempt: 1, Started: now, Ended: now, Facts: map[string]string{"made": "before"}}
		for _, stage := range []string{"source", "input", "check", "prove", "other", "next"} {
			if j.Stages[stage] = r; stage == "other" && number%2 == 0 {
				j.Stages[stage] = record.Stage{State: record.StageFailed, Attempt: 1, Ended: now, Error: "failed before the campaign"}
			}
			dir := f.path("data", "attempts", j.ID, stage, "1", "out")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				f.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 4096), 0o600); err != nil {
				f.t.Fatal(err)
			}
		}
		j.Derive(now)
		change.Jobs = append(change.Jobs, j)
	}
	if err := store.Commit(change); err != nil {
		f.t.Fatal(err)
	}
}

// campaign is a host that is started again whenever it ends.
type campaign struct {
	*site
	random *rand.Rand
	host   *process
	starts int
	kills  map[string]int
	idle   time.Duration // without a process of the drawn kind, until it is the host's turn
}

// running returns the host. It starts one if none runs.
func (c *campaign) running() *process {
	if c.host != nil {
		select {
		case <-c.host.done:
		default:
			return c.host
		}
	}
	c.starts++
	c.host = c.start("run")
	return c.host
}

// round selects a kind of process at random, waits until there is one and a random time
// longer, and sends it one signal.
func (c *campaign) round() {
	depth := []int{0, 0, 0, 1, 2, 2, 2, 3, 3}[c.random.IntN(9)]
	moment := time.Duration(50+c.random.IntN(600)) * time.Millisecond
	pick := c.random.Uint64()
	name, sig := "KILL", syscall.SIGKILL
	switch draw := c.random.IntN(10); {
	case draw >= 8:
		name, sig = "STOP", syscall.SIGSTOP
	case draw >= 6:
		name, sig = "TERM", syscall.SIGTERM
	}
	pause := time.Duration(c.random.IntN(500)) * time.Millisecond
	for waited := time.Now(); ; time.Sleep(10 * time.Millisecond) { // until a process was there and still is
		host := c.running()
		if len(below(host.cmd.Process.Pid, depth)) == 0 {
			if time.Since(waited) > c.idle { // nothing is proved, so that there is no tool
				depth = 0
			}
			continue
		}
		time.Sleep(moment)
		victims := below(host.cmd.Process.Pid, depth)
		if len(victims) == 0 {
			continue
		}
		pid := victims[pick%uint64(len(victims))]
		if syscall.Kill(pid, sig) != nil {
			continue
		}
		c.kills[[]string{"host", "keeper", "plugin", "tool"}[depth]+" "+name]++
		if sig == syscall.SIGSTOP {
			time.Sleep(pause)
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		return
	}
}

// below returns the processes at a level below the host: 0 is the host itself, then come
// keepers, plugins and tools.
func below(host, depth int) (pids []int) {
	pids = []int{host}
	for range depth {
		var next []int
		for _, parent := range pids {
			next = append(next, children(parent)...)
		}
		pids = next
	}
	slices.Sort(pids)
	return pids
}

func children(pid int) (pids []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(text)) {
			pids = append(pids, atoi(word))
		}
	}
	return pids
}

// end lets a new host finish the remaining blocks, and stops it.
func (c *campaign) end(head uint64) {
	c.t.Helper()
	if c.host != nil {
		c.host.signal(syscall.SIGTERM)
		c.host.wait()
	}
	host := c.running()
	quiet := 0
	for c.behind(host, head) > 50 { // it got to work little meanwhile
		time.Sleep(time.Second)
	}
	c.until(host, "everything is done and reported", func(snap status.Snapshot) bool {
		if snap.Head < head || snap.Counts.Active > 0 || !reported(snap) {
			quiet = 0
			return false
		}
		quiet++ // for a while: the last reorg has been seen
		time.Sleep(500 * time.Millisecond)
		return quiet > 2
	})
	host.signal(syscall.SIGINT)
	if code := host.wait(); code != 0 {
		c.t.Errorf("exit %d at the end", code)
	}
}

// behind returns the number of blocks that a running host has not finished.
func (c *campaign) behind(host *process, head uint64) int {
	c.t.Helper()
	select {
	case <-host.done:
		c.t.Fatalf("the host ended with %d while it worked off its backlog", host.cmd.ProcessState.ExitCode())
	default:
	}
	snap, ok := c.status()
	if !ok {
		return 1 << 20
	}
	return snap.Counts.Active + int(head-min(head, snap.Head))
}

// canonical checks for every number that the block on the final chain is done, or failed
// with a reason.
func (c *campaign) canonical(n *ethnodetest.Node, first uint64, finished ...[]*record.Job) {
	c.t.Helper()
	known := map[string]bool{}
	for _, jobs := range finished {
		for _, j := range jobs {
			known[j.Block.Hash.String()] = true
		}
	}
	for number := first; number <= n.Chain.Head().Number; number++ {
		if hash := n.Chain.At(number).Hash; !known[hash.String()] {
			c.t.Errorf("block %d %s of the final chain is neither done nor failed", number, hash)
		}
	}
}

func (c *campaign) summary() string {
	var parts []string
	for name, count := range c.kills {
		parts = append(parts, fmt.Sprintf("%s %d", name, count))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// weather makes blocks, reorgs, and faults of node and EthProofs, until its end.
type weather struct {
	stop   chan struct{}
	over   sync.WaitGroup
	reorgs int
}

func newWeather(n *ethnodetest.Node, server *ethproofstest.Server, seed uint64) *weather {
	w := &weather{stop: make(chan struct{})}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	chance := func(percent int) bool {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(100) < percent
	}
	n.Set(func(n *ethnodetest.Node) {
		n.Fault = func(rw http.ResponseWriter, _ *http.Request, _ ethnodetest.Call) bool {
			switch {
			case chance(3):
				http.Error(rw, "busy", http.StatusServiceUnavailable)
			case chance(2):
				fmt.Fprint(rw, `{"jsonrpc":`)
			default:
				return false
			}
			return true
		}
	})
	server.Inject(func(ethproofstest.Request) *ethproofstest.Fault {
		switch {
		case chance(4):
			return &ethproofstest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}
		case chance(4):
			return &ethproofstest.Fault{Status: http.StatusInternalServerError}
		case chance(4):
			return &ethproofstest.Fault{LoseReply: true}
		case chance(2):
			return &ethproofstest.Fault{LoseRequest: true}
		case chance(10):
			return &ethproofstest.Fault{Latency: 50 * time.Millisecond}
		}
		return nil
	})
	w.over.Go(func() {
		for {
			select {
			case <-w.stop:
				n.Set(func(n *ethnodetest.Node) { n.Fault = nil })
				server.Inject(nil)
				return
			case <-time.After(time.Second):
			}
			head := n.Chain.Head().Number
			switch {
			case head > before+8 && chance(5):
				w.reorgs++
				n.Chain.Reorg(1+w.reorgs%3, 1+w.reorgs%3)
			case head < before+mostBlocks:
				n.Chain.Extend(1)
			}
		}
	})
	return w
}

// end ends all faults.
func (w *weather) end() {
	close(w.stop)
	w.over.Wait()
}

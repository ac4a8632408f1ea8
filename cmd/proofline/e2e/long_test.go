package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
)

// longPipeline follows a scripted node and takes every block through all kinds of stages.
// The node's blocks are consistent but were never executed, so the gate does not execute
// them.
const longPipeline = `
version: 1
name: long
log: {level: warning}
monitor: {listen: "LISTEN"}
select: {every: 1, from: 1, to: %d, order: oldest_first, drop_after: 0s}
plugins: {dirs: [plugins]}
stages:
  - name: source
    plugin: source-rpc
    config: {endpoints: ["%s"], poll: 100ms}
  - name: input
    plugin: builder-ethrex
    config: {format: g8, network: custom, genesis: genesis.json}
  - name: gate
    plugin: prover-hostile
    config: {linger: 200ms}
  - name: hook
    plugin: reporter-webhook
    config: {url: "%s"}
`

// TestLong takes PROOFLINE_LONG_BLOCKS blocks (default 500) through a pipeline at an even
// pace and samples memory and open files of the host and every plugin. Without begin and
// end, the second half of the run needs no more than the first.
func TestLong(t *testing.T) {
	if os.Getenv("PROOFLINE_LONG") == "" {
		t.Skip("takes minutes: set PROOFLINE_LONG=1, or run make long")
	}
	blocks := 500
	if text := os.Getenv("PROOFLINE_LONG_BLOCKS"); text != "" {
		var err error
		if blocks, err = strconv.Atoi(text); err != nil || blocks < 40 {
			t.Fatalf("PROOFLINE_LONG_BLOCKS=%s: want a number, at least 40", text)
		}
	}
	path, err := buildHostile()
	if err != nil {
		t.Fatal(err)
	}
	chain := ethnodetest.NewChain(0)
	node := ethnodetest.Start(t, chain)
	hook := counting(t)
	s := newSite(t, fmt.Sprintf(longPipeline, blocks, node.URL, hook.URL))
	own := s.path("plugins", filepath.Base(path))
	if err := os.Mkdir(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, own); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("genesis.json"), []byte(fmt.Sprintf(`{"config":{"chainId":%d,"homesteadBlock":0,"eip150Block":0,
		"eip155Block":0,"eip158Block":0,"byzantiumBlock":0,"constantinopleBlock":0,"petersburgBlock":0,"istanbulBlock":0,"berlinBlock":0,
		"londonBlock":0,"mergeNetsplitBlock":0,"shanghaiTime":0,"cancunTime":0,"pragueTime":0,"terminalTotalDifficulty":0,
		"depositContractAddress":"0x00000000219ab540356cbb839cbe05303d7705fa",
		"blobSchedule":{"cancun":{"target":3,"max":6,"baseFeeUpdateFraction":3338477},"prague":{"target":6,"max":9,"baseFeeUpdateFraction":5007716}}}}`,
		ethnodetest.ChainID)), 0o600); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	p := s.start("run")
	s.until(p, "every stage has a process", func(snap status.Snapshot) bool {
		return len(snap.Stages) == 4 && !slices.ContainsFunc(snap.Stages, func(st status.Stage) bool { return st.State != status.StageReady })
	})
	samples := map[string][]sample{} // by the stage's name
	end := time.Now().Add(time.Duration(blocks)*2*time.Second + patience)
	for {
		snap, ok := s.status()
		if !ok {
			t.Fatal("the host does not answer")
		}
		if snap.Counts.Failed+snap.Counts.Dropped > 0 {
			t.Fatalf("a block did not go the whole way: %+v", snap.Recent)
		}
		samples["host"] = append(samples["host"], look(t, snap.PID))
		for _, st := range snap.Stages {
			if st.Restarts > 0 {
				t.Fatalf("stage %s was restarted: %s", st.Name, st.Error)
			}
			samples[st.Name] = append(samples[st.Name], look(t, st.PID))
		}
		if snap.Counts.Done == blocks {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d blocks after %s", snap.Counts.Done, blocks, time.Since(began))
		}
		// The chain grows as the pipeline works, so that queues stay short and the
		// load even.
		if ahead := int(chain.Head().Number) - snap.Counts.Done; ahead < 6 {
			chain.Extend(min(6-ahead, blocks-int(chain.Head().Number)))
		}
		time.Sleep(400 * time.Millisecond)
	}
	took := time.Since(began)
	eventually(t, "the hook has been told of every block", func() bool { return hook.posts.Load() >= int64(blocks) })
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	left, err := filepath.Glob(s.path("data", "attempts", "*"))
	if err != nil || len(left) > 1 { // alerts
		t.Errorf("%d folders of finished blocks are left, %v", len(left), err)
	}
	checkpoint, err := os.Stat(s.path("data", "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}

	t.Logf("%d blocks in %s on %d cores; checkpoint %d KiB", blocks, took.Round(time.Second), runtime.NumCPU(), checkpoint.Size()>>10)
	for _, name := range []string{"host", "source", "input", "gate", "hook"} {
		all := samples[name]
		quarter := len(all) / 4
		if quarter < 5 {
			t.Fatalf("only %d samples", len(all))
		}
		early, late := median(all[quarter:2*quarter]), median(all[3*quarter:])
		t.Logf("%-7s memory %6d -> %6d KiB (%.2f), open files %3d -> %3d", name,
			early.rss>>10, late.rss>>10, float64(late.rss)/float64(early.rss), early.files, late.files)
		if float64(late.rss) > 1.3*float64(early.rss) {
			t.Errorf("the memory of %s grows: %d KiB in the second quarter, %d in the last", name, early.rss>>10, late.rss>>10)
		}
		if float64(late.files) > 1.3*float64(early.files) {
			t.Errorf("the open files of %s grow: %d in the second quarter, %d in the last", name, early.files, late.files)
		}
	}
}

// hook is a web server that counts its requests.
type hook struct {
	URL   string
	posts atomic.Int64
}

func counting(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.posts.Add(1)
	}))
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

// sample is the memory and the open files of a process at one time.
type sample struct {
	rss   int // bytes of memory
	files int // open descriptors
}

func look(t *testing.T, pid int) (s sample) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return sample{rss: pages * os.Getpagesize(), files: len(open)}
}

// median returns the median of each figure.
func median(samples []sample) sample {
	rss, files := []int{}, []int{}
	for _, s := range samples {
		rss, files = append(rss, s.rss), append(files, s.files)
	}
	slices.Sort(rss)
	slices.Sort(files)
	return sample{rss: rss[len(rss)/2], files: files[len(files)/2]}
}

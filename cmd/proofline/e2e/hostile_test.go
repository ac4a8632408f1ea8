package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/monitor"
	"github.com/proofline/proofline/host/status"
)

// buildHostile builds the plugin of the folder hostile beside the others.
var buildHostile = sync.OnceValues(func() (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hostile", "prover-hostile")
	cmd := exec.Command("go", "build", "-o", path, "./hostile")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build prover-hostile: %w\n%s", err, out)
	}
	return path, nil
})

// hostilePipeline is a pipeline with the hostile plugin as a gate between real stages.
const hostilePipeline = `
version: 1
name: hostile
monitor: {listen: "LISTEN"}
select: {every: 1, from: 1, to: %d, order: oldest_first}
plugins: {dirs: [%q]}
stages:
  - name: source
    plugin: source-devchain
    config: {period: 1s}
  - name: input
    plugin: builder-ethrex
    config: {format: g8, network: auto}
  - name: hostile
    plugin: prover-hostile
    retry: {max: 1, backoff: 50ms}
    timeout: 10m
    heartbeat_timeout: 5s
    config: %s
  - name: check
    plugin: prover-stateless
    retry: {max: 1, backoff: 50ms}
`

// hostileSite returns a site whose hostile plugin has the config, and the path of its
// binary. Each site has a copy of its own, by which its processes are found.
func hostileSite(t *testing.T, to int, config map[string]any) (*site, string) {
	t.Helper()
	path, err := buildHostile()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, fmt.Sprintf(hostilePipeline, to, "plugins", text))
	own := s.path("plugins", filepath.Base(path))
	if err := os.Mkdir(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, own); err != nil {
		t.Fatal(err)
	}
	return s, own
}

// TestMisbehavingPlugin: a plugin that misbehaves at a block can make only that block fail.
// All other blocks are processed, the host keeps running and stays small, and no process or
// file is left behind.
func TestMisbehavingPlugin(t *testing.T) {
	t.Parallel()
	cases := []struct {
		trick string
		class string // of the failed attempt; empty where none fails
		want  string // in the error of the failed attempt
		fails bool   // the block
	}{
		{trick: "garbage"},
		{trick: "flood"},
		{trick: "progress flood"},
		{trick: "daemon"},
		{trick: "litter"},
		{trick: "exit once", class: "interrupted", want: "exit status 3; it wrote: "},
		{trick: "panic once", class: "interrupted", want: "it wrote: panic: on demand"},
		{trick: "kill once", class: "interrupted", want: "killed by SIGKILL"},
		{trick: "freeze once", class: "interrupted", want: "hangs: no sign of life"},
		{trick: "silent once", class: "interrupted", want: "hangs: no sign of life from prove"},
		{trick: "wrong hash", class: "retryable", want: "the plugin stated", fails: true},
		{trick: "wrong size", class: "retryable", want: "bytes, the plugin stated", fails: true},
		{trick: "no file", class: "retryable", want: "absent.json", fails: true},
		{trick: "other name", class: "retryable", want: "want out/proof.bin", fails: true},
		{trick: "link", class: "retryable", want: "no plain file", fails: true},
		{trick: "linked folder", class: "retryable", want: "escapes", fails: true},
		{trick: "way out", class: "permanent", want: "breaks the protocol", fails: true},
		{trick: "large message", class: "permanent", want: "prover-hostile breaks the protocol: grpc: received message larger than max", fails: true},
		{trick: "two results", class: "permanent", want: "went on after its result", fails: true},
		{trick: "no result", class: "permanent", want: "ended without a result", fails: true},
		{trick: "large token", class: "permanent", want: "resume token of 1048576 bytes", fails: true},
		{trick: "spoilt input", class: "retryable", want: "is not what was recorded of it"}, // made again
		{trick: "exit", class: "interrupted", want: "exit status 3", fails: true},           // a poisonous block
		{trick: "daemon"},
	}
	blocks, failing := map[string]string{}, 0
	for i, c := range cases {
		blocks[fmt.Sprint(i+1)] = c.trick
		if c.fails {
			failing++
		}
	}
	total := len(cases) + 2 // and two good ones at the end
	s, path := hostileSite(t, total, map[string]any{"blocks": blocks, "password": hostilePassword})
	p := s.start("run")
	snap := s.until(p, "every block is done or failed", func(snap status.Snapshot) bool {
		return snap.Counts.Done+snap.Counts.Failed == total
	})
	if snap.Counts.Failed != failing {
		t.Errorf("%d blocks failed, want %d", snap.Counts.Failed, failing)
	}
	for _, st := range snap.Stages {
		if (st.Restarts > 0) != (st.Name == "hostile") {
			t.Errorf("stage %s was restarted %d times", st.Name, st.Restarts)
		}
	}
	peak := highWater(t, p.cmd.Process.Pid)
	t.Logf("%d blocks, %d failed, %d restarts of the plugin, at most %d MiB of memory in the host",
		total, failing, stage(t, snap, "hostile").Restarts, peak>>20)
	if peak > 256<<20 {
		t.Errorf("the host needed %d MiB of memory", peak>>20)
	}
	eventually(t, "nothing is wrong any more but that blocks have failed", func() bool {
		h := health(t, s)
		return h.Status == monitor.Healthy || h.Status == monitor.Degraded && strings.Contains(h.Reason, "blocks failed")
	})
	poisonous := len(cases) - 1 // its number
	bundleOf(t, s, poisonous, "running.tar.gz")
	if left := running(path); len(left) < 2 {
		t.Errorf("processes %v: a daemon should be there until its plugin ends", left)
	}
	processes := append(tree(p.cmd.Process.Pid), running(path)...)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	gone(t, processes)
	if left := running(path); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}

	for i, c := range cases {
		number := fmt.Sprint(i + 1)
		var jobs []status.Job
		if err := json.Unmarshal([]byte(s.must("blocks", "show", "--json", number)), &jobs); err != nil || len(jobs) != 1 {
			t.Fatalf("%s: %d jobs, %v", c.trick, len(jobs), err)
		}
		want := status.JobDone
		if c.fails {
			want = status.JobFailed
		}
		if jobs[0].State != want || c.fails && !strings.Contains(jobs[0].Reason, c.want) && c.trick != "exit" {
			t.Errorf("%s: %s (%s), want %s with %q", c.trick, jobs[0].State, jobs[0].Reason, want, c.want)
		}
		ends := ended(p.log.String(), number)
		if c.class == "" && len(ends) == 0 {
			continue
		}
		if len(ends) == 0 || !slices.ContainsFunc(ends, func(line string) bool {
			return strings.Contains(line, "class="+c.class+" ") && strings.Contains(line, c.want)
		}) {
			t.Errorf("%s: want an attempt that ended %s with %q, got\n%s", c.trick, c.class, c.want, strings.Join(ends, "\n"))
		}
		files := s.path("data", "attempts", jobs[0].ID)
		if _, err := os.Stat(files); c.fails != (err == nil) {
			t.Errorf("%s: the files of a block that is %s: %v", c.trick, want, err)
		}
	}
	if reason := showReason(t, s, poisonous); !strings.Contains(reason, "died 3 times") {
		t.Errorf("the poisonous block failed because %q", reason)
	}
	files := bundleOf(t, s, poisonous, "offline.tar.gz")
	for name, want := range map[string]string{
		"block.json": `"transactions"`, "witness.json": `"state"`, "input.bin": "", "chain.json": `"chainId"`,
		"job.json": "died 3 times", "log/hostile-1.log": "out of cheese", "log/hostile-3.log": `block %d, attempt 3: "exit"`,
		"bundle.json": `"prover-hostile",` + "\n" + `      "version": "6.6.6"`,
	} {
		want = strings.ReplaceAll(want, "%d", fmt.Sprint(poisonous))
		if text, ok := files[name]; !ok || !strings.Contains(text, want) {
			t.Errorf("%s in the bundle does not hold %q: %.300s", name, want, text)
		}
	}
	if code, _, log := s.run("blocks", "bundle", fmt.Sprint(poisonous), "--out", "offline.tar.gz"); code == 0 || !strings.Contains(log, "already there") {
		t.Errorf("a file that exists: exit %d, %s", code, log)
	}
	noPassword(t, s, p.log.String(), files)
}

const hostilePassword = "hunter2-of-the-hostile"

// noPassword checks that the password, which the plugin writes to its log, is nowhere else.
func noPassword(t *testing.T, s *site, log string, bundle map[string]string) {
	t.Helper()
	if !strings.Contains(log, "and the password is [redacted]") {
		t.Error("the log does not show what the plugin wrote before it died: nothing was tested")
	}
	places := maps.Clone(bundle)
	places["the log"] = log
	err := filepath.WalkDir(s.path("data"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for place, text := range places {
		if strings.Contains(text, hostilePassword) {
			t.Errorf("the password is in %s", place)
		}
	}
}

// bundleOf packs a block that has one job and returns the files in it.
func bundleOf(t *testing.T, s *site, number int, to string) map[string]string {
	t.Helper()
	if out := s.must("blocks", "bundle", fmt.Sprint(number), "--out", to); out != to+"\n" {
		t.Errorf("blocks bundle printed %q", out)
	}
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", s.path(to), "-C", dir, "--strip-components=1").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// ended returns the log lines about ended attempts at a block.
func ended(log, number string) (lines []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, "attempt ended without a result") && strings.Contains(line, " block="+number+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func showReason(t *testing.T, s *site, number int) string {
	t.Helper()
	var jobs []status.Job
	if err := json.Unmarshal([]byte(s.must("blocks", "show", "--json", fmt.Sprint(number))), &jobs); err != nil || len(jobs) != 1 {
		t.Fatalf("block %d: %d jobs, %v", number, len(jobs), err)
	}
	return jobs[0].Reason
}

// TestStubbornPlugin: a plugin that does not end its work after the timeout is ended, and
// the block is tried again.
func TestStubbornPlugin(t *testing.T) {
	t.Parallel()
	s, _ := hostileSite(t, 1, map[string]any{"blocks": map[string]string{"1": "stubborn once"}})
	text, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(swap(t, string(text), "timeout: 10m", "timeout: 5s"))
	p := s.start("run", "--blocks", "1")
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if ends := ended(p.log.String(), "1"); len(ends) != 1 || !strings.Contains(ends[0], "class=retryable ") || !strings.Contains(ends[0], "timeout of 5s") {
		t.Errorf("want one attempt that was stopped after its timeout, got\n%s", strings.Join(ends, "\n"))
	}
}

// TestCrashLoop: a plugin that dies at every block is quarantined, and the health shows it,
// while the other stages work on.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	s, path := hostileSite(t, 1000, map[string]any{"always": "kill"})
	p := s.start("run")
	snap := s.until(p, "the plugin is quarantined", func(snap status.Snapshot) bool {
		return len(snap.Stages) == 4 && stage(t, snap, "hostile").State == status.StageQuarantined
	})
	if out := s.must("status"); !strings.Contains(out, string(status.StageQuarantined)) || !strings.Contains(out, "SIGKILL") {
		t.Errorf("status does not tell of the quarantine and its reason:\n%s", out)
	}
	if snap.Counts.Failed != 1 || !strings.Contains(showReason(t, s, 1), "died 3 times") {
		t.Errorf("%d blocks failed, want the first one after three crashes", snap.Counts.Failed)
	}
	head := snap.Head
	eventually(t, "the host is unhealthy and says why", func() bool {
		h := health(t, s)
		return h.Status == monitor.Unhealthy && strings.Contains(h.Reason, `"hostile" is quarantined`)
	})
	snap = s.until(p, "the chain is followed", func(snap status.Snapshot) bool { return snap.Head > head+1 })
	for _, st := range snap.Stages {
		if st.Name != "hostile" && (st.State != status.StageReady || st.Restarts > 0) {
			t.Errorf("stage %s suffers: %s, %d restarts", st.Name, st.State, st.Restarts)
		}
	}
	processes := append(tree(p.cmd.Process.Pid), running(path)...)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	gone(t, processes)
}

// stage returns the named stage.
func stage(t *testing.T, snap status.Snapshot, name string) status.Stage {
	t.Helper()
	i := slices.IndexFunc(snap.Stages, func(st status.Stage) bool { return st.Name == name })
	if i < 0 {
		t.Fatalf("no stage %q in %+v", name, snap.Stages)
	}
	return snap.Stages[i]
}

// health gets the health from the monitor.
func health(t *testing.T, s *site) (h monitor.Health) {
	t.Helper()
	answer, err := http.Get("http://" + listenAddress(t, s) + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	if (answer.StatusCode == http.StatusOK) != (h.Status == monitor.Healthy) {
		t.Errorf("code %d for %q", answer.StatusCode, h.Status)
	}
	return h
}

// running lists the processes of a program.
func running(path string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && filepath.Base(target) == filepath.Base(path) && strings.HasPrefix(target, filepath.Dir(filepath.Dir(path))+"/") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// highWater returns the largest memory that a process has ever had, in bytes.
func highWater(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no VmHWM in\n%s", text)
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib << 10
}

// Package e2e runs the real binaries together: the host, its plugins, a scripted node, a
// fake EthProofs, and a double of cargo-zisk. It uses no network but the loopback device.
package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
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
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk/sdktest/freeport"
)

// patience is the time limit for every wait, long enough for a busy machine.
const patience = 3 * time.Minute

// sideBySide is the number of tests that run at a time unless -parallel is given. Most of
// the time they wait for a proof, a retry or the next block.
const sideBySide = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", sideBySide); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	zisktest.Cleanup()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var built string // directory of the binaries

// unadorned are linker flags that leave out debug information, which saves a quarter of the
// link time.
const unadorned = "-ldflags=-s -w"

// binaries builds proofline and every plugin, once, and returns their directory.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "proofline-e2e-")
	if err != nil {
		return "", err
	}
	built = dir
	list := exec.Command("go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "github.com/proofline/proofline/plugins/...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("list the plugins: %w", err)
	}
	plugin := regexp.MustCompile(`/plugins/[a-z]+-[a-z-]+$`)
	args := []string{"build", unadorned, "-o", filepath.Join(dir, "plugins") + "/"}
	for path := range strings.FieldsSeq(string(out)) {
		if plugin.MatchString(path) {
			args = append(args, path)
		}
	}
	program := []string{"build", unadorned, "-o", dir + "/", "github.com/proofline/proofline/cmd/proofline"}
	for _, args := range [][]string{{"build", unadorned, "-o", dir + "/", "github.com/proofline/proofline/cmd/" + keeper.ProgramName}, program, args} {
		if sum, err := os.ReadFile(filepath.Join(dir, keeper.ProgramName)); err == nil {
			program[1] = fmt.Sprintf("%s -X github.com/proofline/proofline/host/keeper.digest=%x", unadorned, sha256.Sum256(sum))
		}
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return dir, nil
})

// site is a directory with a pipeline file in which commands run.
type site struct {
	t   *testing.T
	bin string
	dir string
	env []string
	// branches are the proof stages that the audit checks. first is the first block that
	// the pipeline selects; 0 for any.
	branches []branch
	first    uint64
}

// newSite writes the pipeline file. LISTEN in its text becomes a free address.
func newSite(t *testing.T, pipeline string) *site {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, bin: bin, dir: t.TempDir(), branches: line, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}}
	s.write(pipeline)
	return s
}

func (s *site) write(pipeline string) {
	s.t.Helper()
	pipeline = strings.ReplaceAll(pipeline, "LISTEN", freeAddress(s.t))
	if err := os.WriteFile(s.path("pipeline.yaml"), []byte(pipeline), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freeport.Take(t, 1))
}

func (s *site) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// process is a running proofline.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *buffer // stdout
	log  *buffer // stderr
	done chan struct{}
}

// buffer may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start runs proofline in the background; the test's end kills it.
func (s *site) start(args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(filepath.Join(s.bin, "proofline"), args...), out: &buffer{}, log: &buffer{}, done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = s.dir, s.env
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if s.t.Failed() && args[0] != "status" {
			s.t.Logf("proofline %s\n%s%s", strings.Join(args, " "), p.out, p.log)
		}
	})
	return p
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("still running after %s", patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a command to its end.
func (s *site) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	p := s.start(args...)
	code = p.wait()
	return code, p.out.String(), p.log.String()
}

// must runs a command that has to succeed.
func (s *site) must(args ...string) string {
	s.t.Helper()
	code, out, log := s.run(args...)
	if code != 0 {
		s.t.Fatalf("proofline %s: exit %d\n%s%s", strings.Join(args, " "), code, out, log)
	}
	return out
}

// status gets the status from the running host through its control socket, as the command
// status does, but without a process for each call. It returns false if no host runs.
func (s *site) status() (snap status.Snapshot, ok bool) {
	client, err := control.Dial(s.t.Context(), s.path("data"))
	if err != nil {
		return snap, false
	}
	defer client.Close()
	snap, err = client.Snapshot(s.t.Context())
	return snap, err == nil && snap.PID != 0
}

// amount returns few, or all with PROOFLINE_LONG, for the size of a scenario.
func amount(few, all int) int {
	if os.Getenv("PROOFLINE_LONG") != "" {
		return all
	}
	return few
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		if condition() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// until waits for a state of the running host. If it does not come, the log has the last
// state that was seen.
func (s *site) until(p *process, what string, condition func(status.Snapshot) bool) (snap status.Snapshot) {
	s.t.Helper()
	reached := false
	defer func() {
		if !reached {
			text, _ := json.MarshalIndent(snap, "", " ")
			s.t.Logf("the last state that was seen: %s", text)
		}
	}()
	eventually(s.t, what, func() (ok bool) {
		select {
		case <-p.done:
			s.t.Fatalf("proofline ended with %d while waiting until %s", p.cmd.ProcessState.ExitCode(), what)
		default:
		}
		snap, ok = s.status()
		return ok && condition(snap)
	})
	reached = true
	return snap
}

// tree returns the process pid and its descendants.
func tree(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// alive filters the processes that still run; a zombie does not.
func alive(pids []int) []int {
	return slices.DeleteFunc(slices.Clone(pids), func(pid int) bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true
		}
		return strings.HasPrefix(string(text[bytes.LastIndexByte(text, ')')+1:]), " Z")
	})
}

// gone waits for the end of every process and logs how long that took.
func gone(t *testing.T, pids []int) time.Duration {
	t.Helper()
	begin := time.Now()
	eventually(t, fmt.Sprintf("%v are gone", pids), func() bool { return len(alive(pids)) == 0 })
	return time.Since(begin)
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// rows returns the first column of the table that a limited run prints.
func rows(table string) (numbers []string) {
	for line := range strings.Lines(table) {
		if first, _, _ := strings.Cut(strings.TrimSpace(line), " "); regexp.MustCompile(`^\d+$`).MatchString(first) && strings.Contains(line, "0x") {
			numbers = append(numbers, first)
		}
	}
	return numbers
}

// shared finds third-party data beside the repository, or skips the test.
func shared(t *testing.T, elem ...string) string {
	t.Helper()
	root := os.Getenv("PROOFLINE_SHARED")
	if root == "" {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
		if err != nil {
			t.Fatal(err)
		}
		root = filepath.Join(strings.TrimSpace(string(out)), "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs real blocks, which are not part of the repository: %s is absent (set PROOFLINE_SHARED)", path)
	}
	return path
}

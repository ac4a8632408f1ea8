package procfs

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// start runs a shell that waits, with a variable in its environment.
func start(t *testing.T, variable string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read x")
	cmd.Env = []string{variable}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestMarkFindsAndKillsWhatCarriesIt(t *testing.T) {
	value := strconv.Itoa(os.Getpid()) + time.Now().String()
	ours := start(t, "PROCFS_TEST="+value)
	similar := start(t, "PROCFS_TEST="+value+"x")
	mark := Variable("PROCFS_TEST", value)
	if found := mark.Find(); !slices.Equal(found, []int{ours.Process.Pid}) {
		t.Fatalf("found %v, want %d alone", found, ours.Process.Pid)
	}
	if mark.Kill(similar.Process.Pid) {
		t.Error("a process without the mark was killed")
	}
	if killed := mark.KillAll(); killed != 1 {
		t.Errorf("killed %d processes", killed)
	}
	_ = ours.Wait()
	if Alive(ours.Process.Pid) || !Alive(similar.Process.Pid) {
		t.Error("the wrong process is alive")
	}
	if found := mark.Find(); len(found) > 0 {
		t.Errorf("after the kill %v are found", found)
	}
}

func TestStatAndChildren(t *testing.T) {
	child := start(t, "A=b")
	stat, err := ReadStat(child.Process.Pid)
	if err != nil || stat.Parent != os.Getpid() || stat.Command == "" {
		t.Errorf("%+v, %v", stat, err)
	}
	for name, list := range map[string]func(int) []int{"children": Children, "stat": childrenByStat} {
		if children := list(os.Getpid()); !slices.Contains(children, child.Process.Pid) {
			t.Errorf("%s: %v lacks %d", name, children, child.Process.Pid)
		}
	}
	if text := Describe([]int{child.Process.Pid, 1 << 30}); !strings.Contains(text, stat.Command) || !strings.Contains(text, "(ended)") {
		t.Errorf("described as %q", text)
	}
}

func TestEnvironGet(t *testing.T) {
	environ := Environ("A=1\x00AB=2\x00EMPTY=\x00")
	for name, want := range map[string]string{"A": "1", "AB": "2", "EMPTY": "", "B": ""} {
		if got := environ.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// BenchmarkFind is a look at every process of the machine.
func BenchmarkFind(b *testing.B) {
	mark := Variable("PROCFS_TEST", "nobody")
	b.ReportAllocs()
	for b.Loop() {
		if found := mark.Find(); len(found) > 0 {
			b.Fatal(found)
		}
	}
	b.ReportMetric(float64(len(all())), "processes")
}

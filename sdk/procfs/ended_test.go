package procfs

import (
	"os/exec"
	"testing"
	"time"
)

// TestEnded: the end of a process is heard of, also while nobody has waited for it, and not
// before.
func TestEnded(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, err := Ended(cmd.Process.Pid)
	if err != nil {
		t.Skip("the kernel has no pidfd: ", err)
	}
	select {
	case <-ended:
		t.Fatal("ended while it runs")
	case <-time.After(50 * time.Millisecond):
	}
	in.Close()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("nothing heard of the end")
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := Ended(cmd.Process.Pid); err == nil {
		t.Error("a process that is gone can be waited for")
	}
}

package private

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain is also the main function of the sealed process, because the flag applies to a
// whole process.
func TestMain(m *testing.M) {
	if os.Getenv("PRIVATE_TEST_SEAL") == "" {
		os.Exit(m.Run())
	}
	if err := Seal(); err != nil {
		panic(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		panic(err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/environ", &st); err != nil {
		panic(err)
	}
	keeper := exec.Command("/proc/self/exe", "-test.list=none") // as keepers are started
	keeper.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := keeper.CombinedOutput(); err != nil {
		panic(string(out) + err.Error())
	}
	fmt.Printf("%d %d\n", dumpable, st.Uid)
}

func TestSeal(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PRIVATE_TEST_SEAL=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "0 0\n" {
		t.Errorf("%s, %v: want dumpable 0, and an environment of root", out, err)
	}
}

func TestForget(t *testing.T) {
	for _, name := range []string{"PRIVATE_KEY", "PRIVATE_KEPT", "PRIVATE_LIST_A", "PRIVATE_OTHER"} {
		t.Setenv(name, "x")
	}
	Forget([]string{"PRIVATE_KEY", "PRIVATE_KEPT", "PRIVATE_LIST_A", "PRIVATE_UNSET", "a=b"}, []string{"PRIVATE_KEPT", "PRIVATE_LIST_*"})
	for name, want := range map[string]bool{"PRIVATE_KEY": false, "PRIVATE_KEPT": true, "PRIVATE_LIST_A": true, "PRIVATE_OTHER": true} {
		if _, ok := os.LookupEnv(name); ok != want {
			t.Errorf("%s is there: %v, want %v", name, ok, want)
		}
	}
}

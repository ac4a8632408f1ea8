package keeper

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk/procfs"
)

// TestMain makes the test binary one of the processes of a tree. Its first argument names
// the role.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "keeper" {
		os.Exit(Main(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "role" {
		roles[os.Args[2]](os.Args[3:])
		return
	}
	goleak.VerifyTestMain(m)
}

var roles = map[string]func(args []string){
	// reach tries what a confinement forbids.
	"reach": tryAll,
	// user prints the rights of the process.
	"user": tellUser,
	// sleeper runs until it is ended.
	"sleeper": func([]string) { forever() },
	// stubborn does not end on SIGTERM.
	"stubborn": func([]string) {
		signal.Ignore(syscall.SIGTERM)
		logLine("info", "ready")
		forever()
	},
	// tidy writes to a file on SIGTERM and ends.
	"tidy": func(args []string) {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		announce(nil)
		<-asked
		if err := os.WriteFile(args[0], []byte("done"), 0o600); err != nil {
			panic(err)
		}
	},
	"exit": func(args []string) {
		if args[0] == "kill" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			forever()
		}
		os.Exit(7)
	},
	// frozen stops itself.
	"frozen": func([]string) {
		announce(nil)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		forever()
	},
	// family starts a child, a grandchild and a daemon and announces them all.
	"family": func([]string) {
		child, daemon := spawn("parent", nil), spawn("fork", &syscall.SysProcAttr{Setsid: true})
		announce(append(child, daemon...))
		forever()
	},
	// deserter is a family that ends at once. The other processes keep running.
	"deserter": func([]string) {
		announce(spawn("fork", &syscall.SysProcAttr{Setsid: true}))
		os.Exit(3)
	},
	// parent starts a sleeper and keeps running.
	"parent": func([]string) {
		announce(spawn("sleeper", nil))
		forever()
	},
	// fork starts a sleeper in its own session and ends: a double fork.
	// Only the sleeper is announced.
	"fork": func([]string) { write(spawn("sleeper", &syscall.SysProcAttr{Setsid: true})) },
	// host starts a keeper over a role, announces the keeper and the tree, and
	// lives on. Arguments: lock, role.
	"host": func(args []string) {
		read, write, _ := os.Pipe()
		p, err := Start(Command{
			Options: Options{Lock: args[0], LockWait: time.Second, Grace: 500 * time.Millisecond},
			Keeper:  []string{os.Args[0], "keeper"},
			Argv:    []string{os.Args[0], "role", args[1]},
			Env:     os.Environ(),
			Stdout:  write, Stderr: stderrCopy(),
		})
		if err != nil {
			panic(err)
		}
		announce(append([]int{p.PID()}, announced(read)...))
		forever()
	},
}

// announce writes the process's own id, then those of its tree, as one line.
func announce(tree []int) { write(append([]int{os.Getpid()}, tree...)) }

func write(pids []int) {
	line, _ := json.Marshal(pids)
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// announced reads one announcement.
func announced(from io.Reader) (pids []int) {
	if err := json.NewDecoder(from).Decode(&pids); err != nil {
		panic(fmt.Sprintf("read an announcement: %v", err))
	}
	return pids
}

// spawn starts a role and returns what it announces; a sleeper announces
// nothing.
func spawn(role string, attr *syscall.SysProcAttr) []int {
	cmd := exec.Command(os.Args[0], "role", role)
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	if role == "sleeper" {
		cmd.Stdout = os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		return []int{cmd.Process.Pid}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return announced(out)
}

func stderrCopy() *os.File {
	fd, err := syscall.Dup(2)
	if err != nil {
		panic(err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "stderr")
}

// wantGone fails the test unless all processes end within the limit; it
// reports how long they took.
func wantGone(t *testing.T, limit time.Duration, pids ...int) {
	t.Helper()
	began := time.Now()
	for {
		left := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !procfs.Alive(pid) })
		if len(left) == 0 {
			t.Logf("%d processes gone after %v", len(pids), time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > limit {
			t.Fatalf("alive after %v: %s", limit, procfs.Describe(left))
		}
		time.Sleep(time.Millisecond)
	}
}

func forever() {
	for {
		_ = syscall.Pause()
	}
}

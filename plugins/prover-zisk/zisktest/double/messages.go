package double

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// info prints a line of the tool's logger.
func info(format string, args ...any) {
	if tracing.Load() {
		fmt.Printf("\x1b[2m%s\x1b[0m \x1b[32m INFO\x1b[0m %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), fmt.Sprintf(format, args...))
		return
	}
	fmt.Printf("%s INFO: %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), fmt.Sprintf(format, args...))
}

// failed prints an error that a command has returned in the form of the crate anyhow, and
// returns the exit status. In the server it prints a panic of the proof's thread instead.
func failed(command string, causes ...string) int {
	if tracing.Load() {
		fmt.Fprintf(os.Stderr, "thread '<unnamed>' (%d) panicked at server/src/handler_prove.rs:75:22:\nFailed to generate proof: %s\n", os.Getpid(), strings.Join(causes, ": "))
		return 101
	}
	fmt.Fprintf(os.Stderr, "Error: Error executing %s command\n\nCaused by:\n", command)
	for i, c := range causes {
		if len(causes) > 1 {
			c = fmt.Sprintf("%d: %s", i, c)
		}
		fmt.Fprintf(os.Stderr, "    %s\n", c)
	}
	return 1
}

func panicked(text string) int {
	fmt.Fprintf(os.Stderr, "thread 'main' (%d) panicked at sdk/src/prover/backend.rs:171:18:\n%s\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n", os.Getpid(), text)
	return 101
}

// die ends the process by a signal, as the kernel or abort(3) would. It replaces the
// process by a shell, because the Go runtime would catch the signal.
func die(signal syscall.Signal) int {
	_ = syscall.Exec("/bin/sh", []string{"sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", int(signal))}, os.Environ())
	return 70
}

func banner(command, elf, input string) {
	fmt.Printf("\n    ZisK zkVM\n      System Linux\n    Hostname test\n     Command %s\n         Elf %s\n       Input %s\n\n", command, elf, input)
}

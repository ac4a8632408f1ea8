package zisk

import (
	"fmt"
	"syscall"
)

// Exit is the exit status of a process, or the signal that ended it.
type Exit struct {
	Code   int            // exit status; meaningless when Signal is set
	Signal syscall.Signal // the signal that ended it, or 0
}

// Success reports whether the exit status is 0.
func (e Exit) Success() bool { return e.Signal == 0 && e.Code == 0 }

func (e Exit) String() string {
	if e.Signal != 0 {
		return fmt.Sprintf("signal %d (%v)", int(e.Signal), e.Signal)
	}
	if s := e.signal(); s != 0 {
		return fmt.Sprintf("exit status %d (%v)", e.Code, s)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// signal returns the signal that ended the process itself or, by the shell's
// and mpirun's convention, its child.
func (e Exit) signal() syscall.Signal {
	if e.Signal == 0 && e.Code > 128 && e.Code < 160 {
		return syscall.Signal(e.Code - 128)
	}
	return e.Signal
}

// commandLineRemedy is the remedy for arguments that the tool refuses.
const commandLineRemedy = "compare `extra_args` with `cargo-zisk prove --help`; after an update of cargo-zisk restart the pipeline"

// shmRemedy is the remedy for missing shared memory.
const shmRemedy = "look at `df -h /dev/shm`; a container needs --shm-size 32g; free what an ended prover has left there"

// signOf returns the sign for an exit alone. certain reports that the exit explains
// more than a line with a transient failure.
// Sources: 2 is the exit status of clap's usage errors, 101 that of a Rust panic, 126
// and 127 those of a shell that cannot run the tool, and 128 + n that of a shell whose
// child was ended by signal n.
func signOf(exit Exit) (s sign, certain bool) {
	switch exit.signal() {
	case syscall.SIGKILL:
		return sign{kind: Transient, code: CodeKilled, summary: "cargo-zisk was killed, as a rule by the kernel for memory",
			remedy: "look for \"Out of memory\" in `dmesg`; set `minimal_memory: true`, or give the machine more memory"}, true
	case syscall.SIGILL:
		return sign{kind: Configuration, code: CodeCPU, summary: "cargo-zisk uses instructions that this CPU lacks (AVX-512)",
			remedy: "build cargo-zisk on this machine, or install a build for it"}, true
	case syscall.SIGBUS:
		// The kernel sends it when a page of a mapped file cannot be provided.
		return sign{kind: Machine, code: CodeSharedMemory, summary: "cargo-zisk lost memory that it had mapped, as a rule because /dev/shm is full", remedy: shmRemedy}, true
	case syscall.SIGSEGV, syscall.SIGFPE:
		return sign{kind: Transient, code: CodeCrash, summary: "cargo-zisk crashed"}, true
	case syscall.SIGABRT:
		return sign{kind: Transient, code: CodeCrash, summary: "cargo-zisk aborted"}, false
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return sign{kind: Transient, code: CodeStopped, summary: "cargo-zisk was stopped from outside"}, true
	}
	switch exit.Code {
	case 126, 127:
		return sign{kind: Configuration, code: CodeStart, summary: "cargo-zisk cannot be started",
			remedy: "install ZisK again with ziskup, or correct `bin`"}, true
	case 2:
		return sign{kind: Usage, code: CodeCommandLine, summary: "cargo-zisk refused its command line", remedy: commandLineRemedy}, true
	case 101:
		return sign{kind: Transient, code: CodePanic, summary: "cargo-zisk panicked"}, false
	}
	return sign{kind: Transient, code: CodeOther, summary: "cargo-zisk failed"}, false
}

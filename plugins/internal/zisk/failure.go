package zisk

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
)

// Kind is the class of a failed run.
type Kind string

// The kinds of failure.
const (
	// Usage: the tool refused the command line; another version is installed
	// than was detected, or an extra argument is wrong.
	Usage Kind = "usage"
	// Configuration: the machine or the installation lacks something; every
	// block would fail the same way.
	Configuration Kind = "configuration"
	// Guest: the program itself failed on this input. Another attempt ends the
	// same way.
	Guest Kind = "guest"
	// Transient: a CUDA fault, a kill for memory, a service that did not come
	// up. Another attempt on a clean machine may pass.
	Transient Kind = "transient"
	// Invalid: the tool made a proof and found it wrong.
	Invalid Kind = "invalid"
)

// Failure is a failed run, explained.
type Failure struct {
	Kind    Kind
	Summary string // what happened, lower case
	Line    string // the line of output that shows it; may be empty
	Remedy  string // what the operator can do; may be empty
}

func (f *Failure) Error() string {
	if f.Line == "" {
		return f.Summary
	}
	return fmt.Sprintf("%s: %s", f.Summary, f.Line)
}

// sign is a text in the output that explains a failure.
type sign struct {
	pattern *regexp.Regexp
	kind    Kind
	summary string
	remedy  string
}

// signs are tried in order on every line; of all lines the one with the
// earliest sign explains the failure, so that "[CUDA] … no kernel image" is not
// taken for just any CUDA fault.
var signs = []sign{
	{regexp.MustCompile(`(?i)no kernel image is available`), Configuration,
		"cargo-zisk was built for another GPU",
		"build it for this card: CUDA_ARCHS=<compute capability without the dot> cargo build --release (0.14: make CUDA_ARCH=sm_<…>); `nvidia-smi --query-gpu=compute_cap --format=csv` shows the capability"},
	{regexp.MustCompile(`(?i)Not enough GPU memory to run the proof|GPU \d+: Insufficient memory`), Configuration,
		"the GPU has too little free memory",
		"end what else uses the card (`nvidia-smi --query-compute-apps=pid,used_memory --format=csv`), or give this stage other cards with `gpus`"},
	{regexp.MustCompile(`(?i)no CUDA-capable device|CUDA driver version is insufficient|invalid device ordinal|No CUDA devices? (?:found|available)|CUDA error.*\(35\)`), Configuration,
		"no usable GPU",
		"check `nvidia-smi`, the driver (525.60.13 or newer), the container's --gpus flag and the stage's `gpus`"},
	{regexp.MustCompile(`Command is not supported on GPU mode`), Configuration,
		"this GPU build of cargo-zisk has no execute",
		"use `action: prove`, or install the CPU build of the same version beside it and name it in `bin`"},
	{regexp.MustCompile(`(?i)ASM file not found|assembly (?:file|binary) .*not found`), Configuration,
		"the program's assembly files are missing from the cache",
		"run `cargo-zisk rom-setup --elf <ELF>` (0.17 and later: program-setup), or set `setup: auto`"},
	{regexp.MustCompile(`(?i)please run .*check-setup|const(?:ant)?[ _-]?trees? .*(?:not found|missing|does not exist)`), Configuration,
		"the proving key's constant trees are missing",
		"run `cargo-zisk check-setup --proving-key <DIR> -a`, or set `setup: auto`"},
	{regexp.MustCompile(`(?i)(?:provingKey|proving[ _-]key|verkey|starkinfo|globalInfo).*(?:No such file|not found|does not exist|os error 2)`), Configuration,
		"the proving key is missing or incomplete",
		"install it with `ziskup --provingkey`, or name its directory in `proving_key`"},
	{regexp.MustCompile(`(?i)Failed to load (?:witness library|.*libzisk_witness)|libzisk_witness\.so.*(?:No such file|cannot open)`), Configuration,
		"the witness library is missing",
		"install ZisK with ziskup: it belongs to ~/.zisk/bin/libzisk_witness.so"},
	{regexp.MustCompile(`(?i)MAP_LOCKED|mlock|RLIMIT_MEMLOCK|mmap.*(?:Resource temporarily unavailable|Cannot allocate memory|errno ?[=:]? ?(?:11|12)\b)`), Configuration,
		"the services may not lock their memory",
		"raise the limit (`ulimit -l unlimited`, systemd LimitMEMLOCK=infinity, docker --ulimit memlock=-1), or set `unlock: always`"},
	{regexp.MustCompile(`(?i)No space left on device`), Configuration,
		"a file system is full",
		"free space; for /dev/shm give a container --shm-size 32g"},
	{regexp.MustCompile(`(?i)(?:shm_open|ftruncate).*(?:failed|error|errno)`), Configuration,
		"shared memory cannot be had",
		"check /dev/shm: `df -h /dev/shm`; a container needs --shm-size 32g"},
	{regexp.MustCompile(`(?i)Address already in use`), Configuration,
		"a port of the assembly services is in use",
		"stop the other prover, or give this stage another `port` (they take three each)"},
	{regexp.MustCompile(`^error: (?:unexpected argument|unrecognized subcommand|invalid value|the argument|the following required arguments|a value is required|unknown)`), Usage,
		"cargo-zisk refused its command line",
		"compare `extra_args` with `cargo-zisk prove --help`; after an update of cargo-zisk restart the pipeline"},
	{regexp.MustCompile(`(?i)input size must be a multiple of 8|Input file not found`), Configuration,
		"cargo-zisk cannot read the guest input",
		"set the builder's `framing` (raw up to ZisK 0.15, framed from 0.16)"},
	{regexp.MustCompile(`process crashed with signal: (?:11|4|8)\b|(?i:guest (?:program )?panicked|Error during emulation|Emulation (?:did not end|failed)|ROM .*panicked)`), Guest,
		"the guest program failed on this input",
		"confirm with `ziskemu -e <ELF> -i <INPUT>`: the input does not fit the guest, or the block is invalid for it"},
	{regexp.MustCompile(`✗.*proof was not verified|Proof (?:was not verified|verification failed)|[Pp]roof was not verified`), Invalid,
		"cargo-zisk made a proof that does not verify", ""},
	{regexp.MustCompile(`(?i)out of memory|process crashed with signal: 9\b|Cannot allocate memory`), Transient,
		"memory ran out",
		"if it returns: lower max-witness-stored (`extra_args: [-x, \"2\"]`), set `minimal_memory: true`, or give the machine more memory"},
	{regexp.MustCompile(`\[CUDA\]`), Transient,
		"a CUDA call failed",
		"if it returns: look for Xid lines in `dmesg`"},
	{regexp.MustCompile("Timeout: service `?\\w+`? not ready"), Transient,
		"an assembly service did not start",
		"if it returns: check memory, memlock and who listens on the ports of the services"},
	{regexp.MustCompile(`(?i)semaphore|sem_(?:open|wait|timedwait)`), Transient,
		"an assembly service stopped answering", ""},
	{regexp.MustCompile(`process crashed with signal: \d+`), Transient,
		"an assembly service crashed", ""},
	{regexp.MustCompile(`^thread '.*' .*panicked at `), Transient, "cargo-zisk panicked", ""},
	{regexp.MustCompile(`^(?:Error: )?Error generating proof`), Transient, "cargo-zisk could not make the proof", ""},
	{regexp.MustCompile(`^(?i:error): `), Transient, "cargo-zisk failed", ""},
}

// maxLine bounds the line that a Failure quotes.
const maxLine = 400

// Diagnosis watches the output of a run for signs of failure. It is not for
// concurrent use.
type Diagnosis struct {
	rank int // 1 + index of the best sign so far; 0 for none
	line string
	next bool // the line after a panic's first line carries its message
}

// Line reads one line of standard output or standard error.
func (d *Diagnosis) Line(line string) {
	text := Text(line)
	if text == "" {
		return
	}
	// Rust prints the message of a panic on the next line of standard error; one
	// of the logger, on standard output, can come between.
	if d.next && !isLogged(line) {
		d.next = false
		d.line += " " + text
	}
	limit := len(signs)
	if d.rank > 0 {
		limit = d.rank - 1
	}
	for i, s := range signs[:limit] {
		if s.pattern.MatchString(text) {
			d.rank, d.line = i+1, text
			d.next = strings.HasPrefix(text, "thread '")
			return
		}
	}
}

// Exit is how the process ended.
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
	if e.Code > 128 && e.Code < 160 {
		return fmt.Sprintf("exit status %d (%v)", e.Code, syscall.Signal(e.Code-128))
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

// Explain says why a run failed. A failed verification counts even with exit
// status 0; otherwise nil means that the run succeeded.
func (d *Diagnosis) Explain(exit Exit) *Failure {
	var found *sign
	if d.rank > 0 {
		found = &signs[d.rank-1]
	}
	if exit.Success() {
		if found != nil && found.kind == Invalid {
			return d.failure(*found, exit)
		}
		return nil
	}
	byExit, sure := signOf(exit)
	switch {
	case found == nil:
		return d.failure(byExit, exit)
	case sure && found.kind == Transient:
		// The way it ended says more than a general line of output.
		return d.failure(byExit, exit)
	}
	return d.failure(*found, exit)
}

// Said is the failure that the lines show by themselves, of a process that has
// not ended: nil when they show none.
func (d *Diagnosis) Said() *Failure {
	if d.rank == 0 {
		return nil
	}
	return d.failure(signs[d.rank-1], Exit{})
}

func (d *Diagnosis) failure(s sign, exit Exit) *Failure {
	line := d.line
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + "…"
	}
	summary := s.summary
	if !exit.Success() {
		summary += " (" + exit.String() + ")"
	}
	return &Failure{Kind: s.kind, Summary: summary, Line: line, Remedy: s.remedy}
}

// signOf explains an exit by itself; sure when it outweighs a general message.
func signOf(exit Exit) (s sign, sure bool) {
	switch exit.signal() {
	case syscall.SIGKILL:
		return sign{kind: Transient, summary: "cargo-zisk was killed, as a rule by the kernel for memory",
			remedy: "look for \"Out of memory\" in `dmesg`; set `minimal_memory: true`, or give the machine more memory"}, true
	case syscall.SIGILL:
		return sign{kind: Configuration, summary: "cargo-zisk uses instructions that this CPU lacks (AVX-512)",
			remedy: "build cargo-zisk on this machine, or install a build for it"}, true
	case syscall.SIGSEGV, syscall.SIGBUS:
		return sign{kind: Transient, summary: "cargo-zisk crashed"}, true
	case syscall.SIGABRT:
		return sign{kind: Transient, summary: "cargo-zisk aborted"}, false
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP:
		return sign{kind: Transient, summary: "cargo-zisk was stopped from outside"}, true
	}
	switch exit.Code {
	case 126, 127: // of the shell that becomes the tool
		return sign{kind: Configuration, summary: "cargo-zisk cannot be started",
			remedy: "install ZisK again with ziskup, or correct `bin`"}, true
	case 2:
		return sign{kind: Usage, summary: "cargo-zisk refused its command line",
			remedy: "compare `extra_args` with `cargo-zisk prove --help`; after an update of cargo-zisk restart the pipeline"}, true
	}
	return sign{kind: Transient, summary: "cargo-zisk failed"}, false
}

// Package double imitates cargo-zisk 0.14 to 1.0 for tests: the flags that each
// version takes and refuses, the lines that it prints, the files that it writes
// and when, the services that it leaves behind, and the ways in which it fails.
//
// Its proofs carry a marker and are not valid. The file scenario.json beside the program
// controls what the double does, because only a part of the environment reaches it through
// the plugin. Each call is recorded in calls.jsonl, which also lies beside the program.
//
// Sources: 0xPolygonHermez/zisk:cli/src, sdk/src, emulator-asm/asm-runner/src at
// v0.14.0, v0.16.1, v0.17.0, v0.18.0, pre-develop-1.0.0-beta.
package double

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Failure is a way in which the double fails.
type Failure string

// The failures. Those during a proof happen at the phase Scenario.At.
const (
	Succeed      Failure = ""
	Panic        Failure = "panic"         // cargo-zisk panics, exit 101
	CUDAAbort    Failure = "cuda-abort"    // "[CUDA] …", signal 6
	KernelImage  Failure = "kernel-image"  // "[CUDA] … no kernel image", signal 6
	ShortVRAM    Failure = "short-vram"    // "Not enough GPU memory", exit 1
	OOM          Failure = "oom"           // killed by signal 9
	Segfault     Failure = "segfault"      // signal 11
	IllegalInstr Failure = "sigill"        // signal 4, at once
	Hang         Failure = "hang"          // never ends and prints nothing more
	GuestPanic   Failure = "guest-panic"   // services crash with signal 11, exit 1
	ServiceMute  Failure = "service-mute"  // a service is not ready: exit 101, or 1 from 0.16
	Memlock      Failure = "memlock"       // mmap fails, exit 1
	NoKey        Failure = "no-key"        // the proving key is missing, exit 1
	WrongProof   Failure = "wrong-proof"   // a proof that does not verify, exit 0
	WrongProgram Failure = "wrong-program" // a good proof of another program, exit 0
	CutProof     Failure = "cut-proof"     // half a proof file, exit 0
	NoFiles      Failure = "no-files"      // exit 0 and nothing written
	SetupFails   Failure = "setup-fails"   // the set-up commands exit 1
	GuestError   Failure = "guest-error"   // ziskemu only: the guest ends with an error, exit 0
	StepLimit    Failure = "step-limit"    // ziskemu only: the guest takes too many steps, exit 1
)

// Scenario describes how the double behaves. The zero value is a ZisK 0.14.0 that proves
// successfully and at once, without services.
type Scenario struct {
	Version string  `json:"version"`
	Build   string  `json:"build,omitempty"` // "gpu" or "cpu"; printed from 0.18 on; up to 0.15 gpu refuses execute
	Fail    Failure `json:"fail,omitempty"`
	// FailTimes limits Fail to the first calls of prove, execute and
	// verify-constraints; 0 means each.
	FailTimes int `json:"fail_times,omitempty"`
	// FailEvery limits Fail to each n-th call of those commands; 0 and 1 mean each.
	FailEvery int `json:"fail_every,omitempty"`
	// At is the phase in which a failure during a proof happens, by default
	// GENERATING_PROOFS. With AtVerify it happens in the command verify.
	At string `json:"at,omitempty"`
	// PhaseMS is the duration of each phase in milliseconds.
	PhaseMS int `json:"phase_ms,omitempty"`
	// FileMS is the time between two files of the output in milliseconds.
	FileMS int `json:"file_ms,omitempty"`
	// EndAt is the path of a file for which prove waits after its summary, before it ends.
	EndAt string `json:"end_at,omitempty"`
	// EndMS is the time that prove needs after its summary to end, in milliseconds. That of a
	// real tool, which has the memory of cards and machine to release, was not measured.
	EndMS int `json:"end_ms,omitempty"`
	// SetupMS is the duration of each set-up command in milliseconds.
	SetupMS int `json:"setup_ms,omitempty"`
	// QuietSetup has the set-up print no root hash, as 1.0 does if nothing has to be
	// computed.
	QuietSetup bool `json:"quiet_setup,omitempty"`
	// NeedSetup makes prove fail up to 0.15 unless rom-setup ran before.
	NeedSetup bool `json:"need_setup,omitempty"`
	// Services starts the assembly services.
	Services bool `json:"services,omitempty"`
	// ServerMS is the time in milliseconds that the server takes to start. With
	// StatusWhileProving it answers a status at once while it proves; the releases
	// answer at the end of the proof.
	ServerMS           int  `json:"server_ms,omitempty"`
	StatusWhileProving bool `json:"status_while_proving,omitempty"`
	// VRAMLingerMS is the time in milliseconds for which an ended run still holds GPU
	// memory.
	VRAMLingerMS int `json:"vram_linger_ms,omitempty"`
	// Steps and Seconds are the figures that the run prints.
	Steps   uint64  `json:"steps,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	// ProofFile is a file whose content prove writes instead of a proof of its own.
	ProofFile string `json:"proof_file,omitempty"`
	// BodyWords is the number of words in the body of the proof.
	BodyWords int `json:"body_words,omitempty"`
	// Publics are the public values of the guest, in hexadecimal. If it is empty the
	// proof has the public values of Guest or, without a Guest, the digest of the input.
	Publics string `json:"publics,omitempty"`
	// Guest is the kind of guest program that is proved.
	Guest Guest `json:"guest,omitempty"`
	// GPUs are the cards that nvidia-smi lists, as its CSV lines. If it is empty,
	// nvidia-smi fails because the driver does not answer.
	GPUs []string `json:"gpus,omitempty"`

	dir   string // directory of the program
	minor int    // 14 to 18; 100 for 1.0
}

// ScenarioFile and CallsFile lie beside the program.
const (
	ScenarioFile = "scenario.json"
	CallsFile    = "calls.jsonl"
	vramDir      = "vram"
)

func load() (Scenario, error) {
	program, err := os.Executable()
	if err != nil {
		return Scenario{}, err
	}
	s := Scenario{dir: filepath.Dir(program)}
	data, err := os.ReadFile(filepath.Join(s.dir, ScenarioFile))
	if err == nil {
		err = json.Unmarshal(data, &s)
	} else if os.IsNotExist(err) {
		err = nil
	}
	if err != nil {
		return s, err
	}
	if s.Version == "" {
		s.Version = "0.14.0"
	}
	if s.At == "" {
		s.At = "GENERATING_PROOFS"
	}
	if s.Steps == 0 {
		s.Steps = 73_211_904
	}
	if s.Seconds == 0 {
		s.Seconds = 12.5
	}
	if s.BodyWords == 0 {
		s.BodyWords = 32_594
	}
	fields := strings.SplitN(s.Version, ".", 3)
	s.minor = 100
	if fields[0] == "0" && len(fields) > 1 {
		s.minor, err = strconv.Atoi(fields[1])
	}
	return s, err
}

// Call is the record of one call.
type Call struct {
	PID         int       `json:"pid"`
	Args        []string  `json:"args"`
	CUDAVisible string    `json:"cuda_visible_devices"`
	Home        string    `json:"home"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"` // zero if the process was killed
}

// record appends the call and returns the number of earlier calls of the same subcommand.
func (s Scenario) record(args []string) (int, error) {
	before := 0
	for _, c := range ReadCalls(s.dir) {
		if len(c.Args) > 0 && len(args) > 0 && c.Args[0] == args[0] {
			before++
		}
	}
	return before, s.write(Call{PID: os.Getpid(), Args: args, CUDAVisible: os.Getenv("CUDA_VISIBLE_DEVICES"), Home: os.Getenv("HOME"), Start: time.Now()})
}

// recordEnd records the regular end of this process's call of a subcommand.
func (s Scenario) recordEnd(command string) {
	_ = s.write(Call{PID: os.Getpid(), Args: []string{command}, End: time.Now()})
}

func (s Scenario) write(c Call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(s.dir, CallsFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintf(file, "%s\n", line)
	return err
}

// ReadCalls returns the calls recorded in the double's directory.
func ReadCalls(dir string) []Call {
	data, err := os.ReadFile(filepath.Join(dir, CallsFile))
	if err != nil {
		return nil
	}
	var calls []Call
	for line := range strings.Lines(string(data)) {
		var c Call
		if json.Unmarshal([]byte(line), &c) != nil {
			continue
		}
		if c.End.IsZero() {
			calls = append(calls, c)
			continue
		}
		for i := range calls {
			if calls[i].PID == c.PID && calls[i].End.IsZero() && calls[i].Args[0] == c.Args[0] {
				calls[i].End = c.End
			}
		}
	}
	return calls
}

package double

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// tracing is true in the server, whose logger writes lines in another form.
var tracing atomic.Bool

// phases returns the phases of a proof, in order.
// Source: 0xPolygonHermez/pil2-proofman:proofman/src/proofman.rs@v0.14.0, @v0.18.0.
func (s *Scenario) phases() []string {
	if s.minor <= 15 {
		return []string{"STARTING_ASM_MICROSERVICES", "INITIALIZING_PROOFMAN", "REGISTERING_WITNESS", "COMPUTE_MINIMAL_TRACE", "PLAN",
			"CALCULATING_CONTRIBUTIONS", "GENERATING_PROOFS", "GENERATING_WORKER_COMPRESSED_PROOFS"}
	}
	return []string{"STARTING_ASM_MICROSERVICES", "INITIALIZING_PROOFMAN", "LOADING_FIXED_POLS", "EXECUTE",
		"CALCULATING_CONTRIBUTIONS", "GENERATING_PROOFS", "GENERATE_VADCOP_FINAL_PROOF"}
}

// walk prints the phases, and fails at the phase that the scenario names. The second value
// is false if the run is over; the first is then the exit status.
func (s *Scenario) walk(command string, phases []string, services *services) (int, bool) {
	for _, phase := range phases {
		info(">>> %s", phase)
		time.Sleep(time.Duration(s.PhaseMS) * time.Millisecond)
		if phase == s.At {
			if status, over := s.failNow(command, services); over {
				return status, false
			}
		}
		info("<<< %s (%dms)", phase, s.PhaseMS)
		if phase == "PLAN" || phase == "EXECUTE" {
			info("··· Assembly execution speed: 512 MHz")
			info("--- PROOF INSTANCES SUMMARY ------------------------")
			total := "Total instances"
			if s.minor >= 16 {
				total = "Total global instances"
			}
			info("AirGroup [0] Zisk | Main: 18 | Mem: 4 | Rom: 1 | %s: 23", total)
		}
	}
	return 0, true
}

// failNow fails in the way of the scenario, if that is a failure that happens at a phase.
// The second value reports whether it failed.
func (s *Scenario) failNow(command string, services *services) (int, bool) {
	switch s.Fail {
	case Panic:
		return panicked("called `Option::unwrap()` on a `None` value"), true
	case CUDAAbort:
		fmt.Fprintln(os.Stderr, "[CUDA] cudaStreamSynchronize failed due to: unspecified launch failure (719) at /pil2-stark/src/api/starks_api.cu:612")
		return die(syscall.SIGABRT), true
	case KernelImage:
		fmt.Fprintln(os.Stderr, "[CUDA] cudaGetLastError failed due to: no kernel image is available for execution on the device (209) at /pil2-stark/src/api/starks_api.cu:77")
		return die(syscall.SIGABRT), true
	case ShortVRAM:
		return failed(command, "Error generating proof: Not enough GPU memory to run the proof. At least: 9.12 GB are required but only 2.10 GB is available"), true
	case OOM:
		return die(syscall.SIGKILL), true
	case Segfault:
		return die(syscall.SIGSEGV), true
	case Hang:
		time.Sleep(24 * time.Hour)
	case GuestPanic:
		return s.guestPanics(command, services), true
	case ServiceMute:
		text := "Timeout: service `mo` not ready on 127.0.0.1:23115"
		if s.minor <= 15 {
			return panicked(text), true
		}
		return failed(command, text), true
	case Memlock:
		fmt.Fprintln(os.Stderr, "ERROR: Failed calling mmap(ROM) with MAP_LOCKED errno=11=Resource temporarily unavailable")
		return failed(command, "Service mt failed to start"), true
	case NoKey:
		return failed(command, noKey), true
	}
	return 0, false
}

// noKey is the message of every release about a proving key that does not exist.
// Source: sdk/src/utils.rs@v0.14.0, @v0.16.1; prover-backend/src/utils.rs@v0.18.0.
const noKey = `Path does not exist: "/root/.zisk/provingKey"`

// guestPanics imitates a guest that refuses its block, which kills the assembly services
// by SIGSEGV. Up to 0.16 the services share the tool's output, so that the guest's own
// message appears there; later they use their standard output to talk to the tool.
// Source: 0xPolygonHermez/zisk issue 956;
// emulator-asm/asm-runner/src/asm_services/{services.rs@v0.14.0, @v0.16.1, stdio.rs@v0.17.0, @v0.18.0}.
func (s *Scenario) guestPanics(command string, services *services) int {
	services.kill()
	if s.minor <= 16 {
		fmt.Print("panicked at src/main.rs:27:59:\nBlock validation failed: InvalidBlock(ReceiptsRootMismatch)\n")
		return failed(command, "Error generating proof: Failed to read full response payload", "failed to fill whole buffer")
	}
	fmt.Printf("%s ERROR: Service MO process crashed with signal: 11 (SIGSEGV)\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
	return failed(command, "Error generating proof: Proofman error: Service MO process exited with signal: 11 (SIGSEGV) before responding")
}

// common does what prove, execute and verify-constraints do first. If the status is not
// zero the run ends with it.
func (s *Scenario) common(command string, given map[string]string) (input []byte, status int) {
	if s.Fail == IllegalInstr && s.At != AtVerify {
		return nil, die(syscall.SIGILL)
	}
	path := given["input"] + given["inputs"]
	banner(command, given["elf"], path)
	if _, old := given["input"]; old && s.minor >= 16 {
		fmt.Fprintln(os.Stderr, "Warning: --input is deprecated, use --inputs instead")
	}
	if _, err := os.Stat(given["elf"]); err != nil {
		return nil, failed(command, fmt.Sprintf("ELF file %q: No such file or directory (os error 2)", given["elf"]))
	}
	if key, ok := given["proving-key"]; ok {
		if _, err := os.Stat(key); err != nil {
			return nil, failed(command, fmt.Sprintf("Path does not exist: %q", key))
		}
	}
	input, err := os.ReadFile(path)
	if err != nil {
		return nil, failed(command, fmt.Sprintf("Input file not found at %q", path))
	}
	if s.minor >= 16 && len(input)%8 != 0 {
		return nil, panicked(fmt.Sprintf("EmuContext::new() input size must be a multiple of 8 size=%d", len(input)))
	}
	if _, emulator := given["emulator"]; s.NeedSetup && s.minor <= 15 && !emulator {
		if asm := s.assemblyFile(given["elf"]); !exists(asm) {
			return nil, failed(command, fmt.Sprintf("ASM file not found at %q", asm))
		}
	}
	return input, 0
}

func (s *Scenario) execute(command string, given map[string]string) int {
	if s.minor <= 15 && s.Build == "gpu" {
		return failed(command, "Command is not supported on GPU mode")
	}
	_, status := s.common(command, given)
	if status != 0 {
		return status
	}
	services := s.startServices(given)
	defer services.stop()
	phases := s.phases()[:5]
	if command == "Execute" {
		phases = phases[:4]
	}
	at := s.At
	if s.At == "GENERATING_PROOFS" {
		s.At = phases[len(phases)-1]
	}
	status, on := s.walk(command, phases, services)
	if s.At = at; !on {
		return status
	}
	switch {
	case command == "VerifyConstraints":
		info("--- VERIFY CONSTRAINTS SUMMARY ------------------------")
		info("    ► Statistics")
		info("      time: %.2f seconds, steps: %d", s.Seconds, s.Steps)
	case s.minor <= 15:
		info("Execution completed in %.2fs, executed steps: %d", s.Seconds, s.Steps)
	default:
		info("--- EXECUTE SUMMARY ------------------------")
		info("Execution completed in %dms, steps: %d", int(s.Seconds*1000), s.Steps)
	}
	return 0
}

func (s *Scenario) prove(given map[string]string) int {
	input, status := s.common("Prove", given)
	if status != 0 {
		return status
	}
	release := s.holdVRAM()
	defer release()
	services := s.startServices(given)
	defer services.stop()
	return s.make(given, input, s.phases(), services)
}

// make goes through the phases and writes the files of a proof.
func (s *Scenario) make(given map[string]string, input []byte, phases []string, services *services) int {
	if status, on := s.walk("Prove", phases, services); !on {
		return status
	}
	if s.Fail == NoFiles {
		return 0
	}
	_, minimal := given["minimal"]
	if _, compressed := given["compressed"]; compressed {
		minimal = true
	}
	p, err := s.newProof(given["elf"], input, minimal)
	if err != nil {
		return failed("Prove", err.Error())
	}
	data := prooftest.Encode(p)
	if s.ProofFile != "" {
		var err error
		if data, err = os.ReadFile(s.ProofFile); err != nil {
			return failed("Prove", err.Error())
		}
	}
	if s.Fail == CutProof {
		data = data[:len(data)/2]
	}
	if _, verify := given["verify-proofs"]; verify || has(given, "verify-proof") {
		if !valid(p) {
			info("··· ✗ Vadcop Final proof was not verified")
			return failed("Prove", "Error generating proof: Vadcop Final proof was not verified")
		}
		info("··· ✓ Vadcop Final proof was verified")
	} else {
		info("All proofs were successfully generated. Verification Skipped")
	}
	id := proofID(data)
	if s.minor <= 15 && !has(given, "aggregation") {
		return 0 // without aggregation the tool writes neither a proof nor a result
	}

	dir := given["output-dir"]
	prefix := given["prefix"] // set by the server, which makes no directory
	file := filepath.Join(dir, prefix+"vadcop_final_proof.bin")
	if s.minor >= 17 {
		if file = given["output"]; file == "" {
			file = "vadcop_final_proof.bin"
		}
	} else if prefix == "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return failed("Prove", err.Error())
		}
	}
	if s.minor <= 15 {
		result, _ := json.MarshalIndent(map[string]any{"cycles": s.Steps, "id": id, "time": s.Seconds}, "", "  ")
		if err := os.WriteFile(filepath.Join(dir, prefix+"result.json"), result, 0o644); err != nil {
			return failed("Prove", err.Error())
		}
		time.Sleep(time.Duration(s.FileMS) * time.Millisecond)
	} else if s.minor <= 18 {
		info("--- PROVE SUMMARY ------------------------")
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return failed("Prove", err.Error())
	}
	if s.minor == 14 {
		time.Sleep(time.Duration(s.FileMS) * time.Millisecond)
		compressed, err := proof.Compress(data)
		if err == nil {
			marker := prooftest.Skippable(strings.TrimRight(string(words(proof.TestMarker())), "\x00"))
			err = os.WriteFile(filepath.Join(dir, prefix+"vadcop_final_proof.compressed.bin"), append(compressed, marker...), 0o644)
		}
		if err != nil {
			return failed("Prove", err.Error())
		}
		fmt.Printf("Vadcop final proof saved:\n  Original: %d bytes\n  Compressed: %d bytes (ratio: 1.00x)\n", len(data), len(compressed))
	}

	switch {
	case s.minor <= 15:
		info("--- PROVE SUMMARY ------------------------")
		info("      Proof ID: %s", id)
		info("    ► Statistics")
		info("      time: %v seconds, steps: %d", s.Seconds, s.Steps)
	case s.minor <= 18:
		if s.minor == 16 {
			info("Proof ID: %s", id)
		}
		info("Proof Time: %.3f seconds", s.Seconds)
		info("Execution completed in %dms, steps: %d", int(s.Seconds*1000), s.Steps)
		info("Execution summary: Proofman 10000ms + Execution 1000ms + Count&Plan 1000ms + Count&Plan MO 500ms")
	default:
		info("--- PROVE SUMMARY -------------")
		info("Proof generated in %.3fs, steps: %d", s.Seconds, s.Steps)
		info("Proof saved to %s", file)
	}
	for s.EndAt != "" && !exists(s.EndAt) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(s.EndMS) * time.Millisecond)
	return 0
}

func has(given map[string]string, name string) bool { _, ok := given[name]; return ok }

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

package zisk_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/plugins/internal/zisk"
)

// wordings are messages of real releases, each with the source file that contains its format.
// The constant parts are those of the file, the variable parts are invented. The real program
// has printed the messages marked "seen". Paths without a repository are in
// 0xPolygonHermez/zisk; proofman is 0xPolygonHermez/pil2-proofman.
var wordings = []struct {
	source string
	output string
	exit   zisk.Exit
	kind   zisk.Kind
	code   zisk.Code
	quote  string // of the message; empty for the whole output's last line
}{
	// The proving key.
	{"sdk/src/utils.rs@v0.14.0, @v0.16.1; prover-backend/src/utils.rs@v0.18.0, @pre-develop-1.0.0-beta; seen with 0.18.0",
		"Error: Error executing Execute command\n\nCaused by:\n    Path does not exist: \"/root/.zisk/provingKey\"\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeProvingKey, `/root/.zisk/provingKey`},
	{"the same, of another file", "Error: Error executing Prove command\n\nCaused by:\n    Path does not exist: \"/root/.zisk/bin/libziskc.a\"\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeMissingFile, "libziskc.a"},
	{"proofman:common/src/utils.rs@v0.18.0", "Error: Error executing Prove command\n\nCaused by:\n    0: Error generating proof: Invalid configuration: Proving key folder not found at path: \"/k\"\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeProvingKey, `"/k"`},
	{"proofman:proofman/src/utils.rs@v0.14.0", "Error: Error executing Prove command\n\nCaused by:\n    Error generating proof: Setup error: Error: Unable to find the constant tree at '/k/zisk/Main/Main.consttree'.\n    Please run the following command:\n    \x1b[1mcargo run --features gpu --bin proofman-cli check-setup --proving-key <PROVING_KEY> -a\x1b[0m\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeConstantTrees, "Main.consttree"},
	{"proofman:proofman/src/utils.rs@v0.14.0", "Error: Error executing Prove command\n\nCaused by:\n    Setup error: Error: The constant tree file at '/k/Main.consttree' exists but is invalid or corrupted.\n    Please regenerate it by running:\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeConstantTrees, "invalid or corrupted"},
	// The guest program.
	{"0xPolygonHermez/zisk-eth-client:bin/guests/stateless-validator-ethrex/src/main.rs@1fbed93; seen with ziskemu 0.18.0",
		"panicked at src/main.rs:27:59:\nBlock validation failed: InvalidBlock(ReceiptsRootMismatch)\nthread 'main' (9) panicked at emulator/src/emu.rs:1421:13:\nEmu::par_run() reached max_steps\n", zisk.Exit{Code: 101},
		zisk.Guest, zisk.CodeGuest, "Block validation failed: InvalidBlock"},
	{"lambdaclass/ethrex:crates/guest-program/bin/zisk/src/main.rs@00362bf",
		"panicked at crates/guest-program/bin/zisk/src/main.rs:27:50:\ncalled `Result::unwrap()` on an `Err` value: InvalidHash\n", zisk.Exit{Code: 101},
		zisk.Guest, zisk.CodeGuest, "InvalidHash"},
	{"ziskos/entrypoint/src/alloc/alloc.rs@v0.16.1", "panicked at ziskos/entrypoint/src/alloc/alloc.rs:47:9:\nOOM limit of heap with bump allocator\n", zisk.Exit{Code: 101},
		zisk.Guest, zisk.CodeGuest, "bump allocator"},
	{"emulator/src/emu.rs@v0.16.1, @v0.18.0: the emulator ends with exit status 0 all the same",
		"Emu::run_fast() finished with error at step=81234 pc=0x800001c8\n", zisk.Exit{}, zisk.Guest, zisk.CodeGuest, "step=81234"},
	{"emulator/src/bin/ziskemu.rs@v0.14.0, @v0.18.0", "Error during emulation: EmulationNoCompleted\n", zisk.Exit{Code: 1}, zisk.Guest, zisk.CodeGuest, "EmulationNoCompleted"},
	{"emulator/src/emulator.rs@v0.18.0", "Error during emulation: Unknown(\"Error reading ELF file: No such file or directory (os error 2)\")\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeMissingFile, "Error reading ELF file"},
	{"emulator-asm/asm-runner/src/asm_services/stdio.rs@v0.17.0, @v0.18.0",
		"2026-05-15T10:00:00.000001Z ERROR: Service MO process crashed with signal: 11 (SIGSEGV) (core dumped)\nError: Error executing Prove command\n\nCaused by:\n    Error generating proof: Proofman error: Service MO process exited with signal: 11 (SIGSEGV) (core dumped) before responding\n",
		zisk.Exit{Code: 1}, zisk.Guest, zisk.CodeGuestCrash, "signal: 11"},
	{"the same, killed", "ERROR: Service MT process crashed with signal: 9 (SIGKILL)\n", zisk.Exit{Code: 1}, zisk.Machine, zisk.CodeMemory, "signal: 9"},
	{"the same, out of shared memory", "ERROR: Service MT process crashed with signal: 7 (SIGBUS)\n", zisk.Exit{Code: 1}, zisk.Machine, zisk.CodeSharedMemory, "SIGBUS"},
	{"the same, by itself", "ERROR: Service MT process crashed with exit status: 1\n", zisk.Exit{Code: 1}, zisk.Transient, zisk.CodeService, "exit status: 1"},
	// A fault of the machine takes precedence over one of the guest, in any order of the lines.
	{"proofman:pil2-stark/src/utils/cuda_utils.cuh@v0.18.0 and stdio.rs@v0.18.0",
		"[CUDA] cudaMalloc(&p, n) failed due to: out of memory (2) at starks_api.cu:77\nERROR: Service mo process crashed with signal: 11 (SIGSEGV)\n", zisk.Exit{Code: 1},
		zisk.Machine, zisk.CodeGPUMemory, "out of memory (2)"},
	{"the same, the other way round",
		"ERROR: Service mo process crashed with signal: 11 (SIGSEGV)\n[CUDA] cudaMalloc(&p, n) failed: out of memory (2) at starks_api.cu:77\n", zisk.Exit{Code: 1},
		zisk.Machine, zisk.CodeGPUMemory, "out of memory (2)"},
	{"std::io::Error of Rust", "thread 'main' panicked at common/src/io/file_stdin.rs:30:29:\nCould not read inputs file: Os { code: 24, kind: Uncategorized, message: \"Too many open files\" }\n", zisk.Exit{Code: 101},
		zisk.Configuration, zisk.CodeOpenFiles, "Too many open files"},
	{"std::io::Error of Rust", "Error: Error executing Prove command\n\nCaused by:\n    Error generating proof: IO error: Too many open files (os error 24)\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeOpenFiles, "os error 24"},
	{"emulator-asm/src/main.c@v0.14.0", "ERROR: Failed calling shm_open(/ZISK_23115_MT_output) errno=28=No space left on device\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeSpace, "No space left"},
	{"emulator-asm/asm-runner/src/shmem_utils.rs@v0.16.1", "Error: Error executing Prove command\n\nCaused by:\n    shm_open('ZISK_1_0_MT_output') failed: Permission denied (os error 13)\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeSharedMemory, "shm_open"},
	{"emulator-asm/src/main.c@v0.16.1", "ERROR: Failed calling mmap(rom) errno=11=Resource temporarily unavailable\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeMemlock, "mmap(rom)"},
	{"alloc::alloc of Rust", "memory allocation of 6442450944 bytes failed\n", zisk.Exit{Signal: syscall.SIGABRT}, zisk.Machine, zisk.CodeMemory, "6442450944"},
	{"std::thread of Rust", "thread 'main' panicked at library/std/src/thread/mod.rs:695:29:\nfailed to spawn thread: Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" }\n", zisk.Exit{Code: 101},
		zisk.Configuration, zisk.CodeProcesses, "spawn thread"},
	{"ld.so of glibc", "cargo-zisk: error while loading shared libraries: libmpi.so.40: cannot open shared object file: No such file or directory\n", zisk.Exit{Code: 127},
		zisk.Configuration, zisk.CodeLibrary, "libmpi.so.40"},
	{"proofman:common/src/utils.rs@v0.18.0", "Error: Error executing Prove command\n\nCaused by:\n    0: Failed to initialize proofman\n    1: Invalid configuration: GPU mode requested but library was built without CUDA support\n", zisk.Exit{Code: 1},
		zisk.Configuration, zisk.CodeGPUBuild, "without CUDA support"},
	{"proofman:common/src/utils.rs@v0.18.0", "Error: Error executing Prove command\n\nCaused by:\n    Invalid configuration: No GPUs found\n", zisk.Exit{Code: 1}, zisk.Configuration, zisk.CodeGPU, "No GPUs found"},
	{"proofman:common/src/proof_ctx.rs@v0.18.0", "Error: Error executing Prove command\n\nCaused by:\n    Invalid configuration: Not enough GPU memory to run the proof\n", zisk.Exit{Code: 1}, zisk.Configuration, zisk.CodeGPUMemory, "Not enough GPU memory"},
	{"proofman:pil2-stark/src/api/starks_api.cu@v0.14.0, @v0.18.0", "CUDA error getting device count: system has unsupported display driver / cuda driver combination\n", zisk.Exit{Code: 1}, zisk.Configuration, zisk.CodeGPU, "combination"},
	{"cli/src/commands/common.rs@v0.14.0", "Error: Error executing Execute command\n\nCaused by:\n    Command is not supported on GPU mode\n", zisk.Exit{Code: 1}, zisk.Configuration, zisk.CodeNoExecute, "GPU mode"},
	{"emulator/src/emu_context.rs@v0.16.1", "thread 'main' panicked at emulator/src/emu_context.rs:44:13:\nEmuContext::new() input size must be a multiple of 8 size=17\n", zisk.Exit{Code: 101}, zisk.Configuration, zisk.CodeInput, "size=17"},
	// Failures that only the exit shows.
	{"kernel", "", zisk.Exit{Signal: syscall.SIGBUS}, zisk.Machine, zisk.CodeSharedMemory, "/dev/shm"},
	{"kernel", "", zisk.Exit{Code: 128 + 7}, zisk.Machine, zisk.CodeSharedMemory, "/dev/shm"},
	{"kernel", "", zisk.Exit{Signal: syscall.SIGKILL}, zisk.Transient, zisk.CodeKilled, "killed"},
	{"Rust", "", zisk.Exit{Code: 101}, zisk.Transient, zisk.CodePanic, "panicked"},
	// For an unknown error the innermost cause is quoted.
	{"anyhow, one cause", "Error: Error executing Prove command\n\nCaused by:\n    the moon is in the wrong phase\n", zisk.Exit{Code: 1}, zisk.Transient, zisk.CodeOther, ": the moon is"},
	{"anyhow, several causes", "Error: Error executing Prove command\n\nCaused by:\n    0: outer\n    1: inner\n       continued\n\nStack backtrace:\n   0: anyhow::error\n", zisk.Exit{Code: 1}, zisk.Transient, zisk.CodeOther, ": inner"},
	// A proof that does not verify takes precedence over everything, also with exit status 0.
	{"cli/src/commands/verify_stark.rs@v0.14.0", "Error: Error executing Verify command: Stark proof was not verified\n", zisk.Exit{Code: 1}, zisk.Invalid, zisk.CodeUnverified, "was not verified"},
	{"the same after a warning of CUDA", "[CUDA] x failed due to: unknown error (999) at y.cu:1\nINFO: ✗ Stark proof was not verified\n", zisk.Exit{}, zisk.Invalid, zisk.CodeUnverified, "✗"},
}

func TestSigns(t *testing.T) {
	for i, tc := range wordings {
		t.Run(fmt.Sprintf("%d %s", i, tc.code), func(t *testing.T) {
			f := diagnose(tc.output, tc.exit)
			if f == nil || f.Kind != tc.kind || f.Code != tc.code {
				t.Fatalf("%s\n%sis %+v, want %s, %s", tc.source, tc.output, f, tc.kind, tc.code)
			}
			if !strings.Contains(f.Error(), tc.quote) {
				t.Errorf("%q lacks %q", f, tc.quote)
			}
			if strings.Contains(f.Line, "Error executing") && strings.Contains(tc.output, "Caused by") {
				t.Errorf("the wrapper is quoted: %q", f)
			}
			if (f.Kind == zisk.Configuration || f.Kind == zisk.Machine || f.Kind == zisk.Guest || f.Kind == zisk.Usage) && f.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

func diagnose(output string, exit zisk.Exit) *zisk.Failure {
	var d zisk.Diagnosis
	for line := range strings.Lines(output) {
		d.Line(line)
	}
	return d.Explain(exit)
}

// TestCUDAErrors has the numbers of the CUDA runtime with the texts of
// cudaGetErrorString, in the two forms in which the releases print them.
// Sources: enum cudaError in driver_types.h of CUDA 12 (numbers);
// proofman:pil2-stark/src/goldilocks/utils/cuda_utils.cuh@v0.14.0 and
// pil2-stark/src/utils/cuda_utils.cuh@v0.18.0 (form of the lines).
func TestCUDAErrors(t *testing.T) {
	for _, tc := range []struct {
		number int
		text   string
		kind   zisk.Kind
		code   zisk.Code
		remedy string
	}{
		{2, "out of memory", zisk.Machine, zisk.CodeGPUMemory, "nvidia-smi"},
		{3, "initialization error", zisk.Configuration, zisk.CodeGPU, "driver"},
		{34, "CUDA driver is a stub library", zisk.Configuration, zisk.CodeGPU, "driver"},
		{35, "CUDA driver version is insufficient for CUDA runtime version", zisk.Configuration, zisk.CodeGPU, "driver"},
		{46, "CUDA-capable device(s) is/are busy or unavailable", zisk.Machine, zisk.CodeGPU, "nvidia-smi"},
		{100, "no CUDA-capable device is detected", zisk.Configuration, zisk.CodeGPU, "nvidia-smi"},
		{101, "invalid device ordinal", zisk.Configuration, zisk.CodeGPU, "gpus"},
		{200, "device kernel image is invalid", zisk.Configuration, zisk.CodeGPUBuild, "CUDA_ARCHS"},
		{209, "no kernel image is available for execution on the device", zisk.Configuration, zisk.CodeGPUBuild, "CUDA_ARCHS"},
		{214, "uncorrectable ECC error encountered", zisk.Machine, zisk.CodeGPU, "dmesg"},
		{218, "a PTX JIT compilation failed", zisk.Configuration, zisk.CodeGPUBuild, "CUDA_ARCHS"},
		{222, "the provided PTX was compiled with an unsupported toolchain.", zisk.Configuration, zisk.CodeGPUBuild, "driver"},
		{304, "OS call failed or operation not supported on this OS", zisk.Machine, zisk.CodeCUDA, "ulimit"},
		{700, "an illegal memory access was encountered", zisk.Machine, zisk.CodeCUDA, "dmesg"},
		{702, "the launch timed out and was terminated", zisk.Machine, zisk.CodeCUDA, "dmesg"},
		{719, "unspecified launch failure", zisk.Machine, zisk.CodeCUDA, "dmesg"},
		{802, "system not yet initialized", zisk.Configuration, zisk.CodeGPU, "fabric"},
		{803, "system has unsupported display driver / cuda driver combination", zisk.Configuration, zisk.CodeGPU, "restart"},
		{804, "forward compatibility was attempted on non supported HW", zisk.Configuration, zisk.CodeGPU, "driver"},
		{805, "MPS client failed to connect to the MPS control daemon or the MPS server", zisk.Machine, zisk.CodeGPU, "mps"},
		{999, "unknown error", zisk.Machine, zisk.CodeCUDA, "driver"},
		{4711, "a number that nobody knows", zisk.Machine, zisk.CodeCUDA, "dmesg"},
	} {
		for _, form := range []string{
			"[CUDA] cudaSetDevice(0) failed: %s (%d) at pil2-stark/src/api/starks_api.cu:70",
			"[CUDA] cudaSetDevice(0) failed due to: %s (%d) at pil2-stark/src/api/starks_api.cu:70",
			"[CUDA] sticky last error: %s (%d)",
		} {
			line := fmt.Sprintf(form, tc.text, tc.number)
			for _, exit := range []zisk.Exit{{Signal: syscall.SIGABRT}, {Code: 134}, {Code: 1}} {
				f := diagnose(line+"\n", exit)
				if f == nil || f.Kind != tc.kind || f.Code != tc.code || !strings.Contains(f.Remedy, tc.remedy) || !strings.Contains(f.Line, tc.text) {
					t.Errorf("%s, %v:\n%+v", line, exit, f)
				}
			}
		}
	}
}

// TestQuoteIsCutBetweenCharacters checks that a long line of multi-byte characters is cut
// between two characters.
func TestQuoteIsCutBetweenCharacters(t *testing.T) {
	f := diagnose("Error: "+strings.Repeat("é", 1000)+"\n", zisk.Exit{Code: 1})
	if n := len(f.Line); n > 410 || !strings.HasSuffix(f.Line, "é…") {
		t.Errorf("%d bytes: %q", n, f.Line)
	}
}

package zisk

import "regexp"

// sign maps a pattern of the output to the failure that it shows.
type sign struct {
	pattern *regexp.Regexp
	kind    Kind
	code    Code
	summary string
	remedy  string
	// despiteSuccess means that the line shows a failure even with exit status 0.
	despiteSuccess bool
	// wrapper means that the line names no cause. The causes follow below it.
	wrapper bool
	// cuda means that cudaSign reads the failure from an error number in the line.
	cuda bool
}

// refine returns the sign for a line that the pattern matches.
func (s *sign) refine(text string) *sign {
	if s.cuda {
		return cudaSign(text)
	}
	return s
}

// signs are tried in order on every line. Of all lines the one with the earliest sign
// explains the failure. A proof that does not verify comes first, because it counts with
// any exit status. Faults of the installation and of the machine come before those of
// the guest, because a service that lost its memory dies by the same signal as one whose
// guest panicked. The least specific signs come last.
//
// The cases of TestSigns name the source of each text for each release.
var signs = []sign{
	{pattern: regexp.MustCompile(`✗.*proof was not verified|Proof (?:was not verified|verification failed)|[Pp]roof was not verified`),
		kind: Invalid, code: CodeUnverified, summary: "cargo-zisk made a proof that does not verify"},
	{pattern: regexp.MustCompile(`^error: (?:unexpected argument|unrecognized subcommand|invalid value|the argument|the following required arguments|a value is required|unknown)`),
		kind: Usage, code: CodeCommandLine, summary: "cargo-zisk refused its command line", remedy: commandLineRemedy},

	// Limits of the process and the file system.
	{pattern: regexp.MustCompile(`(?i)Too many open files|os error 24\b|errno ?[=:]? ?24\b`),
		kind: Configuration, code: CodeOpenFiles, summary: "cargo-zisk may not open more files",
		remedy: "raise the limit (`ulimit -n 1048576`; systemd LimitNOFILE=1048576; docker --ulimit nofile=1048576)"},
	{pattern: regexp.MustCompile(`(?i)No space left on device|os error 28\b|errno ?[=:]? ?28\b`),
		kind: Configuration, code: CodeSpace, summary: "a file system is full",
		remedy: "free space; for /dev/shm give a container --shm-size 32g"},

	// The installation.
	{pattern: regexp.MustCompile(`error while loading shared libraries: `),
		kind: Configuration, code: CodeLibrary, summary: "a shared library of cargo-zisk is missing",
		remedy: "install it (`ldd` shows all that cargo-zisk wants), or set LD_LIBRARY_PATH in the environment that proofline starts in"},
	{pattern: regexp.MustCompile(`(?i)no kernel image is available`),
		kind: Configuration, code: CodeGPUBuild, summary: "cargo-zisk was built for another GPU", remedy: buildRemedy},
	{pattern: regexp.MustCompile(`GPU mode requested but library was built without CUDA support`),
		kind: Configuration, code: CodeGPUBuild, summary: "cargo-zisk was built without CUDA", remedy: "install the GPU build of the same version, or set `device: cpu`"},
	{pattern: regexp.MustCompile(`Command is not supported on GPU mode`),
		kind: Configuration, code: CodeNoExecute, summary: "this GPU build of cargo-zisk has no execute",
		remedy: "use `action: prove` or `action: emulate`, or install the CPU build of the same version beside it and name it in `bin`"},
	{pattern: regexp.MustCompile(`(?i)ASM file not found|assembly (?:file|binary) .*not found`),
		kind: Configuration, code: CodeAssembly, summary: "the program's assembly files are missing from the cache",
		remedy: "run `cargo-zisk rom-setup --elf <ELF>` (0.17 and later: program-setup; 1.0: setup), or set `setup: auto`"},
	{pattern: regexp.MustCompile(`(?i)(?:run|running) .*check-setup|const(?:ant)?[ _-]?trees?\b.*(?:not found|missing|does not exist|invalid or corrupted)|Unable to find the constant tree`),
		kind: Configuration, code: CodeConstantTrees, summary: "the proving key's constant trees are missing",
		remedy: "run `cargo-zisk check-setup --proving-key <DIR> -a`, or set `setup: auto`"},
	{pattern: regexp.MustCompile(`(?i)Path does not exist: ".*provingKey"|Proving key folder not found|(?:provingKey|proving[ _-]key|verkey|starkinfo|globalInfo).*(?:No such file|not found|does not exist|os error 2)`),
		kind: Configuration, code: CodeProvingKey, summary: "the proving key is missing or incomplete",
		remedy: "install it with `ziskup --provingkey`, or name its directory in `proving_key`"},
	{pattern: regexp.MustCompile(`(?i)Failed to load (?:witness library|.*libzisk_witness)|libzisk_witness\.so.*(?:No such file|cannot open)`),
		kind: Configuration, code: CodeMissingFile, summary: "the witness library is missing",
		remedy: "install ZisK with ziskup: it belongs to ~/.zisk/bin/libzisk_witness.so"},
	{pattern: regexp.MustCompile(`Path does not exist: "`),
		kind: Configuration, code: CodeMissingFile, summary: "a file that cargo-zisk needs is missing",
		remedy: "put it there, or correct the path in the stage's config"},
	{pattern: regexp.MustCompile(`(?i)input size must be a multiple of 8|Input file not found|Could not read inputs file`),
		kind: Configuration, code: CodeInput, summary: "cargo-zisk cannot read the guest input",
		remedy: "set the builder's `framing` (raw up to ZisK 0.15, framed from 0.16)"},
	{pattern: regexp.MustCompile(`Error during emulation: (?:WrongArguments|Unknown)\(`),
		kind: Configuration, code: CodeMissingFile, summary: "the emulator cannot read the guest program or its input",
		remedy: "set `elf` to the guest program built for this ZisK"},

	// The machine.
	{pattern: regexp.MustCompile(`(?i)Not enough GPU memory to run the proof|GPU \d+: Insufficient memory`),
		kind: Configuration, code: CodeGPUMemory, summary: "the GPU has too little free memory",
		remedy: "end what else uses the card (`nvidia-smi --query-compute-apps=pid,used_memory --format=csv`), or give this stage other cards with `gpus`"},
	{pattern: regexp.MustCompile(`(?i)no CUDA-capable device|CUDA driver version is insufficient|invalid device ordinal|No (?:CUDA devices?|GPUs) (?:found|available)|CUDA error getting device count|Device count must be divisible|GPU sharing not supported|GPU assignment error`),
		kind: Configuration, code: CodeGPU, summary: "no usable GPU", remedy: noGPURemedy},
	{pattern: regexp.MustCompile(`^\[CUDA\] `), cuda: true},
	{pattern: regexp.MustCompile(`(?i)^CUDA error\b|NVRM: Xid|GPU has fallen off the bus`),
		kind: Machine, code: CodeCUDA, summary: "a CUDA call failed", remedy: deviceRemedy},
	{pattern: regexp.MustCompile(`(?i)MAP_LOCKED|mlock|RLIMIT_MEMLOCK|mmap.*(?:Resource temporarily unavailable|Cannot allocate memory|errno ?[=:]? ?(?:11|12)\b)`),
		kind: Configuration, code: CodeMemlock, summary: "the services may not lock their memory",
		remedy: "raise the limit (`ulimit -l unlimited`, systemd LimitMEMLOCK=infinity, docker --ulimit memlock=-1), or set `unlock: always`"},
	{pattern: regexp.MustCompile(`(?i)(?:shm_open|ftruncate|mmap).*(?:failed|error|errno)|Failed to create shmem|shmem creation .*failed`),
		kind: Configuration, code: CodeSharedMemory, summary: "shared memory cannot be had", remedy: shmRemedy},
	{pattern: regexp.MustCompile(`(?i)Bus error|signal: 7\b`),
		kind: Machine, code: CodeSharedMemory, summary: "memory that was mapped is gone, as a rule because /dev/shm is full", remedy: shmRemedy},
	{pattern: regexp.MustCompile(`(?i)failed to spawn thread|unable to create thread|pthread_create|fork.*Resource temporarily unavailable`),
		kind: Configuration, code: CodeProcesses, summary: "cargo-zisk may not start more threads",
		remedy: "raise the limit (`ulimit -u`; systemd TasksMax=infinity; docker --pids-limit -1)"},
	{pattern: regexp.MustCompile(`(?i)Address already in use`),
		kind: Configuration, code: CodePort, summary: "a port of the assembly services is in use",
		remedy: "stop the other prover, or give this stage another `port` (they take three each)"},
	{pattern: regexp.MustCompile(`(?i)out of memory|Cannot allocate memory|memory allocation of \d+ bytes failed|std::bad_alloc|os error 12\b`),
		kind: Machine, code: CodeMemory, summary: "memory ran out",
		remedy: "if it returns: lower max-witness-stored (`extra_args: [-x, \"2\"]`), set `minimal_memory: true`, or give the machine more memory"},
	{pattern: regexp.MustCompile(`(?:crashed|exited) with signal: 9\b`),
		kind: Machine, code: CodeMemory, summary: "an assembly service was killed, as a rule by the kernel for memory",
		remedy: "look for \"Out of memory\" in `dmesg`; set `unlock: always`, or give the machine more memory"},

	// The guest program.
	{pattern: regexp.MustCompile(`panicked at (?:\S*/)?src/main\.rs:\d+|Block validation failed|guest (?:program )?panicked|OOM limit of heap with bump allocator|ROM .*panicked`),
		kind: Guest, code: CodeGuest, summary: "the guest program refused this input", remedy: guestRemedy, despiteSuccess: true},
	{pattern: regexp.MustCompile(`Emu::(?:run|run_fast|par_run)\(\) finished with error|Error during emulation|[Ee]mulation (?:[Dd]id not (?:end|complete)|not completed|failed)|EmulationNoCompleted`),
		kind: Guest, code: CodeGuest, summary: "the guest program failed on this input", remedy: guestRemedy, despiteSuccess: true},
	{pattern: regexp.MustCompile(`(?:crashed|exited) with signal: (?:11|4|8)\b`),
		kind: Guest, code: CodeGuestCrash, summary: "an assembly service crashed, as it does when the guest program fails on its input", remedy: guestRemedy},

	// Lines without a cause.
	{pattern: regexp.MustCompile("Timeout: service `?\\w+`? not ready"),
		kind: Transient, code: CodeService, summary: "an assembly service did not start",
		remedy: "if it returns: check memory, memlock and who listens on the ports of the services"},
	{pattern: regexp.MustCompile(`(?i)semaphore|sem_(?:open|wait|timedwait)|Failed to (?:read|write|send|connect).*(?:service|response payload|request payload)|Total timeout exceeded|failed to respond to ping`),
		kind: Transient, code: CodeService, summary: "an assembly service stopped answering"},
	{pattern: regexp.MustCompile(`(?:crashed|exited) with (?:signal: \d+|exit status: \d+)`),
		kind: Transient, code: CodeService, summary: "an assembly service crashed"},
	{pattern: regexp.MustCompile(`^thread '.*' .*panicked at `), kind: Transient, code: CodePanic, summary: "cargo-zisk panicked"},
	{pattern: regexp.MustCompile(`^(?:Error: )?Error generating proof`), kind: Transient, code: CodeOther, summary: "cargo-zisk could not make the proof"},
	{pattern: regexp.MustCompile(`^(?i:error): `), kind: Transient, code: CodeOther, summary: "cargo-zisk failed", wrapper: true},
}

const guestRemedy = "confirm with `ziskemu -e <ELF> -i <INPUT>`: the builder's `format` or `guest` does not fit `elf`, or the block is invalid for it"

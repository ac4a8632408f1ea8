package prover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Config is the stage's config block.
type Config struct {
	ELF    string `json:"elf" doc:"Guest program that is proved: an ELF file built for the installed ZisK." required:"true" format:"file"`
	Action string `json:"action" doc:"What to do with each input: prove; or, as a gate before another prover, execute or verify-constraints, which need the proving key, or emulate, which runs the guest in ziskemu with neither key nor GPU, compares its public values with the block and counts its steps." default:"prove" enum:"prove,execute,verify-constraints,emulate"`
	Bin    string `json:"bin" doc:"cargo-zisk, or ziskemu for action emulate: a path, or a name looked up in PATH and in ~/.zisk/bin. Unset means that name."`

	ProvingKey string `json:"proving_key" doc:"Directory of the proving key. Unset means the tool's own, ~/.zisk/provingKey." format:"dir"`
	Cache      string `json:"cache" doc:"Directory for the program's assembly files (ZisK 0.18 and later). Unset means the tool's own, ~/.zisk/cache."`
	Setup      string `json:"setup" doc:"auto prepares key and program once, before the first block; skip leaves that to the operator." default:"auto" enum:"auto,skip"`

	Device   string   `json:"device" doc:"Where ZisK 0.17 and later prove: auto uses the GPU when nvidia-smi shows one and the build can. Earlier ones have it compiled in." default:"auto" enum:"auto,gpu,cpu"`
	GPUs     []string `json:"gpus" doc:"Cards of this stage, by index or UUID as nvidia-smi names them; becomes CUDA_VISIBLE_DEVICES. Unset means all of the machine."`
	LockDir  string   `json:"lock_dir" doc:"Directory of the locks that keep two provers off one card; the same for all provers of a machine that share cards. Unset means one of this user alone: /run/proofline/gpu for root, else below ~/.local/state/proofline."`
	Executor string   `json:"executor" doc:"assembly runs the program in assembly services, emulator in the slower Rust emulator." default:"assembly" enum:"assembly,emulator"`
	Port     int      `json:"port" doc:"First of the three ports of the assembly services (ZisK 0.14 to 0.16). 0 means 23115." default:"0" min:"0" max:"65533"`
	Unlock   string   `json:"unlock" doc:"Whether the services leave their memory unlocked (-u): auto does when the limit of locked memory is too low." default:"auto" enum:"auto,always,never"`

	Server     string `json:"server" doc:"on keeps the tool loaded between proofs as cargo-zisk server (ZisK 0.14 and 0.15): each proof saves the start, and the stage holds its cards and their memory from the first block on." default:"off" enum:"off,on"`
	ServerPort int    `json:"server_port" doc:"Port of this machine's loopback address on which the server takes proofs." default:"7878" min:"1024" max:"65535"`

	Minimal       string   `json:"minimal" doc:"Whether to make the smaller STARK proof: auto does from ZisK 0.17 on." default:"auto" enum:"auto,yes,no"`
	MinimalMemory bool     `json:"minimal_memory" doc:"Trade speed for less memory (--minimal-memory)."`
	ExtraArgs     []string `json:"extra_args" doc:"Further arguments of cargo-zisk, passed as they are."`

	Encoding   string `json:"encoding" doc:"Bytes that are reported: words as verifiers take them, the same under zstd, or auto: what operators of the version report." default:"auto" enum:"auto,zstd,words"`
	VerifyKey  string `json:"verify_key" doc:"Verification key of the proving setup, 32 bytes (vadcop_final.verkey.bin): proofs of another setup are refused." format:"file"`
	ProgramKey string `json:"program_key" doc:"Verification key of the program, 64 hexadecimal digits: proofs of another program are refused. Unset means the key that the set-up reported."`
	Verifier   string `json:"verifier" doc:"What verifies a proof before it is reported, unless the stage has verify: false. builtin does it in this process, on the bytes that are sent, within tens of milliseconds; tool runs cargo-zisk verify on the saved file; both does both. auto is builtin for ZisK 0.16 to 1.4 and tool for others." default:"auto" enum:"auto,builtin,tool,both"`

	Grace          sdk.Duration `json:"grace" doc:"Time between asking the tool to stop and killing it." default:"10s" min:"0s"`
	SilenceTimeout sdk.Duration `json:"silence_timeout" doc:"Stop a run that prints nothing for so long: ZisK can hang. 0 means 15m on a GPU and 2h without one, where a phase takes longer." default:"0s" min:"0s"`
	DeadlineFactor float64      `json:"deadline_factor" doc:"Stop a run after so many times the longest of the last proofs of the same kind, or what a block of its gas is expected to take, once there are 20; 0 never does." default:"5" min:"0" max:"100"`
	SetupTimeout   sdk.Duration `json:"setup_timeout" doc:"Limit of the one-time set-up." default:"1h" min:"1m"`
	VRAMTimeout    sdk.Duration `json:"vram_timeout" doc:"How long the next proof waits for the memory of the cards after a run." default:"60s" min:"0s"`

	installed *zisk.Version // version of the tool that Check has found; nil before
}

// MakesProof reports whether the stage makes proofs and is not a gate.
func (c Config) MakesProof() bool { return c.action() == zisk.Prove }

// Validate judges the values without looking at the machine.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	report := func(pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	if c.ProgramKey != "" {
		if _, err := proof.ParseKey(c.ProgramKey); err != nil {
			report("/program_key", err.Error(), "take it from the line \"Root hash\" of the set-up, or from `prover-zisk inspect PROOF`")
		}
	}
	if c.Port > 0 && c.Port < 1024 {
		report("/port", fmt.Sprintf("port %d is privileged", c.Port), "take three free ports above 1023, for example 23115")
	}
	if c.Port > 0 && c.action() == zisk.Emulate {
		report("/port", "ziskemu has no services that listen", "remove port, or set another action")
	}
	if c.Port > 0 && c.Executor == "emulator" {
		report("/port", "the emulator has no services that listen", "remove port, or set executor: assembly")
	}
	if c.warm() {
		if c.action() != zisk.Prove {
			report("/server", "the server only proves", "remove server, or set action: prove")
		}
		if c.Executor != "emulator" {
			first := cmp.Or(c.Port, machine.DefaultPort)
			if c.ServerPort >= first && c.ServerPort < first+machine.PortsPerRank {
				report("/server_port", fmt.Sprintf("port %d is one of the assembly services' ports, %d to %d", c.ServerPort, first, first+machine.PortsPerRank-1),
					"take another one, for example 7878")
			}
		}
	}
	for i, arg := range c.ExtraArgs {
		if c.warm() && slices.Contains(notForServer, arg) {
			report(fmt.Sprintf("/extra_args/%d", i), "the server takes no "+arg, "remove it (for -m set `minimal_memory: true`), or set `server: off`")
		}
	}
	if c.DeadlineFactor > 0 && c.DeadlineFactor < 1.5 {
		report("/deadline_factor", "a factor below 1.5 would stop good proofs", "use 3, or 0 for no learned deadline")
	}
	for i, gpu := range c.GPUs {
		if strings.TrimSpace(gpu) == "" || strings.ContainsAny(gpu, ", \t") {
			report(fmt.Sprintf("/gpus/%d", i), fmt.Sprintf("%q is not the index or UUID of one card", gpu), "list the cards one by one: gpus: [\"0\", \"1\"]")
		}
	}
	for i, arg := range c.ExtraArgs {
		for _, own := range ownFlags {
			name, _, _ := strings.Cut(arg, "=")
			if name == own {
				report(fmt.Sprintf("/extra_args/%d", i), arg+" is set by the stage itself", "use the stage's own setting in its place")
			}
		}
	}
	return findings
}

// ownFlags are the flags that the stage sets from the config and the task. The tool would
// refuse a second one or, worse, use it instead.
var ownFlags = []string{"--legacy-inputs", "--rom", "-r", "--log-metrics", "--elf", "-e", "--input", "--inputs", "-i", "--output", "--output-dir", "-o", "--proving-key", "-k", "--aggregation", "--no-aggregation", "-p", "--port", "--asm-port"}

// tool returns the program of the action, a name or a path.
func (c Config) tool() string {
	switch {
	case c.Bin != "":
		return c.Bin
	case c.action() == zisk.Emulate:
		return "ziskemu"
	}
	return "cargo-zisk"
}

// warm reports whether the tool stays loaded between proofs.
func (c Config) warm() bool { return c.Server == "on" }

// notForServer are arguments of `prove` that `server` does not have.
var notForServer = []string{"-y", "--verify-proofs", "-b", "--save-proofs", "-m", "--minimal-memory"}

func (c Config) action() zisk.Action { return zisk.Action(c.Action) }

package zisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// Action is what a stage does with a guest input.
type Action string

// The actions. Only Prove makes a proof. ziskemu carries out Emulate, cargo-zisk all
// others.
const (
	Prove             Action = "prove"
	Execute           Action = "execute"
	VerifyConstraints Action = "verify-constraints"
	Emulate           Action = "emulate"
)

// Request describes one call of cargo-zisk independently of the version. For empty
// and false fields the tool uses its own default.
type Request struct {
	Action        Action
	ELF           string
	Input         string
	OutputDir     string // a fresh directory; Prove only
	ProvingKey    string
	Minimal       bool // the smaller STARK proof
	VerifyProof   bool // have the tool verify its own proof before it ends
	Unlock        bool // do not lock the memory of the assembly services
	MinimalMemory bool
	GPU           bool
	Emulator      bool // use the Rust emulator instead of the assembly services
	Port          int  // first port of the assembly services
	Extra         []string
}

// Names of the files that `prove` writes to the output directory.
const (
	FileResult     = "result.json"                       // 0.14, 0.15
	FileProof      = "vadcop_final_proof.bin"            // every version
	FileCompressed = "vadcop_final_proof.compressed.bin" // 0.14: FileProof under zstd
)

// flags is the argument table of one family. A field is the flag for a function, empty
// where the family has no such flag.
type flags struct {
	elf, input, provingKey, unlock, minimalMemory string

	output        string // takes a directory, or the proof file where outputIsFile
	outputIsFile  bool
	aggregate     string
	minimal       string
	verifyProof   string
	emulator      string
	assembly      string // needed to use the assembly services
	port          string
	gpu           string
	executeNoKey  bool // execute takes no proving key
	constraints   string
	setup         [][]string // subcommands that prepare a program, each with its own flags
	verifyKeyFlag string     // flag of `verify` for the key
	server        string     // subcommand that stays loaded between proofs
	serverPort    string     // flag of the server for the port of its requests
	serverBase    string     // flag of the server that replaces port
}

var families = map[Family]flags{
	Family014: {
		elf: "--elf", input: "--input", provingKey: "--proving-key", unlock: "--unlock-mapped-memory", minimalMemory: "--minimal-memory",
		output: "--output-dir", aggregate: "--aggregation", verifyProof: "--verify-proofs",
		emulator: "--emulator", port: "--port", constraints: "verify-constraints",
		setup: [][]string{{"check-setup", "key", "aggregate"}, {"rom-setup", "elf", "key"}}, verifyKeyFlag: "--vk",
		server: "server", serverPort: "--port", serverBase: "--asm-port",
	},
	Family016: {
		elf: "--elf", input: "--inputs", provingKey: "--proving-key", unlock: "--unlock-mapped-memory", minimalMemory: "--minimal-memory",
		output: "--output-dir", aggregate: "--aggregation", minimal: "--compressed", verifyProof: "--verify-proofs",
		emulator: "--emulator", port: "--port", constraints: "verify-constraints",
		setup: [][]string{{"check-setup", "key", "aggregate"}, {"rom-setup", "elf", "key"}}, verifyKeyFlag: "--proving-key",
	},
	Family017: {
		elf: "--elf", input: "--inputs", provingKey: "--proving-key", unlock: "--unlock-mapped-memory", minimalMemory: "--minimal-memory",
		output: "--output", outputIsFile: true, minimal: "--minimal", verifyProof: "--verify-proofs",
		emulator: "--emulator", gpu: "--gpu", constraints: "verify-constraints",
		setup: [][]string{{"check-setup", "key", "gpu"}, {"program-setup", "elf", "key", "gpu"}},
	},
	Family100: {
		elf: "--elf", input: "--inputs", provingKey: "--proving-key", unlock: "--unlock-mapped-memory", minimalMemory: "--minimal-memory",
		output: "--output", outputIsFile: true, minimal: "--minimal", verifyProof: "--verify-proof",
		assembly: "--asm", gpu: "--gpu", executeNoKey: true,
		setup: [][]string{{"setup", "elf", "key", "assembly", "unlock"}},
	},
}

// HasPort reports whether the version's assembly services listen on ports.
func (v Version) HasPort() bool { return v.hasFlag(func(f flags) string { return f.port }) }

// HasMinimal reports whether the version makes minimal proofs.
func (v Version) HasMinimal() bool { return v.hasFlag(func(f flags) string { return f.minimal }) }

// HasGPUFlag reports whether the version needs a flag to use a GPU. Earlier versions
// are compiled for it.
func (v Version) HasGPUFlag() bool { return v.hasFlag(func(f flags) string { return f.gpu }) }

// hasFlag reports whether the version's table has the flag that the function selects.
func (v Version) hasFlag(flag func(flags) string) bool {
	family, err := v.Family()
	return err == nil && flag(families[family]) != ""
}

// Command returns the arguments of cargo-zisk for the request. It fails where the
// request needs a function that the version lacks, and names that function.
func (v Version) Command(r Request) ([]string, error) {
	family, err := v.Family()
	if err != nil {
		return nil, err
	}
	f := families[family]
	b := builder{version: v}

	switch r.Action {
	case Prove, Execute:
		b.args = []string{string(r.Action)}
	case VerifyConstraints:
		if f.constraints == "" {
			return nil, fmt.Errorf("ZisK %v has no %s; it moved to the developers' tool cargo-zisk-dev", v, r.Action)
		}
		b.args = []string{f.constraints}
	default:
		return nil, fmt.Errorf("unknown action %q", r.Action)
	}

	b.value("an ELF", f.elf, r.ELF)
	b.value("an input", f.input, r.Input)
	if !(r.Action == Execute && f.executeNoKey) {
		b.value("a proving key", f.provingKey, r.ProvingKey)
	}
	if r.Emulator {
		if f.assembly == "" { // the emulator is not the default
			b.flag("the emulator", f.emulator)
		}
		if r.Port != 0 {
			b.fail(errors.New("the emulator has no assembly services, so there is no port to set"))
		}
	} else {
		if f.assembly != "" {
			b.flag("the assembly services", f.assembly)
		}
		if r.Unlock {
			b.flag("unlocked memory", f.unlock)
		}
		if r.Port != 0 {
			b.value("a base port", f.port, strconv.Itoa(r.Port))
		}
	}
	if r.GPU && !(family == Family017 && r.Action == Execute) {
		b.flag("a GPU switch", f.gpu)
	}
	if r.Action == Prove {
		if f.aggregate != "" {
			b.flag("aggregation", f.aggregate)
		}
		if r.Minimal {
			b.flag("minimal proofs", f.minimal)
		}
		if r.VerifyProof {
			b.flag("verification after proving", f.verifyProof)
		}
		if r.MinimalMemory {
			b.flag("minimal memory", f.minimalMemory)
		}
		out := r.OutputDir
		if f.outputIsFile {
			out = filepath.Join(out, FileProof)
		}
		b.value("an output", f.output, out)
	}
	b.args = append(b.args, r.Extra...)
	return b.args, b.err
}

// SetupCommands returns the calls of cargo-zisk that prepare the proving key and the
// program once, in their order. They take minutes, so the caller must not run them
// within the time limit of a block. An execution does not need the constant trees of
// the key, and in the emulator it needs no setup.
func (v Version) SetupCommands(r Request) ([][]string, error) {
	family, err := v.Family()
	if err != nil {
		return nil, err
	}
	f := families[family]
	var commands [][]string
	for _, step := range f.setup {
		if r.Action == Execute && (r.Emulator || step[0] == "check-setup") {
			continue
		}
		b := builder{version: v, args: step[:1:1]}
		for _, function := range step[1:] {
			switch {
			case function == "elf":
				b.value("an ELF", f.elf, r.ELF)
			case function == "key":
				b.value("a proving key", f.provingKey, r.ProvingKey)
			case function == "aggregate":
				b.flag("aggregation", f.aggregate)
			case function == "gpu" && r.GPU:
				b.flag("a GPU switch", f.gpu)
			case function == "assembly" && !r.Emulator:
				b.flag("the assembly services", f.assembly)
			case function == "unlock" && r.Unlock && !r.Emulator:
				b.flag("unlocked memory", f.unlock)
			}
		}
		if b.err != nil {
			return nil, b.err
		}
		commands = append(commands, b.args)
	}
	return commands, nil
}

// VerifyCommand returns the arguments that verify the proof file. key fixes the proving
// setup. Up to 0.15 it is a verification key file, in 0.16 a proving key directory.
// Later versions take none, because the proof contains the key. An empty key stands for
// the tool's own default.
func (v Version) VerifyCommand(proof, key string) ([]string, error) {
	family, err := v.Family()
	if err != nil {
		return nil, err
	}
	b := builder{version: v, args: []string{"verify", "--proof", proof}}
	if key != "" {
		b.value("a verification key argument; compare the key inside the proof instead", families[family].verifyKeyFlag, key)
	}
	return b.args, b.err
}

// PinsVerifyKey reports whether VerifyCommand takes a key.
func (v Version) PinsVerifyKey() bool {
	return v.hasFlag(func(f flags) string { return f.verifyKeyFlag })
}

// builder collects arguments. err names the first function that the version lacks.
type builder struct {
	version Version
	args    []string
	err     error
}

func (b *builder) flag(function, name string) {
	if name == "" {
		b.fail(fmt.Errorf("ZisK %v has no flag for %s", b.version, function))
		return
	}
	b.args = append(b.args, name)
}

func (b *builder) value(function, name, value string) {
	if value == "" {
		return
	}
	b.flag(function, name)
	b.args = append(b.args, value)
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Outputs returns the names of the files that a successful prove writes to the output
// directory, in the order in which the version writes them.
func (v Version) Outputs() []string {
	family, err := v.Family()
	if err != nil {
		return nil
	}
	var files []string
	if family == Family014 {
		files = append(files, FileResult)
	}
	files = append(files, FileProof)
	if v.WritesCompressed() {
		files = append(files, FileCompressed)
	}
	return slices.Clip(files)
}

// WritesCompressed reports whether the version writes FileCompressed.
func (v Version) WritesCompressed() bool { return v.Major == 0 && v.Minor == 14 }

// WritesResult reports whether the version writes FileResult.
func (v Version) WritesResult() bool { return v.Major == 0 && v.Minor <= 15 }

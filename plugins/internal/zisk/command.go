package zisk

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// Action is what a block's input is put to.
type Action string

// The actions on an input. Only Prove makes a proof; Emulate is the one of
// ziskemu, all others are cargo-zisk's.
const (
	Prove             Action = "prove"
	Execute           Action = "execute"
	VerifyConstraints Action = "verify-constraints"
	Emulate           Action = "emulate"
)

// Request is one call of cargo-zisk, said without regard to the version. Empty
// and false fields are left to the tool's own default.
type Request struct {
	Action        Action
	ELF           string
	Input         string
	OutputDir     string // a fresh directory; Prove only
	ProvingKey    string
	Minimal       bool // the smaller STARK proof
	VerifyProof   bool // have the tool verify its own proof before it ends
	Unlock        bool // do not lock the services' memory
	MinimalMemory bool
	GPU           bool
	Emulator      bool // the Rust emulator in place of the assembly services
	Port          int  // first port of the assembly services
	Extra         []string
}

// Names of the files that `prove` leaves in the output directory.
const (
	FileResult     = "result.json"                       // 0.14, 0.15
	FileProof      = "vadcop_final_proof.bin"            // every version
	FileCompressed = "vadcop_final_proof.compressed.bin" // 0.14: FileProof under zstd
)

// flags is the argument table of one family: the spelling of each function, or
// empty where the family has none. A function that is on by default, or that
// never needs a flag, is listed in free.
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
	verifyKeyFlag string     // of `verify`
	server        string     // the subcommand that stays loaded between proofs
	serverPort    string     // of the server: the port that it takes requests on
	serverBase    string     // of the server: what port is for the others
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
func (v Version) HasPort() bool { return v.can(func(f flags) string { return f.port }) }

// HasMinimal reports whether the version makes minimal proofs.
func (v Version) HasMinimal() bool { return v.can(func(f flags) string { return f.minimal }) }

// HasGPUFlag reports whether the version uses a GPU only when told to; earlier
// ones have it compiled in.
func (v Version) HasGPUFlag() bool { return v.can(func(f flags) string { return f.gpu }) }

func (v Version) can(flag func(flags) string) bool {
	family, err := v.Family()
	return err == nil && flag(families[family]) != ""
}

// Command returns the arguments of cargo-zisk for the request. A function that
// the version lacks is an error that names it: nothing is dropped in silence.
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

// SetupCommands returns the calls of cargo-zisk that prepare the proving key
// and the program once, in order. They take minutes and belong outside any
// block's time limit. An execution needs no constant trees of the key, and in
// the emulator nothing at all.
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
		for _, what := range step[1:] {
			switch {
			case what == "elf":
				b.value("an ELF", f.elf, r.ELF)
			case what == "key":
				b.value("a proving key", f.provingKey, r.ProvingKey)
			case what == "aggregate":
				b.flag("aggregation", f.aggregate)
			case what == "gpu" && r.GPU:
				b.flag("a GPU switch", f.gpu)
			case what == "assembly" && !r.Emulator:
				b.flag("the assembly services", f.assembly)
			case what == "unlock" && r.Unlock && !r.Emulator:
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

// VerifyCommand returns the arguments that verify the proof file. The key pins
// the proving setup: up to 0.15 it is a verification key file, in 0.16 a
// proving key directory, later versions take none because the key travels in
// the proof; an empty key means the tool's own default.
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
func (v Version) PinsVerifyKey() bool { return v.can(func(f flags) string { return f.verifyKeyFlag }) }

// builder appends flags and keeps the first function that the version lacks.
type builder struct {
	version Version
	args    []string
	err     error
}

func (b *builder) flag(what, name string) {
	if name == "" {
		b.fail(fmt.Errorf("ZisK %v has no flag for %s", b.version, what))
		return
	}
	b.args = append(b.args, name)
}

func (b *builder) value(what, name, value string) {
	if value == "" {
		return
	}
	b.flag(what, name)
	b.args = append(b.args, value)
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Outputs returns the files that a successful prove leaves in the output
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

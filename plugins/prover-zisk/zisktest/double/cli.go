package double

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Main runs the double with the arguments of a process, the program's name included, and
// returns its exit status.
func Main(args []string) int {
	s, err := load()
	if err != nil {
		fmt.Fprintln(os.Stderr, "test double:", err)
		return 70
	}
	if filepath.Base(args[0]) == "nvidia-smi" {
		return s.nvidiaSMI(args[1:])
	}
	if filepath.Base(args[0]) == "ziskemu" {
		return s.ziskemu(args[1:])
	}
	if len(args) > 1 && args[1] == serviceCommand {
		return service(args[2:])
	}
	if len(args) == 2 && (args[1] == "--version" || args[1] == "-V") {
		mode := ""
		if s.minor >= 18 {
			mode = " [cpu]"
			if s.Build == "gpu" {
				mode = " [gpu]"
			}
		}
		fmt.Printf("cargo-zisk %s%s (0000000 2026-01-01T00:00:00.000000000Z)\n", s.Version, mode)
		return 0
	}
	if len(args) < 2 {
		fmt.Fprintln(os.Stderr, "Usage: cargo-zisk <COMMAND>")
		return 2
	}
	before, err := s.record(args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "test double:", err)
		return 70
	}
	command, ok := s.commands()[args[1]]
	if !ok {
		return usage("unrecognized subcommand '%s'", args[1])
	}
	given, status := parse(args[1], args[2:], command.flags)
	if status != 0 {
		return status
	}
	if s.FailTimes > 0 && before >= s.FailTimes || s.FailEvery > 1 && (before+1)%s.FailEvery != 0 {
		s.Fail = Succeed
	}
	status = command.run(given)
	s.recordEnd(args[1])
	return status
}

type command struct {
	flags string // see parse
	run   func(given map[string]string) int
}

// commands returns the subcommands of the version, with the flags that its sources
// declare. A flag is written "long/short", with "=" after it if it takes a value, "!x" if
// it conflicts with x, and "*" before it if it is required.
func (s *Scenario) commands() map[string]command {
	prove := func(g map[string]string) int { return s.prove(g) }
	execute := func(g map[string]string) int { return s.execute("Execute", g) }
	constraints := func(g map[string]string) int { return s.execute("VerifyConstraints", g) }
	verify := func(g map[string]string) int { return s.verify(g) }
	serve := func(g map[string]string) int { return s.serve(g) }
	setup := func(name string) func(map[string]string) int {
		return func(g map[string]string) int { return s.setup(name, g) }
	}
	switch {
	case s.minor <= 15:
		common := "witness-lib/w= *elf/e= asm/s= emulator/l!asm input/i= proving-key/k= port/p=!emulator unlock-mapped-memory/u!emulator verbose/v shared-tables/j"
		return map[string]command{
			"prove":              {common + " output-dir/o= aggregation/a final-snark/f verify-proofs/y preallocate/z max-streams/t= number-threads-witness/n= max-witness-stored/x= save-proofs/b minimal-memory/m rma/r", prove},
			"execute":            {common, execute},
			"verify-constraints": {common + " debug/d", constraints},
			"verify":             {"*proof/p= verbose/v vk/k=", verify},
			"check-setup":        {"proving-key/k= aggregation/a final-snark/f verbose/v", setup("check-setup")},
			"rom-setup":          {"*elf/e= proving-key/k= zisk-path/z= output-dir/o= verbose/v", setup("rom-setup")},
			"server":             {"port/p= witness-lib/w= *elf/e= asm/s= emulator/l!asm proving-key/k= asm-port=!emulator unlock-mapped-memory/u!emulator verbose/v debug/d verify-constraints/c aggregation/a final-snark/f rma/r preallocate/z max-streams/t= number-threads-witness/n= max-witness-stored/x= shared-tables/j", serve},
		}
	case s.minor == 16:
		common := "*elf/e= asm/s= emulator/l!asm inputs/i=!hints input=!hints hints/H= proving-key/k= port/p=!emulator unlock-mapped-memory/u!emulator asm-out-file!emulator no-auto-setup/n verbose/v shared-tables/j"
		return map[string]command{
			"prove":              {common + " proving-key-snark/w= output-dir/o= aggregation/a compressed/c verify-proofs/y preallocate/z max-streams/t= number-threads-witness/h= max-witness-stored/x= save-proofs/b minimal-memory/m rma/r snark", prove},
			"execute":            {common, execute},
			"verify-constraints": {common + " debug/d", constraints},
			"verify":             {"*proof/p= verbose/v proving-key/k=", verify},
			"check-setup":        {"proving-key/k= proving-key-snark/w= aggregation/a snark/s verbose/v", setup("check-setup")},
			"rom-setup":          {"*elf/e= proving-key/k= output-dir/o= hints/n verbose/v", setup("rom-setup")},
		}
	case s.minor <= 18:
		gpu := ""
		if s.Build != "cpu" {
			gpu = " gpu/g"
		}
		common := "elf/e= emulator/l!asm inputs/i=!hints input=!hints hints= proving-key/k= unlock-mapped-memory/u!emulator verbose/v asm/s=!emulator asm-out-file!emulator no-auto-setup/n"
		return map[string]command{
			"prove":              {common + gpu + " proving-key-plonk/w= output/o= no-aggregation/a minimal/c!plonk plonk!minimal verify-proofs/y max-witness-stored/x= minimal-memory/m preallocate-fixed-gpu/z max-streams/t= number-threads-witness=", prove},
			"execute":            {common, execute},
			"verify-constraints": {common + gpu + " debug/d", constraints},
			"verify":             {"*proof/p= verbose/v", verify},
			"check-setup":        {"proving-key/k= proving-key-plonk/w= no-aggregation/a plonk/s verbose/v" + gpu, setup("check-setup")},
			"program-setup":      {"elf/e= proving-key/k= hints/n verbose/v output-dir/o=" + gpu, setup("program-setup")},
		}
	}
	gpu := ""
	if s.Build != "cpu" {
		gpu = " gpu/g"
	}
	common := "elf/e= release debug bin= inputs/i= hints= asm/a unlock-mapped-memory/u verbose/v"
	return map[string]command{
		"prove":   {common + gpu + " output/o= proving-key/k= proving-key-plonk/w= minimal-memory/m max-witness-stored/x= minimal/c!plonk plonk!minimal verify-proof/y", prove},
		"execute": {common + gpu, execute},
		"verify":  {"*proof/p= verbose/v", verify},
		"setup":   {"elf/e= release debug bin= asm/a hints proving-key/k= proving-key-plonk/w= unlock-mapped-memory/u verbose/v", setup("setup")},
	}
}

// parse reads arguments as clap does and returns them by their long names.
func parse(name string, args []string, table string) (map[string]string, int) {
	type flag struct {
		long, short, conflict string
		value, required       bool
	}
	var flags []flag
	for field := range strings.FieldsSeq(table) {
		f := flag{required: strings.HasPrefix(field, "*")}
		field, f.conflict, _ = strings.Cut(strings.TrimPrefix(field, "*"), "!")
		field, f.value = strings.TrimSuffix(field, "="), strings.HasSuffix(field, "=")
		f.long, f.short, _ = strings.Cut(field, "/")
		flags = append(flags, f)
	}
	given := make(map[string]string)
	for i := 0; i < len(args); i++ {
		arg, value, inline := args[i], "", false
		var at int
		if long, ok := strings.CutPrefix(arg, "--"); ok {
			long, value, inline = strings.Cut(long, "=")
			at = slices.IndexFunc(flags, func(f flag) bool { return f.long == long })
		} else if short, ok := strings.CutPrefix(arg, "-"); ok && short != "" {
			value, inline = short[1:], len(short) > 1
			at = slices.IndexFunc(flags, func(f flag) bool { return f.short != "" && f.short == short[:1] })
			if at >= 0 && !flags[at].value && strings.Trim(value, short[:1]) == "" {
				inline = false // -vv
			}
		} else {
			at = -1
		}
		if at < 0 {
			return nil, usage("unexpected argument '%s' found", arg)
		}
		f := flags[at]
		if f.value && !inline {
			if i++; i >= len(args) {
				return nil, usage("a value is required for '--%s' but none was supplied", f.long)
			}
			value = args[i]
		} else if !f.value && inline {
			return nil, usage("unexpected value '%s' for '--%s' found; no more were expected", value, f.long)
		}
		if _, twice := given[f.long]; twice && f.long != "verbose" {
			return nil, usage("the argument '--%s' cannot be used multiple times", f.long)
		}
		given[f.long] = value
	}
	for _, f := range flags {
		_, ok := given[f.long]
		if f.required && !ok {
			return nil, usage("the following required arguments were not provided:\n  --%s <%s>", f.long, strings.ToUpper(f.long))
		}
		if _, both := given[f.conflict]; ok && both {
			return nil, usage("the argument '--%s' cannot be used with '--%s'", f.long, f.conflict)
		}
	}
	if _, asm := given["asm"]; name != "verify" && strings.Contains(table, "asm/a") && !asm {
		if _, unlock := given["unlock-mapped-memory"]; unlock {
			return nil, usage("the following required arguments were not provided:\n  --asm")
		}
	}
	return given, 0
}

func usage(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "error: "+format+"\n\nUsage: cargo-zisk <COMMAND> [OPTIONS]\n\nFor more information, try '--help'.\n", args...)
	return 2
}

package prover_test

import (
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// tools returns the doubles of all versions and, where PROOFLINE_CARGO_ZISK
// names one, the real program: what holds for the one must hold for the other.
func tools(t *testing.T) map[string]string {
	found := make(map[string]string)
	for _, version := range versions {
		found["double "+version] = zisktest.New(t, zisktest.Scenario{Version: version, Build: "gpu"}).Path
	}
	if real := os.Getenv("PROOFLINE_CARGO_ZISK"); real != "" {
		found["real"] = real
	} else {
		t.Log("PROOFLINE_CARGO_ZISK is not set: the real program is not asked")
	}
	return found
}

var flagPattern = regexp.MustCompile(`--[a-z][a-z-]+`)

// TestArgumentsAreKnown asks the tool whether it takes the arguments of every
// command that is built for its version.
func TestArgumentsAreKnown(t *testing.T) {
	for name, bin := range tools(t) {
		t.Run(name, func(t *testing.T) {
			v, err := tool.Detect(t.Context(), bin)
			if err != nil {
				t.Fatal(err)
			}
			var commands [][]string
			for _, r := range []zisk.Request{
				{Action: zisk.Prove, Unlock: true, VerifyProof: true, MinimalMemory: true, Minimal: v.HasMinimal(), GPU: v.HasGPUFlag() && v.Build != zisk.BuildCPU},
				{Action: zisk.Prove, Emulator: true},
				{Action: zisk.Execute, Unlock: true},
				{Action: zisk.VerifyConstraints},
			} {
				r.ELF, r.Input, r.OutputDir = "/nowhere/guest.elf", "/nowhere/input.bin", t.TempDir()
				if v.HasPort() && !r.Emulator {
					r.Port = 23200
				}
				if args, err := v.Command(r); err == nil {
					commands = append(commands, args)
				} else if r.Action != zisk.VerifyConstraints {
					t.Errorf("%+v: %v", r, err)
				}
			}
			setups, err := v.SetupCommands(zisk.Request{ELF: "/nowhere/guest.elf", ProvingKey: "/nowhere", Unlock: true})
			if err != nil {
				t.Fatal(err)
			}
			verify, err := v.VerifyCommand("/nowhere/proof.bin", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, args := range append(append(commands, setups...), verify) {
				help, _ := exec.CommandContext(t.Context(), bin, args[0], "--help").CombinedOutput()
				if strings.HasPrefix(name, "double") {
					// The double has no help; it refuses what it does not know.
					out, _ := exec.CommandContext(t.Context(), bin, args...).CombinedOutput()
					if strings.Contains(string(out), "error: ") {
						t.Errorf("%v: %s", args, out)
					}
					continue
				}
				known := flagPattern.FindAllString(string(help), -1)
				for _, flag := range flagPattern.FindAllString(strings.Join(args[1:], " "), -1) {
					if !contains(known, flag) {
						t.Errorf("%s of %v has no %s", args[0], v, flag)
					}
				}
			}
		})
	}
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

// TestRealProof proves with the real program: PROOFLINE_CARGO_ZISK, with
// PROOFLINE_ZISK_ELF and PROOFLINE_ZISK_INPUT, on a machine that has the key.
func TestRealProof(t *testing.T) {
	bin, elf, input := os.Getenv("PROOFLINE_CARGO_ZISK"), os.Getenv("PROOFLINE_ZISK_ELF"), os.Getenv("PROOFLINE_ZISK_INPUT")
	if bin == "" || elf == "" || input == "" {
		t.Skip("PROOFLINE_CARGO_ZISK, PROOFLINE_ZISK_ELF and PROOFLINE_ZISK_INPUT name no real program, guest and input")
	}
	home, path := os.Getenv("HOME"), os.Getenv("PATH")
	b := newBench(t, zisktest.Scenario{}, map[string]any{"bin": bin, "elf": elf, "setup": "auto", "port": nil})
	t.Setenv("HOME", home)
	t.Setenv("PATH", path)
	data, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.check(t) {
		t.Log(f)
	}
	p, task := b.open(), b.attemptWith(data)
	start := time.Now()
	result, err := p.Prove(t.Context(), task.Task)
	if err != nil {
		t.Fatal(err)
	}
	slog.Info("proved", "wall", time.Since(start), "work", result.WorkTime, "facts", result.Facts)
	if err := p.Verify(t.Context(), b.verification(task, result)); err != nil {
		t.Error(err)
	}
	b.assertClean()
}

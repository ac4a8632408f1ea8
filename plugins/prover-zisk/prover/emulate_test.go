package prover_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// emulation is a bench for action emulate, with neither key nor locks.
func emulation(t *testing.T, s zisktest.Scenario) (*bench, *task) {
	t.Helper()
	b := newBench(t, s, map[string]any{"action": "emulate", "port": nil, "lock_dir": "/proc/nowhere", "setup": nil})
	b.conf["bin"] = b.tool.Emulator
	if err := os.RemoveAll(filepath.Join(b.home, ".zisk")); err != nil {
		t.Fatal(err)
	}
	task := b.attempt(s.Version)
	task.Block.Hash = contract.Hash{0xaa, 1, 2, 3}
	task.Facts = map[string]string{"format": "zec"}
	return b, task
}

// hashText are public values with a block hash as the guests of zisk-eth-client
// write it.
func hashText(h contract.Hash) string { return hex.EncodeToString(append([]byte{66}, h.String()...)) }

func TestEmulate(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b, task := emulation(t, zisktest.Scenario{Version: version, Steps: 4711, Seconds: 2.5})
			b.tool.Set(t, zisktest.Scenario{Version: version, Steps: 4711, Seconds: 2.5, Publics: hashText(task.Block.Hash)})
			p := b.open()
			if p.MakesProof() {
				t.Error("it says that it makes a proof")
			}
			result, err := p.Prove(t.Context(), task.Task)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Outputs) != 1 || result.Outputs[0].Name != "execution.json" || result.Facts["proving_cycles"] != "4711" || result.WorkTime != 2500*time.Millisecond {
				t.Errorf("%+v", result)
			}
			var report struct {
				Cycles       uint64
				Action       string
				PublicValues string `json:"public_values"`
				CommitsTo    string `json:"commits_to"`
			}
			text, err := os.ReadFile(filepath.Join(task.Dir, "out", "execution.json"))
			if err == nil {
				err = json.Unmarshal(text, &report)
			}
			if err != nil || report.Cycles != 4711 || report.Action != "emulate" || report.PublicValues != hashText(task.Block.Hash) || !strings.Contains(report.CommitsTo, "block hash") {
				t.Errorf("execution.json: %s (%v)", text, err)
			}
			if phases := task.phases(); len(phases) != 1 || phases[0] != contract.PhaseAccepted {
				t.Errorf("phases %v", phases)
			}
		})
	}
}

func TestEmulateFails(t *testing.T) {
	other := hashText(contract.Hash{0xbb})
	for name, tc := range map[string]struct {
		scenario zisktest.Scenario
		class    sdk.Class
		text     string
	}{
		"another block":    {zisktest.Scenario{Publics: other}, sdk.ClassPermanent, "0xbb00"},
		"no public values": {zisktest.Scenario{}, sdk.ClassPermanent, "no public values"},
		"guest refuses":    {zisktest.Scenario{Fail: double.GuestPanic}, sdk.ClassPermanent, "Block validation failed"},
		"guest fails":      {zisktest.Scenario{Fail: double.GuestError, Publics: other}, sdk.ClassPermanent, "finished with error"},
		"too many steps":   {zisktest.Scenario{Fail: double.StepLimit}, sdk.ClassPermanent, "EmulationNoCompleted"},
		"emulator panics":  {zisktest.Scenario{Fail: double.Panic}, sdk.ClassRetryable, "Option::unwrap"},
		"emulator killed":  {zisktest.Scenario{Fail: double.OOM}, sdk.ClassRetryable, "killed"},
		"nothing written":  {zisktest.Scenario{Fail: double.NoFiles}, sdk.ClassRetryable, "does not count"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.scenario.Version = "0.18.0"
			b, task := emulation(t, tc.scenario)
			result, err := b.open().Prove(t.Context(), task.Task)
			if class(err) != tc.class || err == nil || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, %s: %v", result, class(err), err)
			}
			if left, _ := filepath.Glob(filepath.Join(task.Dir, "out", "*")); len(left) > 0 {
				t.Errorf("a failed attempt published %v", left)
			}
		})
	}
}

// TestEmulateExpectations judges the same public values by what the builder says
// of them.
func TestEmulateExpectations(t *testing.T) {
	for name, tc := range map[string]struct {
		facts   map[string]string
		publics string
		class   sdk.Class
	}{
		"as the builder expects":      {map[string]string{"public_values": "0102030405"}, "0102030405", ""},
		"not as the builder expects":  {map[string]string{"public_values": "0102030405"}, "0102030406", sdk.ClassPermanent},
		"a fact that is no number":    {map[string]string{"public_values": "0x"}, "01", sdk.ClassPermanent},
		"a guest that is not known":   {nil, "0102030405", ""},
		"a digest without its output": {map[string]string{"format": "g4"}, strings.Repeat("ab", 32), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, task := emulation(t, zisktest.Scenario{Version: "0.18.0", Publics: tc.publics})
			task.Facts = tc.facts
			if _, err := b.open().Prove(t.Context(), task.Task); class(err) != tc.class {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEmulateNeedsNothing checks a machine with the emulator and a guest, and
// without key, card and shared memory.
func TestEmulateNeedsNothing(t *testing.T) {
	b, _ := emulation(t, zisktest.Scenario{Version: "0.18.0"})
	b.conf["elf"] = guestELF(t, riscv)
	for _, f := range b.check(t) {
		if f.Severity != sdk.SeverityInfo {
			t.Errorf("%v", f)
		}
	}
	b.conf["bin"] = ""
	t.Setenv("PATH", t.TempDir())
	if f := find(b.check(t), "ziskemu is neither in PATH"); f == nil || f.Severity != sdk.SeverityError {
		t.Errorf("without the emulator: %v", f)
	}
}

// TestRealEmulator runs a real guest in the real emulator: PROOFLINE_ZISKEMU with
// PROOFLINE_ZISK_ELF and PROOFLINE_ZISK_INPUT, and PROOFLINE_ZISK_BLOCK_HASH of
// the input's block.
func TestRealEmulator(t *testing.T) {
	bin, elf, input := os.Getenv("PROOFLINE_ZISKEMU"), os.Getenv("PROOFLINE_ZISK_ELF"), os.Getenv("PROOFLINE_ZISK_INPUT")
	if bin == "" || elf == "" || input == "" {
		t.Skip("PROOFLINE_ZISKEMU, PROOFLINE_ZISK_ELF and PROOFLINE_ZISK_INPUT name no real emulator, guest and input")
	}
	data, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, zisktest.Scenario{}, map[string]any{"action": "emulate", "bin": bin, "elf": elf, "port": nil})
	task := b.attemptWith(data)
	if err := task.Block.Hash.UnmarshalText([]byte(os.Getenv("PROOFLINE_ZISK_BLOCK_HASH"))); err != nil {
		t.Fatal(err)
	}
	p, err := prover.Open(t.Context(), b.config(), b.env())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	result, err := p.Prove(t.Context(), task.Task)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(task.Dir, "out", "execution.json"))
	if err != nil || result.Facts["proving_cycles"] == "" {
		t.Errorf("%+v, %v", result, err)
	}
	t.Logf("%s", text)
}

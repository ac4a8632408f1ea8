package prover_test

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
)

// guestELF writes the head of an ELF file for a machine.
func guestELF(t testing.TB, machine uint16) string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(head[16:], 2)
	binary.LittleEndian.PutUint16(head[18:], machine)
	binary.LittleEndian.PutUint32(head[20:], 1)
	binary.LittleEndian.PutUint16(head[52:], 64)
	path := filepath.Join(t.TempDir(), "guest.elf")
	if err := os.WriteFile(path, head, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const riscv = 243 // EM_RISCV

// find returns the finding with the text.
func find(findings []sdk.Finding, text string) *sdk.Finding {
	for i, f := range findings {
		if strings.Contains(f.Summary, text) {
			return &findings[i]
		}
	}
	return nil
}

func TestCheck(t *testing.T) {
	oneGPU := []string{"0, GPU-aaaa, NVIDIA GeForce RTX 4090, 8.9, 24564, 24000, 570.86"}
	for name, tc := range map[string]struct {
		scenario zisktest.Scenario
		config   map[string]any
		key      bool
		text     string
		severity sdk.Severity
		pointer  string
		remedy   string
	}{
		"no tool":           {zisktest.Scenario{}, map[string]any{"bin": "cargo-zisk-none"}, false, "neither in PATH", sdk.SeverityError, "/bin", "ziskup"},
		"tool found":        {zisktest.Scenario{Version: "0.18.0"}, nil, true, "ZisK 0.18.0 at", sdk.SeverityInfo, "/bin", ""},
		"unknown tool":      {zisktest.Scenario{Version: "1.4.0"}, nil, true, "newer than any", sdk.SeverityWarning, "/bin", "0.14 to 1.0"},
		"no GPU":            {zisktest.Scenario{Version: "0.18.0"}, map[string]any{"device": "gpu"}, true, "nvidia-smi", sdk.SeverityError, "/gpus", "driver"},
		"GPU":               {zisktest.Scenario{GPUs: oneGPU}, nil, true, "compute capability 8.9", sdk.SeverityInfo, "/gpus", ""},
		"other GPU":         {zisktest.Scenario{GPUs: oneGPU}, map[string]any{"gpus": []string{"0", "3"}}, true, "no GPU 3", sdk.SeverityError, "/gpus/1", "nvidia-smi"},
		"busy GPU":          {zisktest.Scenario{GPUs: []string{"0, G, X, 8.9, 24564, 1000, 570"}}, nil, true, "only 1000 of", sdk.SeverityWarning, "/gpus", "nvidia-smi"},
		"small GPU":         {zisktest.Scenario{GPUs: []string{"0, G, X, 8.9, 8192, 8192, 570"}}, nil, true, "has 8192 MiB", sdk.SeverityWarning, "/gpus", "24 GiB"},
		"no key":            {zisktest.Scenario{Version: "0.16.1"}, nil, false, "no proving key", sdk.SeverityError, "/proving_key", "zisk-provingkey-0.16.0.tar.gz"},
		"no ELF":            {zisktest.Scenario{}, map[string]any{"elf": os.Args[0]}, true, "64-bit RISC-V", sdk.SeverityError, "/elf", "guest program"},
		"text as ELF":       {zisktest.Scenario{}, map[string]any{"elf": "/etc/hostname"}, true, "not an ELF file", sdk.SeverityError, "/elf", "guest program"},
		"minimal":           {zisktest.Scenario{Version: "0.15.0"}, map[string]any{"minimal": "yes"}, true, "no minimal proofs", sdk.SeverityError, "/minimal", "0.16"},
		"port":              {zisktest.Scenario{Version: "0.18.0"}, map[string]any{"port": 23200}, true, "have no ports", sdk.SeverityError, "/port", "remove"},
		"cache":             {zisktest.Scenario{Version: "0.16.1"}, map[string]any{"cache": "/tmp"}, true, "~/.zisk/cache", sdk.SeverityWarning, "/cache", "0.18"},
		"CPU build":         {zisktest.Scenario{Version: "0.18.0", Build: "cpu"}, map[string]any{"device": "gpu"}, true, "CPU only", sdk.SeverityError, "/device", "GPU build"},
		"GPU execute":       {zisktest.Scenario{GPUs: oneGPU}, map[string]any{"action": "execute"}, true, "refuses execute", sdk.SeverityWarning, "/action", "CPU build"},
		"no constraints":    {zisktest.Scenario{Version: "1.0.0-beta"}, map[string]any{"action": "verify-constraints"}, true, "no verify-constraints", sdk.SeverityError, "/action", "execute"},
		"lock directory":    {zisktest.Scenario{}, map[string]any{"lock_dir": "/proc/nowhere"}, true, "cannot be used", sdk.SeverityError, "/lock_dir", "mkdir"},
		"no key to execute": {zisktest.Scenario{Version: "0.18.0"}, map[string]any{"action": "execute"}, false, "no proving key", sdk.SeverityError, "/proving_key", "zisk-provingkey-0.18.0.tar.gz"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := tc.config["elf"]; !ok {
				if tc.config == nil {
					tc.config = map[string]any{}
				}
				tc.config["elf"] = guestELF(t, riscv)
			}
			b := newBench(t, tc.scenario, tc.config)
			if !tc.key {
				if err := os.RemoveAll(filepath.Join(b.home, ".zisk")); err != nil {
					t.Fatal(err)
				}
			}
			if len(tc.scenario.GPUs) == 0 {
				t.Setenv("PATH", b.tool.Dir) // no nvidia-smi of the machine's own
			}
			findings := b.check(t)
			f := find(findings, tc.text)
			if f == nil {
				t.Fatalf("no finding with %q in %v", tc.text, findings)
			}
			if f.Severity != tc.severity || f.Pointer != tc.pointer || !strings.Contains(f.Remedy, tc.remedy) || (tc.remedy == "") != (f.Remedy == "") {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestCheckPorts(t *testing.T) {
	b := newBench(t, zisktest.Scenario{}, map[string]any{"elf": guestELF(t, riscv)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b.conf["port"] = l.Addr().(*net.TCPAddr).Port
	f := find(b.check(t), "is in use by process")
	if f == nil || f.Pointer != "/port" || f.Remedy == "" {
		t.Errorf("got %+v", f)
	}
}

// TestCheckNamesAllThatIsMissing has a machine without anything.
func TestCheckNamesAllThatIsMissing(t *testing.T) {
	b := newBench(t, zisktest.Scenario{}, map[string]any{"elf": guestELF(t, riscv), "bin": "cargo-zisk-none", "device": "gpu", "port": nil})
	t.Setenv("PATH", t.TempDir())
	if err := os.RemoveAll(filepath.Join(b.home, ".zisk")); err != nil {
		t.Fatal(err)
	}
	findings := b.check(t)
	for _, text := range []string{"neither in PATH", "nvidia-smi is not installed", "no proving key"} {
		if f := find(findings, text); f == nil || f.Severity != sdk.SeverityError || f.Remedy == "" {
			t.Errorf("%q: %+v", text, f)
		}
	}
	if _, enough := machine.Memlock(); !enough && find(findings, "may be locked in memory") == nil {
		t.Errorf("nothing on locked memory in %v", findings)
	}
}

// TestCheckIsQuietWhenAllIsWell has no error for a machine with everything.
func TestCheckIsQuietWhenAllIsWell(t *testing.T) {
	b := newBench(t, zisktest.Scenario{Version: "0.18.0", Build: "gpu", GPUs: []string{"0, G, X, 8.9, 24564, 24000, 570"}},
		map[string]any{"elf": guestELF(t, riscv)})
	for _, f := range b.check(t) {
		if f.Severity == sdk.SeverityError {
			t.Errorf("%v", f)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*prover.Config)
		pointer string
	}{
		"program key":      {func(c *prover.Config) { c.ProgramKey = "0x12" }, "/program_key"},
		"privileged port":  {func(c *prover.Config) { c.Port = 80 }, "/port"},
		"emulator port":    {func(c *prover.Config) { c.Port, c.Executor = 23115, "emulator" }, "/port"},
		"tight deadline":   {func(c *prover.Config) { c.DeadlineFactor = 1.1 }, "/deadline_factor"},
		"several cards":    {func(c *prover.Config) { c.GPUs = []string{"0", "1,2"} }, "/gpus/1"},
		"own flag":         {func(c *prover.Config) { c.ExtraArgs = []string{"-v", "--output-dir=/x"} }, "/extra_args/1"},
		"nothing to blame": {func(c *prover.Config) { c.ExtraArgs = []string{"-x", "2"} }, ""},
	} {
		b := newBench(t, zisktest.Scenario{}, nil)
		c := b.config()
		tc.change(&c)
		findings := c.Validate()
		if tc.pointer == "" {
			if len(findings) > 0 {
				t.Errorf("%s: %v", name, findings)
			}
			continue
		}
		if len(findings) != 1 || findings[0].Pointer != tc.pointer || findings[0].Remedy == "" {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

package prover_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
)

// linkKernels adds a section .nv_fatbin to a program, which goes on running: sections mean
// nothing to the kernel. What is added are NVIDIA's own files of package machine.
func linkKernels(t *testing.T, path, fatbin string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kernels, err := os.ReadFile(filepath.Join("../machine/testdata", fatbin))
	if err != nil {
		t.Fatal(err)
	}
	var head elf.Header64
	if _, err := binary.Decode(text, binary.LittleEndian, &head); err != nil {
		t.Fatal(err)
	}
	sections := make([]elf.Section64, head.Shnum)
	if _, err := binary.Decode(text[head.Shoff:], binary.LittleEndian, sections); err != nil {
		t.Fatal(err)
	}
	for len(text)%8 != 0 {
		text = append(text, 0)
	}
	names := &sections[head.Shstrndx]
	added := elf.Section64{Name: uint32(names.Size), Type: uint32(elf.SHT_PROGBITS), Off: uint64(len(text)), Size: uint64(len(kernels)), Addralign: 8}
	old := text[names.Off : names.Off+names.Size]
	names.Off = added.Off + added.Size
	text = append(append(append(text, kernels...), old...), ".nv_fatbin\x00"...)
	names.Size += uint64(len(".nv_fatbin\x00"))
	head.Shoff, head.Shnum = uint64(len(text)), head.Shnum+1
	var file bytes.Buffer
	if err := binary.Write(&file, binary.LittleEndian, head); err != nil {
		t.Fatal(err)
	}
	file.Write(text[file.Len():])
	if err := binary.Write(&file, binary.LittleEndian, append(sections, added)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // it may be a link to the double of all tests
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestCheckKernels: a tool that was built for other cards is an error that says for which
// ones, and what to do; one that fits, and a prover that leaves the GPUs alone, are none.
func TestCheckKernels(t *testing.T) {
	for name, c := range map[string]struct {
		fatbin, capability, device string
		wrong                      bool
	}{
		"built for others":       {"sm86-sm120.fatbin", "9.0", "auto", true},
		"same major number":      {"sm86-sm120.fatbin", "8.9", "auto", false},
		"older":                  {"sm86-ptx80.fatbin", "7.5", "auto", true},
		"translated by a driver": {"sm86-ptx80.fatbin", "12.0", "auto", false},
		"no GPU is used":         {"sm86-sm120.fatbin", "9.0", "cpu", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, zisktest.Scenario{Version: "0.18.0", GPUs: []string{"0, GPU-aaaa, NVIDIA H100, " + c.capability + ", 81559, 81000, 570.86"}},
				map[string]any{"elf": guestELF(t, riscv), "device": c.device})
			linkKernels(t, b.tool.Path, c.fatbin)
			findings := b.check(t)
			if find(findings, "ZisK 0.18.0 at") == nil {
				t.Fatalf("the tool does not run: %v", findings)
			}
			f := find(findings, "carries code for")
			if (f != nil) != c.wrong {
				t.Fatalf("findings: %v", findings)
			}
			if c.wrong && (f.Severity != sdk.SeverityError || f.Pointer != "/bin" || !strings.Contains(f.Summary, "NVIDIA H100") || !strings.Contains(f.Summary, "8.6") ||
				!strings.Contains(f.Remedy, "CUDA_ARCHS="+strings.Replace(c.capability, ".", "", 1))) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

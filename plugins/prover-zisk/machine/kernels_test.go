package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fatbin reads what fatbinary 13.5.37 of NVIDIA (the wheel nvidia-cuda-nvcc) has made of
// testdata/add.ptx:
//
//	ptxas -arch=sm_86 add.ptx -o 86.cubin   # and sm_120; for sm_90a with that .target
//	fatbinary --create=sm86-sm120.fatbin --64 --compress-all --image3=kind=elf,sm=86,file=86.cubin --image3=kind=elf,sm=120,file=120.cubin
//	fatbinary --create=sm86-ptx80.fatbin --64 --image3=kind=elf,sm=86,file=86.cubin --image3=kind=ptx,sm=80,file=add.ptx
//	fatbinary --create=sm90a.fatbin --64 --image3=kind=elf,sm=90a,file=90a.cubin
func fatbin(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".fatbin"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// program writes an ELF file (System V ABI) with one section, .nv_fatbin.
func program(t *testing.T, section []byte) string {
	t.Helper()
	names := "\x00.nv_fatbin\x00.shstrtab\x00"
	var file bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&file, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	const header, entry = 64, 64
	write(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64),
		Version: uint32(elf.EV_CURRENT), Shoff: header, Ehsize: header, Shentsize: entry, Shnum: 3, Shstrndx: 2,
	})
	const data = header + 3*entry
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: data, Size: uint64(len(section)), Addralign: 8})
	write(elf.Section64{Name: 12, Type: uint32(elf.SHT_STRTAB), Off: data + uint64(len(section)), Size: uint64(len(names)), Addralign: 1})
	file.Write(section)
	file.WriteString(names)
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, file.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKernels(t *testing.T) {
	newest, portable, exact := fatbin(t, "sm86-sm120"), fatbin(t, "sm86-ptx80"), fatbin(t, "sm90a")
	for name, c := range map[string]struct {
		section []byte
		want    string
		runs    []string // of 7.5, 8.0, 8.6, 8.9, 9.0, 10.0, 12.0
	}{
		"two cards":        {newest, "8.6, 12.0", []string{"8.6", "8.9", "12.0"}},
		"with PTX":         {portable, "8.6, PTX 8.0", []string{"8.0", "8.6", "8.9", "9.0", "10.0", "12.0"}},
		"one card":         {exact, "9.0a", []string{"9.0"}},
		"several units":    {slices.Concat(newest, make([]byte, 24), exact, newest), "8.6, 12.0, 9.0a", []string{"8.6", "8.9", "9.0", "12.0"}},
		"no code for GPUs": {make([]byte, 64), "", []string{"7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"}},
	} {
		k, err := KernelsOf(program(t, c.section))
		if err != nil || k.String() != c.want {
			t.Errorf("%s: %v, %v", name, k, err)
		}
		var runs []string
		for _, capability := range []string{"7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"} {
			if k.Runs(GPU{Capability: capability}) {
				runs = append(runs, capability)
			}
		}
		if !slices.Equal(runs, c.runs) {
			t.Errorf("%s: runs on %v, want %v", name, runs, c.runs)
		}
	}
	if k, err := KernelsOf("kernels_test.go"); err != nil || k.String() != "" {
		t.Errorf("a text: %v, %v", k, err)
	}
	if k, err := KernelsOf(os.Args[0]); err != nil || k.String() != "" {
		t.Errorf("a program without a GPU: %v, %v", k, err)
	}
	if _, err := KernelsOf(program(t, newest[:len(newest)-8])); err == nil {
		t.Error("half a section was read")
	}
	if !(Kernels{Machine: []int{86}}).Runs(GPU{Capability: "[N/A]"}) {
		t.Error("a card that does not tell its capability is refused")
	}
}

// FuzzKernels: nothing makes it read outside of the section, or without an end.
func FuzzKernels(f *testing.F) {
	for _, name := range []string{"sm86-sm120", "sm86-ptx80", "sm90a"} {
		f.Add(fatbin(f, name))
	}
	f.Fuzz(func(t *testing.T, section []byte) {
		k, err := readKernels(bytes.NewReader(section), int64(len(section)))
		if err == nil && len(k.Machine)+len(k.Exact)+len(k.PTX) > len(section)/imageHeader {
			t.Errorf("%v of %d bytes", k, len(section))
		}
	})
}

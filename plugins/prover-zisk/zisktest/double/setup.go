package double

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// AtVerify is a value of Scenario.At with which a failure happens in verify and not in
// prove.
const AtVerify = "VERIFY"

func (s *Scenario) verify(given map[string]string) int {
	if s.Fail == IllegalInstr && s.At == AtVerify {
		return die(syscall.SIGILL)
	}
	if s.At == AtVerify {
		if status, over := s.failNow("Verify", &services{}); over {
			return status
		}
	}
	p, err := proof.Read(given["proof"], s.layout())
	if err != nil {
		return panicked("malformed proof: " + err.Error())
	}
	kind := "Stark"
	if s.minor >= 17 {
		kind = "STARK"
	}
	ok := valid(p)
	if ok {
		info("✓ %s proof was verified", kind)
	} else {
		info("✗ %s proof was not verified", kind)
	}
	info("--- VERIFICATION SUMMARY ---")
	info("      time: 5 milliseconds")
	info("----------------------------")
	if !ok {
		return failed("Verify", kind+" proof was not verified")
	}
	return 0
}

func (s *Scenario) setup(name string, given map[string]string) int {
	time.Sleep(time.Duration(s.SetupMS) * time.Millisecond)
	if s.Fail == SetupFails {
		return failed(name, noKey)
	}
	if name == "check-setup" {
		return 0
	}
	elf := given["elf"]
	if !exists(elf) {
		return failed(name, fmt.Sprintf("ELF file %q: No such file or directory (os error 2)", elf))
	}
	key := programKey(elf)
	info("Computing setup for ROM %s", elf)
	if !s.QuietSetup {
		info("Root hash: [%d, %d, %d, %d]", key[0], key[1], key[2], key[3])
	}
	asm := s.assemblyFile(elf)
	if err := os.MkdirAll(filepath.Dir(asm), 0o755); err != nil {
		return failed(name, err.Error())
	}
	if err := os.WriteFile(asm, []byte("test double\n"), 0o755); err != nil {
		return failed(name, err.Error())
	}
	info("ROM setup successfully completed at %s", filepath.Dir(asm))
	return 0
}

// programKey returns the double's key of a program, in place of the root of its ROM.
func programKey(elf string) proof.Key {
	data, _ := os.ReadFile(elf)
	digest := sha256.Sum256(data)
	var k proof.Key
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(digest[8*i:]) >> 1
	}
	return k
}

func (s *Scenario) assemblyFile(elf string) string {
	key := programKey(elf)
	return filepath.Join(os.Getenv("HOME"), ".zisk", "cache", fmt.Sprintf("%s-%s-mt.bin", strings.TrimSuffix(filepath.Base(elf), ".elf"), hex.EncodeToString(key.Bytes()[:8])))
}

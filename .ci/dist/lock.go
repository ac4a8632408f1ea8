package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// lockName is the file that pins the plugins beside it.
const lockName = "plugins.lock"

// lock writes plugins.lock of an architecture. A plugin is asked what it is, which only
// works for those of this machine; its answer is the same on every architecture, so that
// the lock of another one differs in the digests alone.
func (r release) lock(arch, program string, plugins []string) error {
	dir, here := filepath.Join(r.work, arch, "plugins"), filepath.Join(r.work, runtime.GOARCH, "plugins")
	if _, err := os.Stat(filepath.Join(here, lockName)); err != nil {
		if dir != here {
			if err := compile(runtime.GOARCH, r.commit, here, plugins...); err != nil {
				return err
			}
		}
		if _, err := output(program, "plugins", "lock", here); err != nil {
			return err
		}
	}
	if dir == here {
		return nil
	}
	return translateLock(here, dir)
}

// translateLock writes the lock of the programs in a directory, from that of programs of
// the same names in another one.
func translateLock(from, to string) error {
	text, err := os.ReadFile(filepath.Join(from, lockName))
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	translated := string(text)
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		was, err := digest(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		is, err := digest(filepath.Join(to, e.Name()))
		if err != nil {
			return err
		}
		if strings.Count(translated, was) != 1 {
			return fmt.Errorf("%s pins %s %d times", filepath.Join(from, lockName), e.Name(), strings.Count(translated, was))
		}
		translated = strings.Replace(translated, was, is, 1)
	}
	return os.WriteFile(filepath.Join(to, lockName), []byte(translated), 0o644)
}

// digest is the SHA-256 of a file in hexadecimal digits.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

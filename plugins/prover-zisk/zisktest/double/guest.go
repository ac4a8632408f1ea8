package double

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Guest is a kind of guest program.
type Guest string

// The kinds of guests. A program of its own, GuestProgram, computes the public values of
// those that read an SSZ StatelessInput.
const (
	Stateless Guest = "stateless" // finds every block valid
	Refuses   Guest = "refuses"   // finds every block invalid, states success 0 and ends normally
)

// GuestProgram is the name of a program in the folder of the double where a scenario names
// a guest. It is called with the kind of the guest, gets the input file on standard input
// and writes the public values to standard output. It is not a part of the double, because
// each start of the double would load its decoder, and the measurements of a pipeline
// contain these starts.
const GuestProgram = "stateless-guest"

// publics returns the guest's public values for an input file.
func (s *Scenario) publics(file []byte) ([]byte, error) {
	if values, err := hex.DecodeString(s.Publics); err == nil && len(values) > 0 {
		return values, nil
	}
	if s.Guest == "" {
		digest := sha256.Sum256(file)
		return digest[:], nil
	}
	cmd := exec.Command(filepath.Join(s.dir, GuestProgram), string(s.Guest))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(file), os.Stderr
	values, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("test double: %s: %w", cmd.Path, err)
	}
	return values, nil
}

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

// The kinds of guests. Those of the SSZ StatelessInput are a program of their own, see
// GuestProgram.
const (
	Stateless Guest = "stateless" // finds every block valid
	Refuses   Guest = "refuses"   // finds every block invalid: success 0, and ends like any other
)

// GuestProgram lies beside the double where a scenario names a guest. It is called with
// the kind of the guest, gets the input file on standard input, and writes what it commits
// to. It is none of the double's because all that decodes an input would be loaded at each
// start of the double, which a pipeline's measurements contain.
const GuestProgram = "stateless-guest"

// publics are what the guest commits to for an input file.
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

package prover

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// pinRecord is the content of the file program.json in the state directory, which stores
// the program key of the first verified proof. From 1.0 on a set-up prints the program key
// only if it computes the key, and not if its files exist already. A verified proof holds
// the same key.
type pinRecord struct {
	Version string `json:"zisk_version"`
	ELF     string `json:"elf_sha256"`
	Program string `json:"program_key"`
}

const pinFile = "program.json"

// pinnedProgram returns the program key of the first verified proof of this program and
// version, or nil if there is none.
func (p *Prover) pinnedProgram() *proof.Key {
	data, err := os.ReadFile(filepath.Join(p.stateDir, pinFile))
	if err != nil {
		return nil
	}
	var have pinRecord
	if json.Unmarshal(data, &have) != nil || have.Version != p.version.String() || have.ELF != p.elfSum {
		return nil
	}
	key, err := proof.ParseKey(have.Program)
	if err != nil {
		return nil
	}
	return &key
}

// pinProgram stores the program key of a verified proof if the key is not known yet. From
// then on a proof of another program is refused.
func (p *Prover) pinProgram(key proof.Key) {
	p.setup.mu.Lock()
	defer p.setup.mu.Unlock()
	if p.setup.program != nil {
		return
	}
	p.setup.program = &key
	p.log.Info("the program's key is taken from the first verified proof", "program_key", key.String())
	if err := files.WriteJSON(filepath.Join(p.stateDir, pinFile), 0o600, pinRecord{p.version.String(), p.elfSum, key.String()}); err != nil {
		p.log.Warn("remember the program's key", "error", err)
	}
}

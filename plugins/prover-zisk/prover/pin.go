package prover

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// pinRecord is what the file program.json in the state directory remembers of the
// first verified proof. From 1.0 on a set-up prints the program's key only when it
// computes it, and not when its files are there already; the key in a verified
// proof says the same.
type pinRecord struct {
	Version string `json:"zisk_version"`
	ELF     string `json:"elf_sha256"`
	Program string `json:"program_key"`
}

const pinFile = "program.json"

// pinned returns the key that a verified proof of this program and version had;
// nil when there was none.
func (p *Prover) pinned() *proof.Key {
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

// pin takes the program's key from a proof that was verified, where nothing else
// has told it: from then on a proof of another program is refused.
func (p *Prover) pin(key proof.Key) {
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

package cluster

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk"
)

// token is the content of a resume token: the work and the cluster's job for it.
type token struct {
	Coordinator string    `json:"coordinator"`
	ELF         string    `json:"elf_sha256"`
	Input       string    `json:"input_sha256"`
	Minimal     bool      `json:"minimal"`
	Job         string    `json:"job_id"`
	Submitted   time.Time `json:"submitted"`
}

// tokenFor returns a token that describes the work of a task, without a job.
func (p *Prover) tokenFor(t *sdk.Task) token {
	k := token{Coordinator: p.config.Coordinator, ELF: p.elfSum, Minimal: p.config.Minimal}
	for _, a := range t.Inputs {
		if a.Name == sdk.ArtifactInput {
			k.Input = hex.EncodeToString(a.SHA256[:])
		}
	}
	return k
}

// resumable reads a resume token. It reports false if there is none, or if it describes
// other work than want: another input, program, kind of proof or coordinator.
func resumable(data []byte, want token) (token, bool) {
	var have token
	if len(data) == 0 || json.Unmarshal(data, &have) != nil || have.Job == "" {
		return token{}, false
	}
	want.Job, want.Submitted = have.Job, have.Submitted
	return have, have == want
}

// submission is the note that a job is being submitted. The file exists in the state
// directory from before the request until the host has the token.
type submission struct{ path string }

func (p *Prover) submission(t *sdk.Task) submission {
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r == '-' {
			return r
		}
		return '_'
	}, t.Job)
	return submission{filepath.Join(p.stateDir, "submitting-"+name)}
}

// begin writes the note and reports whether it existed before. If it did, an earlier
// attempt may have submitted a job whose id is lost.
func (s submission) begin() (before bool, err error) {
	if _, err := os.Stat(s.path); err == nil {
		before = true
	}
	return before, os.WriteFile(s.path, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600)
}

// end removes the note.
func (s submission) end() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

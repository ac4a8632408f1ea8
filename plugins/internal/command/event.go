package command

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk"
)

// EventNames are the placeholders of an event.
var EventNames = []string{"work", "state", "block", "hash", "chain", "event", "id", "try", "file", "proof"}

// eventJSON is the content of the file {file}: the event for scripts.
type eventJSON struct {
	ID        string            `json:"id"`
	Kind      sdk.EventKind     `json:"kind"`
	Pipeline  string            `json:"pipeline"`
	Stage     string            `json:"stage,omitempty"`
	Time      time.Time         `json:"time"`
	Block     *sdk.Block        `json:"block,omitempty"`
	Facts     map[string]string `json:"facts"`
	Artifacts []eventArtifact   `json:"artifacts"`
}

type eventArtifact struct {
	Name   string `json:"name"`
	Path   string `json:"path"` // absolute
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
	Role   string `json:"role,omitempty"`
}

// OfEvent prepares the run for an event. It writes the event to the file {file}. {block},
// {hash}, {chain} and {proof} are empty where the event has none.
func OfEvent(e *sdk.Event, env sdk.Env) (Attempt, error) {
	work := filepath.Join(e.Temp(), "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return Attempt{}, err
	}
	doc := eventJSON{ID: e.ID, Kind: e.Kind, Pipeline: e.Pipeline, Stage: e.Stage, Time: e.Time.UTC(), Block: e.Block,
		Facts: e.Facts, Artifacts: []eventArtifact{}}
	if doc.Facts == nil {
		doc.Facts = map[string]string{}
	}
	names := map[string]string{
		"work": work, "state": env.StateDir, "event": string(e.Kind), "id": e.ID, "try": strconv.FormatUint(uint64(e.Try), 10),
		"file": filepath.Join(e.Temp(), "event.json"), "block": "", "hash": "", "chain": "", "proof": "",
	}
	for _, a := range e.Artifacts {
		path, err := e.Input(a.Name)
		if err != nil {
			return Attempt{}, err
		}
		doc.Artifacts = append(doc.Artifacts, eventArtifact{a.Name, path, a.Size, hex.EncodeToString(a.SHA256[:]), a.Role})
		if a.Role == sdk.RoleProof {
			names["proof"] = path
		}
	}
	if e.Block != nil {
		addBlock(names, e.Block)
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return Attempt{}, err
	}
	if err := os.WriteFile(names["file"], append(text, '\n'), 0o600); err != nil {
		return Attempt{}, err
	}

	return Attempt{
		Work: work, Values: Values{Names: names, Input: e.Input, Facts: e.Facts},
		Log: e.Log, Progress: e.Progress, Adopt: e.Adopt,
		Environ: append(variables(e.Pipeline, e.Stage, e.Block),
			"PROOFLINE_EVENT="+string(e.Kind), "PROOFLINE_EVENT_ID="+e.ID, "PROOFLINE_EVENT_FILE="+names["file"]),
	}, nil
}

package change

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// salt is part of the marks of secrets, so that a secret cannot be guessed from its mark
// outside this process.
var salt = func() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}()

// Action is what makes a difference effective.
type Action string

// The actions.
const (
	Nothing Action = "nothing" // a reload applies it at once
	Plugin  Action = "plugin"  // a reload restarts the stage's plugin once it is idle
	Restart Action = "restart" // only a restart of the host applies it
)

// Difference is a difference between two pipelines.
type Difference struct {
	Stage  string `json:"stage,omitempty"` // empty for a key of the whole pipeline
	Path   string `json:"path"`            // path of the key, within the entry of Stage if that is set
	Old    string `json:"was"`             // empty when there was no value, and for secrets
	New    string `json:"is"`              // empty when there is no value, and for secrets
	Action Action `json:"takes"`
	// Redone is true when the work that the stage has done for unfinished blocks is not
	// valid any more.
	Redone bool `json:"redone,omitempty"`
	// Note is a further consequence; empty when there is none.
	Note string `json:"note,omitempty"`
}

// Name returns the full path of the key: "select.every", "stages.prove.timeout".
func (d Difference) Name() string {
	if d.Stage == "" {
		return d.Path
	}
	return strings.TrimSuffix("stages."+d.Stage+"."+d.Path, ".")
}

// String returns for example "select.every: 100 → 10".
func (d Difference) String() string {
	text := d.Name()
	if d.Old != "" || d.New != "" {
		text += fmt.Sprintf(": %s → %s", cmp.Or(d.Old, "(nothing)"), cmp.Or(d.New, "(nothing)"))
	}
	return text
}

// liveKeys are the prefixes of the keys of the file that a running host can change.
var liveKeys = []string{"log.level", "select.", "keep."}

// liveStageKeys are the keys of a stage that a running host can change.
var liveStageKeys = []string{"retry.max", "retry.backoff", "timeout", "stuck_after", "concurrency", "proofs"}

// Compare returns the differences of two pipelines: first those of the whole pipeline,
// then those of each stage of next in their order, then the stages that next does not
// have.
func Compare(old, next Outline) (differences []Difference) {
	if old.Host != next.Host {
		differences = append(differences, Difference{Path: "proofline", Old: old.Host, New: next.Host, Action: Restart})
	}
	for _, path := range keys(old.Settings, next.Settings) {
		action := Restart
		if slices.ContainsFunc(liveKeys, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			action = Nothing
		}
		differences = add(differences, Difference{Path: path, Old: old.Settings[path], New: next.Settings[path], Action: action})
	}
	if a, b := workingOrder(old, next), workingOrder(next, old); a != b {
		differences = append(differences, Difference{Path: "stages", Old: a, New: b, Action: Restart, Note: "the order of the stages"})
	}
	for _, s := range next.Stages {
		i := slices.IndexFunc(old.Stages, func(before Stage) bool { return before.Name == s.Name })
		if i < 0 {
			d := Difference{Stage: s.Name, New: s.Plugin, Action: Restart}
			if s.isReporter() {
				d.Action, d.Note = Nothing, "it hears of what happens from then on"
			}
			differences = append(differences, d)
			continue
		}
		differences = append(differences, compareStage(old.Stages[i], s)...)
	}
	for _, s := range old.Stages {
		if slices.ContainsFunc(next.Stages, func(other Stage) bool { return other.Name == s.Name }) {
			continue
		}
		d := Difference{Stage: s.Name, Old: s.Plugin, Action: Restart, Note: "what it has done counts no more"}
		switch {
		case s.isReporter():
			d.Action, d.Note = Nothing, "what it has not delivered waits, and ends after its lifetime unless the stage comes back"
		case s.Kind == string(contract.KindSource):
			d.Note = "its place in the chain is lost: the next one begins anew"
		}
		differences = append(differences, d)
	}
	return differences
}

// compareStage returns the differences of a stage that both pipelines have.
func compareStage(old, next Stage) (differences []Difference) {
	redone := old.Fingerprint != next.Fingerprint && !next.isReporter()
	renewal := Restart // makes a change effective that needs a new plugin process
	if next.Kind == string(contract.KindSource) || next.isReporter() {
		renewal = Plugin
	}
	if old.Plugin != next.Plugin || old.Kind != next.Kind {
		return []Difference{{Stage: next.Name, Path: "plugin", Old: old.Plugin, New: next.Plugin, Action: Restart, Redone: redone}}
	}
	switch {
	case old.Version != next.Version:
		differences = append(differences, Difference{Stage: next.Name, Path: "plugin", Old: old.Plugin + " " + old.Version, New: next.Plugin + " " + next.Version, Action: renewal, Redone: redone})
	case old.SHA256 != next.SHA256:
		differences = append(differences, Difference{Stage: next.Name, Path: "plugin", Old: short(old.SHA256), New: short(next.SHA256), Action: renewal,
			Note: "another build of the same version: what was made counts on"})
	}
	for _, key := range keys(old.Settings, next.Settings) {
		action := Restart
		switch {
		case slices.Contains(liveStageKeys, key):
			action = Nothing
		case key == "env" || key == "heartbeat_timeout" || strings.HasPrefix(key, "sandbox."):
			action = renewal
		}
		differences = add(differences, Difference{Stage: next.Name, Path: key, Old: old.Settings[key], New: next.Settings[key], Action: action})
	}
	for _, key := range keys(old.Config, next.Config) {
		differences = add(differences, Difference{Stage: next.Name, Path: "config." + key, Old: old.Config[key], New: next.Config[key], Action: renewal, Redone: redone})
	}
	return differences
}

// add appends a difference if its values differ. The values of secrets are removed.
func add(differences []Difference, d Difference) []Difference {
	if d.Old == d.New {
		return differences
	}
	if strings.HasPrefix(d.Old, secretMark) || strings.HasPrefix(d.New, secretMark) {
		d.Old, d.New = "", ""
		d.Note = "a secret"
	}
	return append(differences, d)
}

// workingOrder returns the names of the working stages that both pipelines have, in the
// order of one.
func workingOrder(one, other Outline) string {
	var names []string
	for _, s := range one.Stages {
		if !s.isReporter() && slices.ContainsFunc(other.Stages, func(o Stage) bool { return o.Name == s.Name }) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// isReporter reports whether the stage is a reporter.
func (s Stage) isReporter() bool { return s.Kind == string(contract.KindReporter) }

// keys returns the keys of both maps, sorted and without duplicates.
func keys(a, b map[string]string) []string {
	all := map[string]string{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// short returns the first 12 digits of a digest.
func short(sum string) string { return sum[:min(len(sum), 12)] }

package change

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// salt makes the marks of secrets worthless outside this process.
var salt = func() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}()

// Takes says what a difference takes to become effective.
type Takes string

// What differences take.
const (
	Nothing Takes = "nothing" // a reload applies it at once
	Plugin  Takes = "plugin"  // a reload restarts the stage's plugin once it is idle
	Restart Takes = "restart" // only a restart of the host applies it
)

// Difference is one thing that two pipelines do not have in common.
type Difference struct {
	Stage string `json:"stage,omitempty"` // empty for the pipeline as a whole
	Path  string `json:"path"`            // of the key, below the stage's entry where Stage is set
	Was   string `json:"was"`             // empty for nothing, and for secrets
	Is    string `json:"is"`
	Takes Takes  `json:"takes"`
	// Redone is true where work that the stage has done counts no more for blocks that
	// are not finished.
	Redone bool `json:"redone,omitempty"`
	// Note says what else follows; empty for nothing.
	Note string `json:"note,omitempty"`
}

// Name is the whole path of the difference: "select.every", "stages.prove.timeout".
func (d Difference) Name() string {
	if d.Stage == "" {
		return d.Path
	}
	return strings.TrimSuffix("stages."+d.Stage+"."+d.Path, ".")
}

// String is "select.every: 100 → 10".
func (d Difference) String() string {
	text := d.Name()
	if d.Was != "" || d.Is != "" {
		text += fmt.Sprintf(": %s → %s", orNothing(d.Was), orNothing(d.Is))
	}
	return text
}

func orNothing(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return text
}

// atOnce are the beginnings of keys of the file that a running host can change.
var atOnce = []string{"log.level", "select.", "keep."}

// stageAtOnce are the keys of a stage that a running host can change.
var stageAtOnce = []string{"retry.max", "retry.backoff", "timeout", "stuck_after", "concurrency", "proofs"}

// Compare lists the differences of two pipelines: first those of the whole, then those
// of each stage in the order of is, then the stages that are gone.
func Compare(was, is Outline) (differences []Difference) {
	if was.Host != is.Host {
		differences = append(differences, Difference{Path: "proofline", Was: was.Host, Is: is.Host, Takes: Restart})
	}
	for _, path := range keys(was.Settings, is.Settings) {
		takes := Restart
		if slices.ContainsFunc(atOnce, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			takes = Nothing
		}
		differences = add(differences, Difference{Path: path, Was: was.Settings[path], Is: is.Settings[path], Takes: takes})
	}
	if a, b := workingOrder(was, is), workingOrder(is, was); a != b {
		differences = append(differences, Difference{Path: "stages", Was: a, Is: b, Takes: Restart, Note: "the order of the stages"})
	}
	for _, s := range is.Stages {
		i := slices.IndexFunc(was.Stages, func(old Stage) bool { return old.Name == s.Name })
		if i < 0 {
			d := Difference{Stage: s.Name, Is: s.Plugin, Takes: Restart}
			if reports(s) {
				d.Takes, d.Note = Nothing, "it hears of what happens from then on"
			}
			differences = append(differences, d)
			continue
		}
		differences = append(differences, compareStage(was.Stages[i], s)...)
	}
	for _, s := range was.Stages {
		if slices.ContainsFunc(is.Stages, func(other Stage) bool { return other.Name == s.Name }) {
			continue
		}
		d := Difference{Stage: s.Name, Was: s.Plugin, Takes: Restart, Note: "what it has done counts no more"}
		switch {
		case reports(s):
			d.Takes, d.Note = Nothing, "what it has not delivered waits, and ends after its lifetime unless the stage comes back"
		case s.Kind == string(contract.KindSource):
			d.Note = "its place in the chain is lost: the next one begins anew"
		}
		differences = append(differences, d)
	}
	return differences
}

func compareStage(was, is Stage) (differences []Difference) {
	redone := was.Fingerprint != is.Fingerprint && !reports(is)
	whole := Restart // what a change of the plugin's surroundings takes
	if is.Kind == string(contract.KindSource) || reports(is) {
		whole = Plugin
	}
	if was.Plugin != is.Plugin || was.Kind != is.Kind {
		return []Difference{{Stage: is.Name, Path: "plugin", Was: was.Plugin, Is: is.Plugin, Takes: Restart, Redone: redone}}
	}
	switch {
	case was.Version != is.Version:
		differences = append(differences, Difference{Stage: is.Name, Path: "plugin", Was: was.Plugin + " " + was.Version, Is: is.Plugin + " " + is.Version, Takes: whole, Redone: redone})
	case was.SHA256 != is.SHA256:
		differences = append(differences, Difference{Stage: is.Name, Path: "plugin", Was: short(was.SHA256), Is: short(is.SHA256), Takes: whole,
			Note: "another build of the same version: what was made counts on"})
	}
	for _, key := range keys(was.Settings, is.Settings) {
		takes := Restart
		switch {
		case slices.Contains(stageAtOnce, key):
			takes = Nothing
		case key == "env" || key == "heartbeat_timeout" || strings.HasPrefix(key, "sandbox."):
			takes = whole
		}
		differences = add(differences, Difference{Stage: is.Name, Path: key, Was: was.Settings[key], Is: is.Settings[key], Takes: takes})
	}
	for _, key := range keys(was.Config, is.Config) {
		differences = add(differences, Difference{Stage: is.Name, Path: "config." + key, Was: was.Config[key], Is: is.Config[key], Takes: whole, Redone: redone})
	}
	return differences
}

// add adds a difference where there is one. Secrets are not shown.
func add(differences []Difference, d Difference) []Difference {
	if d.Was == d.Is {
		return differences
	}
	if strings.HasPrefix(d.Was, secretMark) || strings.HasPrefix(d.Is, secretMark) {
		d.Was, d.Is = "", ""
		d.Note = "a secret"
	}
	return append(differences, d)
}

// workingOrder lists the working stages that both have, in the order of one.
func workingOrder(one, other Outline) string {
	var names []string
	for _, s := range one.Stages {
		if !reports(s) && slices.ContainsFunc(other.Stages, func(o Stage) bool { return o.Name == s.Name }) {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

func reports(s Stage) bool { return s.Kind == string(contract.KindReporter) }

func keys(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func short(sum string) string { return sum[:min(len(sum), 12)] }

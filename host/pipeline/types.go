package pipeline

import (
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// How long the past is remembered where the file says nothing.
const (
	DefaultHistory = 30 * 24 * time.Hour
	DefaultFailed  = 90 * 24 * time.Hour
	DefaultFiles   = 7 * 24 * time.Hour
)

// Pipeline is a pipeline file. Its paths are absolute, and its defaults are
// filled; those that depend on a stage's kind are filled by Bind.
type Pipeline struct {
	File    string // as given to Load
	Name    string
	Data    string // absolute; checkpoint and attempts
	Output  string // absolute; what people and scripts read
	Log     Log
	Monitor Monitor
	Select  selection.Selection
	Keep    Keep
	Plugins Plugins
	Stages  []Stage // in the order of the file

	at    map[string]Position // of the values of the file's own keys, by path
	paths paths               // what paths in the file are relative to
}

// Stage returns the stage of that name; nil where there is none.
func (p *Pipeline) Stage(name string) *Stage {
	for i := range p.Stages {
		if p.Stages[i].Name == name {
			return &p.Stages[i]
		}
	}
	return nil
}

// Locate turns what is to be said of one of the file's own keys, such as
// "monitor.listen", into a finding. It has the place of the key, of the section
// above it where the key is absent, or none.
func (p *Pipeline) Locate(severity contract.Severity, path, summary, remedy string) Finding {
	f := Finding{Severity: severity, File: p.File, Path: path, Summary: summary, Remedy: remedy}
	for at := path; at != ""; at = at[:max(0, strings.LastIndexByte(at, '.'))] {
		if place, ok := p.at[at]; ok {
			f.Position = place
			break
		}
	}
	return f
}

// Log is the log section.
type Log struct {
	Level  slog.Level
	Format string // auto, text or json
}

// Monitor is the monitor section.
type Monitor struct {
	Listen     string // host:port; port 0 takes a free one
	StuckAfter time.Duration
	// Token must be shown for everything but the health paths; empty for no token.
	// It is a secret.
	Token string
	// Hosts are names, besides addresses and names that are nobody's on the
	// internet, by which the monitor may be called.
	Hosts []string
	// Prices are what energy and machines cost, in Currency; 0 where nothing is
	// said.
	KWhPrice, GPUHourPrice float64
	Currency               string
}

// Keep is the keep section: how long the past is remembered.
type Keep struct {
	History time.Duration // records of blocks done, dropped, cancelled
	Failed  time.Duration // records of failed blocks
	Files   time.Duration // what failed blocks have left in data/attempts
	Output  time.Duration // the folders of blocks in Pipeline.Output; 0 for ever
}

// Plugins is the plugins section.
type Plugins struct {
	Dirs []string // absolute; searched before the usual places
}

// Retry limits the attempts of one block at one stage.
type Retry struct {
	Max     int           // attempts after the first
	Backoff time.Duration // before the second attempt; doubles from there
}

// Stage is one entry of the stages section.
type Stage struct {
	Name   string
	Plugin string
	// Kind is filled by Bind; empty while the plugin is unknown.
	Kind contract.Kind
	// Config is the config block as canonical JSON: keys sorted, no white space,
	// variables replaced, the plugin's defaults not filled. "{}" where the block
	// is absent. It may hold secrets.
	// Bind makes the paths in it absolute.
	Config json.RawMessage

	// Needs names the working stages that must be done with a block before this
	// one begins: all of them stand before it in the file. The stage's inputs are
	// what they and those that they need have made. Bind fills the default: the
	// working stage before it, shadows passed over unless the stage is one. Empty
	// for the source and for reporters.
	Needs []string
	// Confirm names gates beside which a prover begins. Nothing of the stage is
	// announced before they have agreed, and a refusal cancels it. None of them
	// needs the stage.
	Confirm []string
	// Blocks are the blocks that a builder or prover takes. Bind fills the default:
	// those for which the builders that it needs make an input.
	Blocks selection.Window
	// Shadow marks a builder or prover that works beside the others and is never
	// reported. No other stage needs it or waits for it.
	Shadow bool
	// Sample makes a shadow take one of so many targets; 0 and 1 for each. Bind
	// fills in that of the stages that it needs.
	Sample uint64
	// Proofs names the provers whose proofs a reporter is handed. Bind fills the
	// default: all that are no shadows, gates included, which make no proof. Empty
	// for other kinds.
	Proofs []string

	Retry Retry
	// Timeout ends an attempt. Bind fills the kind's default: 2 hours for provers,
	// 10 minutes for sources and builders, 5 for reporters.
	Timeout          time.Duration
	StuckAfter       time.Duration // degrades health, stops nothing
	HeartbeatTimeout time.Duration // silence after which the plugin counts as hung
	// Concurrency is how many attempts run at once. Bind fills the default: 2 for a
	// source, 8 for a reporter, 1 for other kinds.
	Concurrency int
	Verify      *bool // nil: verify where the prover can
	// Env names variables that the plugin sees besides the usual ones; a trailing
	// * stands for any ending.
	Env []string
	// Sandbox limits what the plugin's processes may reach.
	Sandbox Sandbox
	// Files are the paths that the config names, absolute. Bind fills them.
	Files []string

	file   string
	path   string // "stages[2]"
	places places // of the whole entry; the config block lies under /config
}

// Sandbox is the sandbox section of a stage.
type Sandbox struct {
	Use         string   // auto, always or never
	Read, Write []string // further paths, absolute
	Network     bool
	User        string // as Account's name, number or UID:GID; empty for the host's own
	// Account is User's. Bind fills it where there is such a user.
	Account *account.Account
	// Confined is what Use comes to for the plugin. Bind fills it.
	Confined bool
}

// ScriptReads reports whether a plugin that is a script may read and start all that the
// host's user may: nobody has asked for more than what fits most plugins.
func (s Sandbox) ScriptReads() bool { return s.Use == "auto" }

// Working reports whether blocks go through the stage: it is no reporter. A stage
// whose plugin is not known counts as one.
func (s *Stage) Working() bool { return s.Kind != contract.KindReporter }

// Path is how findings and logs call the stage: its name, or its place in the
// list where it has none.
func (s *Stage) Path() string {
	if s.Name != "" {
		return s.Name
	}
	return s.path
}

// ConfigPosition is the place in the pipeline file of the value that an RFC 6901
// pointer into the stage's config names, or of its nearest ancestor in the file.
func (s *Stage) ConfigPosition(pointer string) Position {
	return s.places.near("/config" + pointer).value
}

// LocatePlugin turns what is to be said of the stage's plugin itself into a
// finding with a place in the pipeline file.
func (s *Stage) LocatePlugin(severity contract.Severity, summary, remedy string) Finding {
	f := s.errorAt("/plugin", summary, remedy)
	f.Severity = severity
	return f
}

// LocateUser turns what is to be said of the user that the stage's plugin runs as into a
// finding with a place in the pipeline file.
func (s *Stage) LocateUser(severity contract.Severity, summary, remedy string) Finding {
	f := s.errorAt("/sandbox/user", summary, remedy)
	f.Severity = severity
	return f
}

// Locate turns what a plugin says of its config block into a finding with a
// place in the pipeline file.
func (s *Stage) Locate(f contract.Finding) Finding {
	return Finding{
		Severity: f.Severity,
		File:     s.file,
		Position: s.ConfigPosition(f.Pointer),
		Path:     s.path + ".config" + dotted(f.Pointer),
		Summary:  f.Summary,
		Remedy:   f.Remedy,
	}
}

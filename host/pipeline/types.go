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

// Defaults of the section keep.
const (
	DefaultHistory = 30 * 24 * time.Hour
	DefaultFailed  = 90 * 24 * time.Hour
	DefaultFiles   = 7 * 24 * time.Hour
)

// Pipeline is the content of a pipeline file. Its paths are absolute. Load fills the
// defaults, except for those that depend on a stage's kind, which Bind fills.
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

// Stage returns the stage of that name, or nil if there is none.
func (p *Pipeline) Stage(name string) *Stage {
	for i := range p.Stages {
		if p.Stages[i].Name == name {
			return &p.Stages[i]
		}
	}
	return nil
}

// Locate returns a finding about one of the file's own keys, such as
// "monitor.listen". Its position is that of the key, or of the section above it if
// the key is absent, or none.
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
	// Token is required for requests to all paths but those of the health; empty for no
	// token. It is a secret.
	Token string
	// Hosts are the public host names by which the monitor may be addressed. Addresses
	// and names that cannot be public are always allowed.
	Hosts []string
	// KWhPrice and GPUHourPrice are the prices of a kilowatt hour and of an hour of one
	// GPU in Currency; 0 if the file has none.
	KWhPrice, GPUHourPrice float64
	Currency               string
}

// Keep is the keep section: how long records and files are kept.
type Keep struct {
	History time.Duration // records of blocks done, dropped, cancelled
	Failed  time.Duration // records of failed blocks
	Files   time.Duration // files of failed blocks in data/attempts
	Output  time.Duration // the folders of blocks in Pipeline.Output; 0 for ever
}

// Plugins is the plugins section.
type Plugins struct {
	Dirs []string // absolute; searched before the usual places
}

// Retry limits the attempts of one block at one stage.
type Retry struct {
	Max     int           // attempts after the first
	Backoff time.Duration // before the second attempt; doubles with each further one
}

// Stage is one entry of the stages section.
type Stage struct {
	Name   string
	Plugin string
	// Kind is filled by Bind. It is empty if the plugin is not known.
	Kind contract.Kind
	// Config is the config block as canonical JSON: keys sorted, no white space,
	// variables replaced, the plugin's defaults not filled. It is "{}" if the block is
	// absent. It may hold secrets. Bind makes the paths in it absolute.
	Config json.RawMessage

	// Needs are the names of the working stages that must be done with a block before
	// this one begins. They stand before it in the file. The stage's inputs are the
	// artifacts of these stages and of all stages that they need. Bind fills the
	// default: the nearest working stage before it that is not a shadow, or any nearest
	// one if the stage is a shadow itself. Empty for the source and for reporters.
	Needs []string
	// Confirm are the names of gates beside which a prover begins. Nothing of the stage
	// is announced before all of them have succeeded, and a failed gate cancels the
	// stage. None of them needs the stage.
	Confirm []string
	// Blocks are the blocks that a builder or prover takes. Bind fills the default: the
	// blocks for which the builders that it needs make an input.
	Blocks selection.Window
	// Shadow marks a builder or prover that works beside the others and is never
	// reported. Only other shadows can need it.
	Shadow bool
	// Sample n makes a shadow take one of n targets; 0 and 1 mean every target. Bind
	// fills the default: the sample of the stages that it needs.
	Sample uint64
	// Proofs are the names of the provers whose proofs a reporter gets. Bind fills the
	// default: all provers, gates included, that are not shadows. Empty for other
	// kinds.
	Proofs []string

	Retry Retry
	// Timeout is the longest time of an attempt. Bind fills the kind's default: 2 hours
	// for provers, 10 minutes for sources and builders, 5 minutes for reporters.
	Timeout          time.Duration
	StuckAfter       time.Duration // time for one block after which the health is degraded
	HeartbeatTimeout time.Duration // time without a message after which the plugin counts as hung
	// Concurrency is the number of attempts that run at once. Bind fills the default: 2
	// for a source, 8 for a reporter, 1 for other kinds.
	Concurrency int
	Verify      *bool // nil: verify if the prover can
	// Env are the names of variables that the plugin gets besides the usual ones. A
	// trailing * stands for any ending.
	Env []string
	// Sandbox limits what the plugin's processes may reach.
	Sandbox Sandbox
	// Files are the absolute paths in the config. Bind fills them.
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
	User        string // name, number or UID:GID; empty for the user of the host
	// Account is the account of User. Bind fills it if there is such a user.
	Account *account.Account
	// Confined is whether Use confines this plugin. Bind fills it.
	Confined bool
}

// ScriptReads reports whether a plugin that is a script may read and execute every
// file that the host's user may. It may not if the file asks for a sandbox explicitly.
func (s Sandbox) ScriptReads() bool { return s.Use == "auto" }

// Working reports whether blocks go through the stage, which is so for every kind but
// reporters. It is true for a stage whose plugin is not known.
func (s *Stage) Working() bool { return s.Kind != contract.KindReporter }

// Path returns the name of the stage for findings and logs, or its place in the list
// if it has no name.
func (s *Stage) Path() string {
	if s.Name != "" {
		return s.Name
	}
	return s.path
}

// ConfigPosition returns the position of the value at an RFC 6901 pointer into the
// stage's config, or of its nearest ancestor in the pipeline file.
func (s *Stage) ConfigPosition(pointer string) Position {
	return s.places.near("/config" + pointer).value
}

// LocatePlugin returns a finding about the stage's plugin, with the position of the
// key plugin.
func (s *Stage) LocatePlugin(severity contract.Severity, summary, remedy string) Finding {
	f := s.errorAt("/plugin", summary, remedy)
	f.Severity = severity
	return f
}

// LocateUser returns a finding about the user of the stage's plugin, with the position
// of the key sandbox.user.
func (s *Stage) LocateUser(severity contract.Severity, summary, remedy string) Finding {
	f := s.errorAt("/sandbox/user", summary, remedy)
	f.Severity = severity
	return f
}

// Locate converts a plugin's finding about its config block to one with a position in
// the pipeline file.
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

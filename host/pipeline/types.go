package pipeline

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Defaults of the fields that a pipeline file may leave out.
const (
	DefaultData      = "./data"
	DefaultOutput    = "./output"
	DefaultListen    = "0.0.0.0:4000"
	DefaultStuck     = time.Hour
	DefaultDropAfter = 7 * 24 * time.Hour
	DefaultHistory   = 30 * 24 * time.Hour
	DefaultFailed    = 90 * 24 * time.Hour
	DefaultFiles     = 7 * 24 * time.Hour
	DefaultRepair    = 128 // the window in which most nodes can make a witness
	DefaultHeartbeat = time.Minute
	DefaultRetryMax  = 2
	DefaultBackoff   = 5 * time.Second

	fetchTimeout     = 10 * time.Minute
	buildTimeout     = 10 * time.Minute
	reportTimeout    = 5 * time.Minute
	fetchConcurrency = 2
	// reportConcurrency keeps one report that hangs from holding up those of other
	// blocks.
	reportConcurrency = 8
	maxRepair         = 100_000
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
	Select  Select
	Keep    Keep
	Plugins Plugins
	Stages  []Stage // in the order of the file
}

// Log is the log section.
type Log struct {
	Level slog.Level
}

// Monitor is the monitor section.
type Monitor struct {
	Listen     string // host:port; port 0 takes a free one
	StuckAfter time.Duration
}

// Order says which of the waiting blocks is worked on next.
type Order string

// The orders.
const (
	NewestFirst Order = "newest_first"
	OldestFirst Order = "oldest_first"
)

// Select is the select section: which blocks become jobs.
type Select struct {
	contract.Selection
	// Blocks are asked for by number, beside the selection. Every is 0 where the
	// file lists blocks and says nothing else.
	Blocks []uint64
	Order  Order
	// DropAfter is the age at which a block that was never announced is left
	// out; 0 for never.
	DropAfter time.Duration
	// Repair is the window behind the head, in blocks, in which nodes can make a
	// witness: it is looked through for missed targets, and a block that is about
	// to leave it is fetched first; 0 for neither.
	Repair uint64
}

// Keep is the keep section: how long the past is remembered.
type Keep struct {
	History time.Duration // records of blocks done, dropped, cancelled
	Failed  time.Duration // records of failed blocks
	Files   time.Duration // what failed blocks have left in data/attempts
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
	Config json.RawMessage
	Retry  Retry
	// Timeout ends an attempt. Bind fills the kind's default: twice StuckAfter
	// for provers, 10 minutes for sources and builders, 5 for reporters.
	Timeout          time.Duration
	StuckAfter       time.Duration // degrades health, stops nothing
	HeartbeatTimeout time.Duration // silence after which the plugin counts as hung
	// Concurrency is how many attempts run at once. Bind fills the default: 2
	// for a source, 8 for a reporter, 1 for other kinds.
	Concurrency int
	Verify      *bool // nil: verify where the prover can
	// Env names variables that the plugin sees besides the usual ones; a trailing
	// * stands for any ending.
	Env []string

	file   string
	path   string // "stages[2]"
	places places // of the whole entry; the config block lies under /config
}

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

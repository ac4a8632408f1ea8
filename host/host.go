package host

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/outbox"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// graces are the times that an orderly stop waits.
type graces struct {
	attempt time.Duration // for running attempts to finish
	handler time.Duration // for a plugin to give up a cancelled attempt
	flush   time.Duration // for due events to be sent
	limited time.Duration // the same, at the end of a limited run or a drain
	stop    time.Duration // for plugins to end by themselves
}

// defaultGraces are the times of a host outside of tests.
var defaultGraces = graces{
	attempt: 10 * time.Second, handler: launch.DefaultGrace, flush: 5 * time.Second, limited: time.Minute, stop: 20 * time.Second,
}

// Options are the parameters of Run.
type Options struct {
	Pipeline *pipeline.Pipeline // loaded and bound, without errors
	Catalog  *catalog.Catalog
	// Limit is the number of blocks after whose end, done or failed, the run ends; 0 for
	// no limit.
	Limit int
	// Hard cuts an orderly stop short when it ends. It is the operator's second signal,
	// and ends after the context of Run.
	Hard context.Context
	// Chain checks the chain id of the blocks in the data directory, or 0 when it has none,
	// before anything is started. An error ends the run. Nil accepts every chain.
	Chain   func(known uint64) error
	Version string
	// Keeper is the command line that starts a keeper; nil for the default.
	Keeper []string
	Log    *slog.Logger
	// Level is the level of Log. Commands and a changed file set it. It is nil when the
	// level cannot be changed.
	Level *slog.LevelVar
	// Show is called once at the start with a function that returns the current overview.
	// It may be nil.
	Show func(overview func() live.Overview)
	// Reload reads the pipeline file again and returns it loaded and bound, without errors.
	// It is nil when the file cannot be read again.
	Reload func(context.Context) (*pipeline.Pipeline, error)
	// ReloadSignal makes the host read the pipeline file again at every signal; nil for
	// never.
	ReloadSignal <-chan os.Signal
	// Up is called once when everything runs, with the address of the monitor.
	Up func(monitor string)

	grace graces // the zero value stands for defaultGraces
}

// host is a running pipeline.
type host struct {
	Options
	started time.Time
	store   *checkpoint.Store
	files   *artifact.Store
	run     *launch.Run

	ledger history.Ledger

	mu        sync.Mutex  // guards stages, reporters, sending and ending
	stages    []*stage    // every stage, in pipeline order; replaced, never changed
	reporters []*reporter // complete before engine is set; replaced, never changed
	engine    atomic.Pointer[engine.Engine]

	current   atomic.Pointer[pipeline.Pipeline] // the file after a reload; nil before the first
	model     *live.Model
	reloading sync.Mutex      // held during a reload
	senders   sync.WaitGroup  // the running senders, see sendWith
	sending   context.Context // of the senders
	ending    context.Context // ends with the engine; nil until the engine starts
}

// stage is a configured stage and its supervised process.
type stage struct {
	config pipeline.Stage
	binary catalog.Binary
	*launch.Stage
}

// reporter is a reporter stage and the sender of its events.
type reporter struct {
	stage  *stage
	sender *outbox.Sender
	stop   func() // stops the sender and waits for it; nil until the sender runs
}

// engineReporter returns a reporter stage as the engine needs it.
func (s *stage) engineReporter() engine.Reporter {
	m := s.binary.Manifest
	return engine.Reporter{Name: s.config.Name, Wants: m.Events, Proofs: s.config.Proofs, AllArtifacts: m.Has(contract.CapabilityArtifacts)}
}

// file returns the pipeline file as it is applied now.
func (h *host) file() *pipeline.Pipeline {
	if current := h.current.Load(); current != nil {
		return current
	}
	return h.Pipeline
}

// currentStages returns the current stages, in the order of the file.
func (h *host) currentStages() []*stage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stages
}

// currentReporters returns the current reporters, in the order of the file.
func (h *host) currentReporters() []*reporter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reporters
}

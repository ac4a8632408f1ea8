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

// graces are the times of an orderly end.
type graces struct {
	attempt time.Duration // running attempts may finish
	handler time.Duration // what was cut off may let go of its work
	flush   time.Duration // due events may be sent
	limited time.Duration // the same, at the end of a limited run or a drain
	stop    time.Duration // plugins may end in good order
}

var usualGraces = graces{
	attempt: 10 * time.Second, handler: launch.DefaultGrace, flush: 5 * time.Second, limited: time.Minute, stop: 20 * time.Second,
}

// Options say what to run.
type Options struct {
	Pipeline *pipeline.Pipeline // loaded and bound, without errors
	Catalog  *catalog.Catalog
	// Limit ends the run after so many blocks are done or failed; 0 for none.
	Limit int
	// Hard cuts an orderly end short: the operator's second signal. It ends after
	// the context of Run.
	Hard context.Context
	// Chain judges the chain of the blocks that the data directory holds, 0 for none,
	// before anything is started; nil takes each.
	Chain   func(known uint64) error
	Version string
	// Keeper is the command line that starts a keeper; nil for the usual one.
	Keeper []string
	Log    *slog.Logger
	// Level is that of Log, which commands and a changed file may set; nil where they
	// may not.
	Level *slog.LevelVar
	// Show is called once at the start, with what asks for the present picture; nil
	// for nobody who looks.
	Show func(overview func() live.Overview)
	// Reload reads the pipeline file again: loaded and bound, without errors. Nil where
	// that is not possible.
	Reload func(context.Context) (*pipeline.Pipeline, error)
	// Again has the pipeline file read again whenever something comes; nil for never.
	Again <-chan os.Signal
	// Up is called once when everything runs, with the monitor's address.
	Up func(monitor string)

	grace graces // the zero value stands for usualGraces
}

// host is a running pipeline.
type host struct {
	Options
	started time.Time
	store   *checkpoint.Store
	files   *artifact.Store
	run     *launch.Run

	ledger history.Ledger

	mu        sync.Mutex
	stages    []*stage    // every stage, in pipeline order; replaced, never changed
	reporters []*reporter // complete before the engine is set; replaced, never changed
	engine    atomic.Pointer[engine.Engine]

	current   atomic.Pointer[pipeline.Pipeline] // the file since it was read again; nil before
	model     *live.Model
	reloading sync.Mutex     // held while the file is read again and applied
	senders   sync.WaitGroup // running, see sendWith
	sending   context.Context
	ending    context.Context // ends when the engine has
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
	stop   func() // of the sender, once it works
}

// reports describes a reporter stage to the engine.
func (s *stage) reports() engine.Reporter {
	m := s.binary.Manifest
	return engine.Reporter{Name: s.config.Name, Wants: m.Events, Proofs: s.config.Proofs, AllArtifacts: m.Has(contract.CapabilityArtifacts)}
}

// file is the pipeline file that counts at this instant.
func (h *host) file() *pipeline.Pipeline {
	if current := h.current.Load(); current != nil {
		return current
	}
	return h.Pipeline
}

// staged lists the stages of this instant, in the order of the file.
func (h *host) staged() []*stage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stages
}

// reporting lists the reporters of this instant.
func (h *host) reporting() []*reporter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reporters
}

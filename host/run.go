package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/monitor"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/outbox"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// Outcome is the result of a run.
type Outcome struct {
	Finished []status.Job // the jobs of a limited run that are done or failed, in the order of their ends
}

// Run runs the pipeline until ctx ends or Options.Limit blocks are finished. It leaves no
// process behind and returns nil after an orderly stop.
func Run(ctx context.Context, o Options) (outcome Outcome, err error) {
	if o.Hard == nil {
		o.Hard = context.Background()
	}
	if o.grace == (graces{}) {
		o.grace = defaultGraces
	}
	lines := &live.Log{}
	o.Log = slog.New(lines.Handler(o.Log.Handler()))
	h := &host{Options: o, started: time.Now()}
	var release closers
	defer func() { err = errors.Join(err, release.close()) }()

	chain, err := h.openData(ctx, &release)
	if err != nil {
		return outcome, err
	}
	address, err := h.serve(ctx, lines, &release)
	if err != nil {
		return outcome, err
	}
	release.add(h.stopStages)
	if err := h.startStages(ctx); err != nil {
		return outcome, err
	}
	if err := h.checkChain(chain); err != nil {
		return outcome, err
	}
	if err := h.assemble(chain); err != nil {
		return outcome, err
	}
	if err := h.saveOutline(); err != nil {
		return outcome, fmt.Errorf("save the outline of the running pipeline: %w", err)
	}
	if o.Up != nil {
		o.Up(address)
	}

	err = h.work(ctx)
	outcome.Finished = h.engine.Load().Finished()
	return outcome, errors.Join(err, history.WithReports(h.store, outcome.Finished))
}

// openData opens the checkpoint and the directories of the pipeline and records the begin
// of the run. It returns the chain id of the blocks in the checkpoint, 0 without blocks.
func (h *host) openData(ctx context.Context, release *closers) (chain uint64, err error) {
	if h.store, err = offline.OpenCheckpoint(h.Pipeline.Data); err != nil {
		return 0, err
	}
	release.add(h.store.Close)
	chain, err = offline.ChainOf(h.store)
	if err == nil && h.Chain != nil {
		err = h.Chain(chain)
	}
	if err != nil {
		return 0, err
	}
	if h.files, err = artifact.Open(h.Pipeline.Data, h.Pipeline.Output); err != nil {
		return 0, err
	}
	h.files.Owner = h.user
	if h.run, err = launch.OpenRun(ctx, h.Pipeline.Data, h.Log); err != nil {
		return 0, err
	}
	h.run.Keeper = h.Keeper
	release.add(h.run.Close)
	if err := h.begin(); err != nil {
		return 0, err
	}
	release.add(func() error { return h.store.End(h.run.ID, time.Now()) })
	return chain, nil
}

// serve starts the monitor and the control socket. Both answer already while the plugins
// start. It returns the address of the monitor.
func (h *host) serve(ctx context.Context, lines *live.Log, release *closers) (monitorAddress string, err error) {
	h.model = h.newModel(lines)
	h.store.Committed = h.model.Committed
	h.model.Observe(&rootSpans{pipeline: h.Pipeline.Name, exported: map[string]time.Time{}})
	server, err := monitor.Start(monitor.Config{
		Listen: h.Pipeline.Monitor.Listen, Token: h.Pipeline.Monitor.Token, Hosts: h.Pipeline.Monitor.Hosts,
		Pipeline: h, Model: h.model, Graph: h.graph(), Log: h.Log,
	})
	if err != nil {
		return "", err
	}
	release.add(func() error { return closeServer(server.Close) })
	release.add(runModel(ctx, h.model))
	if h.Show != nil {
		h.Show(h.model.Overview)
	}

	commands, err := control.Serve(h.socket(), h, h.Log)
	if err != nil {
		return "", err
	}
	release.add(func() error { return closeServer(commands.Close) })
	withdraw, err := control.Announce(h.Pipeline.Data, control.Record{PID: os.Getpid(), Socket: h.socket(), Started: h.started})
	if err != nil {
		return "", err
	}
	release.add(withdraw)
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() { h.watchSocket(watching, commands, h.socket()) })
	release.add(func() error { stopWatching(); watch.Wait(); return nil })
	return server.Addr(), nil
}

// begin records the begin of the run and logs how the one before ended.
func (h *host) begin() error {
	previous, err := h.store.Begin(record.Run{ID: h.run.ID, PID: os.Getpid(), Started: h.started, Version: h.Version})
	if err != nil {
		return fmt.Errorf("record the start: %w", err)
	}
	// Tries of an earlier host have ended, so their files are not needed.
	if err := h.files.Release(artifact.ForAlerts); err != nil {
		h.Log.Warn("what alerts of an earlier run have left could not be removed", "error", err)
	}
	switch {
	case previous == nil:
		if ids, err := h.files.Jobs(); err == nil && len(ids) > 0 {
			h.Log.Warn("the data directory holds work of earlier runs, but their checkpoint is gone: the pipeline starts anew", "data", h.file().Data)
		}
	case previous.Stopped.IsZero():
		h.Log.Warn("the run before did not end in good order; its work goes on", "pid", previous.PID, "started", previous.Started)
	}
	return nil
}

// socket returns the path of the control socket.
func (h *host) socket() string { return filepath.Join(h.run.Sockets, "control.sock") }

// work runs the engine, the senders and the helpers until the engine ends. Then it sends
// the due events and removes old files.
func (h *host) work(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	h.mu.Lock()
	h.sending = background
	for _, r := range h.reporters {
		h.sendWith(r)
	}
	h.mu.Unlock()
	helpers.Go(func() { h.watch(background) })
	helpers.Go(func() { h.logProgress(background) })
	helpers.Go(func() { h.tidy(background) })
	helpers.Go(func() { outbox.NewExpiry(h.store, h.reporterNames, h.Log).Run(background) })

	// The second signal does not wait for plugins that do not give up their attempts.
	cut := context.AfterFunc(h.Hard, func() { _ = h.stopStages() }) // Run stops them again and returns the error
	defer cut()

	ending, end := context.WithCancel(background)
	defer end()
	h.mu.Lock()
	h.ending = ending
	h.mu.Unlock()
	helpers.Go(func() { h.reloadOnSignal(background) })
	helpers.Go(func() { h.notifyServiceManager(ending) })
	err := h.engine.Load().Run(ctx, h.Hard)
	end()

	grace := h.grace.flush
	if ctx.Err() == nil { // the engine has ended by itself
		grace = h.grace.limited
	}
	flush, cancel := context.WithTimeout(h.Hard, grace)
	defer cancel()
	for range 2 { // a delivery or rejection causes events for other reporters
		for _, r := range h.currentReporters() {
			r.sender.Flush(flush)
		}
	}
	h.reloading.Lock() // waits for a running reload and prevents another
	defer h.reloading.Unlock()
	stopBackground()
	helpers.Wait()
	h.senders.Wait()
	if h.Hard.Err() != nil {
		return err
	}
	if failed := h.tidyOnce(time.Now()); failed != nil {
		h.Log.Warn("old files or records could not be removed", "error", failed)
	}
	return err
}

// closeServer closes a server and waits at most two seconds for its running requests.
func closeServer(end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := end(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

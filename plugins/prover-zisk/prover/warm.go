package prover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/server"
	"github.com/proofline/proofline/sdk"
)

// warm makes the proofs of a stage with a server that stays loaded between them.
// A server is single-use after any failure: one whose proof failed refuses
// everything, and how sound it is cannot be asked. Its methods may be called
// concurrently; one proof runs at a time.
type warm struct {
	p    *Prover
	turn chan struct{} // filled while a proof runs

	mu      sync.Mutex
	current *warmServer // the last one started; nil before the first
}

func newWarm(p *Prover) *warm { return &warm{p: p, turn: make(chan struct{}, 1)} }

// serverCommand returns the arguments of the server.
func (p *Prover) serverCommand() ([]string, error) {
	return p.version.ServerCommand(p.request("", ""), p.config.ServerPort)
}

// filePrefix begins the names of the files that the server writes.
const filePrefix = "proof"

// prove has the server make a proof, and returns the server that did. When it
// returns an error, the server is gone with everything that it had.
func (w *warm) prove(ctx context.Context, t *sdk.Task, input string) (finished, *warmServer, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return finished{}, nil, sdk.Interrupted(context.Cause(ctx))
	}
	var s *warmServer
	done, err := w.p.attempt(t, func(r run) (out outcome, err error) {
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		silent := r.watch(stop)
		defer silent.stop()
		said := &reader{run: r, reset: silent.reset}
		job := server.Job{Input: input, Folder: outputDir(t), Prefix: filePrefix, MinimalMemory: w.p.config.MinimalMemory}
		s, out, err = w.ask(ctx, said, job)
		return out, err
	})
	return done, s, err
}

// ask has the running server, or a new one, make the proof.
func (w *warm) ask(ctx context.Context, said *reader, job server.Job) (*warmServer, outcome, error) {
	s, fresh, err := w.ready(ctx, said)
	if err != nil {
		return nil, outcome{}, err
	}
	begin := time.Now()
	err = s.begin(ctx, job)
	if !fresh && (errors.Is(err, server.ErrUnreachable) || errors.Is(err, server.ErrBusy)) && ctx.Err() == nil {
		// It was sound when the last proof ended and is not any more. This proof
		// did not begin, so that another server costs nothing.
		said.log.Warn("the server takes no proof; a new one is started", "error", err)
		s.end(err)
		if s, _, err = w.ready(ctx, said); err != nil {
			return nil, outcome{}, err
		}
		begin = time.Now()
		err = s.begin(ctx, job)
	}
	if err == nil {
		if said.started != nil {
			said.started()
		}
		limited, cancel := w.p.limited(ctx, said.gas)
		defer cancel()
		ctx = limited
		err = s.await(ctx, outputs(w.p.version, job))
	}
	out := outcome{start: begin, wall: time.Since(begin)}
	if err != nil {
		return nil, out, s.fail(ctx, said, err)
	}
	s.detach()
	out.summary = said.summary
	if failure := said.diagnosis.Explain(zisk.Exit{}); failure != nil {
		err := tool.Classify(failure)
		s.end(err)
		return nil, out, err
	}
	for from, to := range outputs(w.p.version, job) {
		if err := os.Rename(from, to); err != nil {
			return s, out, err
		}
	}
	return s, out, nil
}

// outputs maps the paths that the server writes to those of the version's own
// names.
func outputs(v zisk.Version, job server.Job) map[string]string {
	files := make(map[string]string)
	for _, name := range v.Outputs() {
		files[filepath.Join(job.Folder, job.Prefix+"-"+name)] = filepath.Join(job.Folder, name)
	}
	return files
}

// ready returns the server, started anew where there is none that can be
// trusted, with its output going to said.
func (w *warm) ready(ctx context.Context, said *reader) (s *warmServer, fresh bool, err error) {
	w.mu.Lock()
	s = w.current
	w.mu.Unlock()
	if s != nil {
		reason := s.distrusted()
		if reason == nil && s.attach(said) {
			return s, false, nil
		}
		s.end(reason)
	}
	s, err = w.start(ctx, said)
	if err != nil {
		return nil, true, err
	}
	if err := s.awaitStart(ctx); err != nil {
		return nil, true, s.fail(ctx, said, err)
	}
	said.log.Debug("the server is ready", "pid", s.pid.Load())
	return s, true, nil
}

// start starts a server, which holds the cards until it is gone.
func (w *warm) start(ctx context.Context, said *reader) (*warmServer, error) {
	p := w.p
	lock, err := p.lock(ctx, said.log)
	if err != nil {
		return nil, err
	}
	s, err := w.launch(said)
	if err != nil {
		lock.Release()
		return nil, err
	}
	p.background.Go(func() {
		defer close(s.gone)
		pids, log := s.run()
		p.handOn(lock, pids, log)
	})
	w.mu.Unlock()
	return s, nil
}

// launch prepares a server and makes it the current one. It returns with the
// lock held unless it fails, so that close does not come between.
func (w *warm) launch(said *reader) (*warmServer, error) {
	p := w.p
	if err := p.checkPorts(); err != nil {
		return nil, err
	}
	if err := occupied(p.config.ServerPort, 1); err != nil {
		return nil, sdk.Environment(fmt.Errorf("the server needs port %d: %w", p.config.ServerPort, err), "stop that process, or set another `server_port`")
	}
	args, err := p.serverCommand()
	if err != nil {
		return nil, sdk.Environment(err, "set `server: off`")
	}
	// The server writes a log to its working directory that nobody bounds.
	dir := filepath.Join(p.stateDir, "server")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return nil, sdk.Environment(fmt.Errorf("working directory of the server: %w", err), "make the data directory writable for this user")
	}
	w.mu.Lock()
	if err := p.life.Err(); err != nil {
		w.mu.Unlock()
		return nil, sdk.Interrupted(fmt.Errorf("the stage ends: %w", err))
	}
	w.current = newWarmServer(p, args, dir, said)
	return w.current, nil
}

// distrust has the next proof made by a new server.
func (w *warm) distrust(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current != nil {
		w.current.distrust(err)
	}
}

// close ends the server: in good order when it is idle, and at once when it
// proves. No other one starts, because the stage's life is over.
func (w *warm) close() {
	w.mu.Lock()
	s := w.current
	w.mu.Unlock()
	if s != nil {
		s.shutdown()
	}
}

// discard is where lines of the server go between proofs.
func discard(log *slog.Logger) *reader { return &reader{run: run{log: log}, reset: func() {}} }

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

// warmProver makes the proofs of a stage with a server that stays loaded between them. A
// server is ended after any failure, because it then refuses every request, and cannot be
// asked whether it still works. Methods may be called concurrently; one proof runs at a
// time.
type warmProver struct {
	p    *Prover
	slot chan struct{} // full while a proof runs

	mu      sync.Mutex
	current *warmServer // the server that was started last; nil before the first
}

func newWarmProver(p *Prover) *warmProver {
	return &warmProver{p: p, slot: make(chan struct{}, 1)}
}

// serverCommand returns the arguments of the server.
func (p *Prover) serverCommand() ([]string, error) {
	return p.version.ServerCommand(p.request("", ""), p.config.ServerPort)
}

// filePrefix begins the names of the files that the server writes.
const filePrefix = "proof"

// prove has a server make a proof, and returns that server. If it returns an error, the
// server and its processes have ended.
func (w *warmProver) prove(ctx context.Context, t *sdk.Task, input string) (finishedRun, *warmServer, error) {
	select {
	case w.slot <- struct{}{}:
		defer func() { <-w.slot }()
	case <-ctx.Done():
		return finishedRun{}, nil, sdk.Interrupted(context.Cause(ctx))
	}
	var s *warmServer
	done, err := w.p.attempt(t, func(r run) (out outcome, err error) {
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		silent := r.watch(stop)
		defer silent.stop()
		output := &outputReader{run: r, reset: silent.reset}
		job := server.Job{Input: input, Folder: outputDir(t), Prefix: filePrefix, MinimalMemory: w.p.config.MinimalMemory}
		s, out, err = w.proveJob(ctx, output, job)
		return out, err
	})
	return done, s, err
}

// proveJob has the running server, or a new one, make a proof. The server's lines go to
// output.
func (w *warmProver) proveJob(ctx context.Context, output *outputReader, job server.Job) (*warmServer, outcome, error) {
	s, fresh, err := w.ready(ctx, output)
	if err != nil {
		return nil, outcome{}, err
	}
	begin := time.Now()
	err = s.begin(ctx, job)
	if !fresh && (errors.Is(err, server.ErrUnreachable) || errors.Is(err, server.ErrBusy)) && ctx.Err() == nil {
		// The server worked when the last proof ended and does not any more. This proof
		// has not begun, so that another server costs no attempt.
		output.log.Warn("the server takes no proof; a new one is started", "error", err)
		s.end(err)
		if s, _, err = w.ready(ctx, output); err != nil {
			return nil, outcome{}, err
		}
		begin = time.Now()
		err = s.begin(ctx, job)
	}
	if err == nil {
		if output.started != nil {
			output.started()
		}
		limited, cancel := w.p.withDeadline(ctx, output.gas)
		defer cancel()
		ctx = limited
		err = s.await(ctx, outputs(w.p.version, job))
	}
	out := outcome{start: begin, wall: time.Since(begin)}
	if err != nil {
		return nil, out, s.fail(ctx, output, err)
	}
	s.detach()
	out.summary = output.summary
	if failure := output.diagnosis.Explain(zisk.Exit{}); failure != nil {
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

// outputs maps the paths of the files that the server writes to the paths with the names
// that the version's own command gives them.
func outputs(v zisk.Version, job server.Job) map[string]string {
	files := make(map[string]string)
	for _, name := range v.Outputs() {
		files[filepath.Join(job.Folder, job.Prefix+"-"+name)] = filepath.Join(job.Folder, name)
	}
	return files
}

// ready returns a server whose lines go to output. It starts a new server, and reports
// fresh, if there is none that can be trusted.
func (w *warmProver) ready(ctx context.Context, output *outputReader) (s *warmServer, fresh bool, err error) {
	w.mu.Lock()
	s = w.current
	w.mu.Unlock()
	if s != nil {
		reason := s.distrusted()
		if reason == nil && s.attach(output) {
			return s, false, nil
		}
		s.end(reason)
	}
	s, err = w.start(ctx, output)
	if err != nil {
		return nil, true, err
	}
	if err := s.awaitStart(ctx); err != nil {
		return nil, true, s.fail(ctx, output, err)
	}
	output.log.Debug("the server is ready", "pid", s.pid.Load())
	return s, true, nil
}

// start starts a server, which holds the cards until it has ended.
func (w *warmProver) start(ctx context.Context, output *outputReader) (*warmServer, error) {
	p := w.p
	lock, err := p.lock(ctx, output.log)
	if err != nil {
		return nil, err
	}
	s, err := w.launch(output)
	if err != nil {
		lock.Release()
		return nil, err
	}
	p.background.Go(func() {
		defer close(s.ended)
		pids, log := s.run()
		p.releaseCards(lock, pids, log)
	})
	w.mu.Unlock()
	return s, nil
}

// launch prepares a server and makes it the current one. Unless it fails it returns with
// w.mu held, so that close cannot run before the server has been started.
func (w *warmProver) launch(output *outputReader) (*warmServer, error) {
	p := w.p
	if err := p.checkPorts(); err != nil {
		return nil, err
	}
	if err := checkFree(p.config.ServerPort, 1); err != nil {
		return nil, sdk.Environment(fmt.Errorf("the server needs port %d: %w", p.config.ServerPort, err), "stop that process, or set another `server_port`")
	}
	args, err := p.serverCommand()
	if err != nil {
		return nil, sdk.Environment(err, "set `server: off`")
	}
	// The server writes a log of unlimited size to its working directory.
	dir := filepath.Join(p.stateDir, "server")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return nil, sdk.Environment(fmt.Errorf("working directory of the server: %w", err), "make the data directory writable for this user")
	}
	w.mu.Lock()
	if err := p.life.Err(); err != nil {
		w.mu.Unlock()
		return nil, sdk.Interrupted(fmt.Errorf("the stage ends: %w", err))
	}
	w.current = newWarmServer(p, args, dir, output)
	return w.current, nil
}

// distrust has the next proof made by a new server. The error is the reason.
func (w *warmProver) distrust(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current != nil {
		w.current.setDistrust(err)
	}
}

// close ends the server, in an orderly way if it is idle, and at once if it proves. No
// other server starts afterwards, because the context of the stage has ended.
func (w *warmProver) close() {
	w.mu.Lock()
	s := w.current
	w.mu.Unlock()
	if s != nil {
		s.shutdown()
	}
}

// logOnly returns a reader for the lines that the server prints between two proofs.
func logOnly(log *slog.Logger) *outputReader {
	return &outputReader{run: run{log: log}, reset: func() {}}
}

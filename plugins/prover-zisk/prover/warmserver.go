package prover

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-zisk/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// Intervals and timeouts of the requests to the server.
const (
	// fileInterval is the time between two checks for the files of a running proof.
	fileInterval = 10 * time.Millisecond
	// statusInterval is the time between an answer "working" and the next request for
	// the status. closingInterval replaces it when all files exist.
	statusInterval  = 2 * time.Second
	closingInterval = 20 * time.Millisecond
	// statusTimeout is the time limit of a request for the status, which the server
	// answers only after the proof.
	statusTimeout = time.Minute
	// callTimeout is the time limit of a request that an idle server answers at once.
	callTimeout = 10 * time.Second
	// panicGrace is the time that a server has after a panic to print the rest of the
	// message and to end by itself.
	panicGrace = 500 * time.Millisecond
	// closingTimeout is the longest time from the last file of a proof until the server
	// is idle.
	closingTimeout = 30 * time.Second
)

var (
	errServerEnded  = errors.New("the server ended in the middle of a proof")
	errServerPanic  = errors.New("the server panicked and would refuse every further proof")
	errServerIdle   = errors.New("the server is idle again but has not written all files of the proof")
	errServerBusy   = errors.New("the server has written all files of the proof but does not become idle")
	errServerClosed = errors.New("the stage ends")
	errServerStart  = errors.New("the server takes no requests yet, and setup_timeout is over")
)

// warmServer is one server process. Its methods may be called concurrently.
type warmServer struct {
	p      *Prover
	client server.Client
	args   []string
	dir    string
	life   context.Context // ends when the process is to end; its cause is the reason
	stop   context.CancelCauseFunc
	pid    atomic.Int64
	ended  chan struct{} // closed when the process and its descendants have ended
	exit   *process.Exit // valid after ended; nil if the process did not start
	err    error         // valid after ended

	idle     chan struct{} // full after the server has printed that it waits for requests
	panicked chan struct{} // full after the server has printed a panic

	mu       sync.Mutex
	output   *outputReader // gets the lines; nil between proofs
	distrust error         // why the server gets no further proof; nil if it may
}

func newWarmServer(p *Prover, args []string, dir string, output *outputReader) *warmServer {
	s := &warmServer{p: p, client: server.Client{Port: p.config.ServerPort}, args: args, dir: dir, ended: make(chan struct{}),
		idle: make(chan struct{}, 1), panicked: make(chan struct{}, 1), output: output}
	s.life, s.stop = context.WithCancelCause(context.Background())
	return s
}

// run runs the process to its end and cleans up after it. It returns the ids of
// the processes that may still hold memory of the cards.
func (s *warmServer) run() ([]int, *slog.Logger) {
	p := s.p
	p.log.Debug("cargo-zisk", "args", s.args)
	s.exit, s.err = p.command(s.args, s.dir, nil, func(line string) { s.line(line, (*outputReader).stdout) }, func(line string) { s.line(line, (*outputReader).stderr) }).Run(s.life)
	if s.life.Err() == nil && p.life.Err() == nil {
		s.mu.Lock()
		if s.output == nil {
			p.log.Warn("the server ended between two proofs; the next one starts another", "error", s.err)
		}
		s.mu.Unlock()
	}
	pids, err := p.clean(p.log)
	if err != nil {
		p.log.Warn("the server left something behind", "error", err)
		s.err = errors.Join(s.err, err)
	}
	return pids, p.log
}

// line calls handle with the reader of the running proof and the line.
func (s *warmServer) line(line string, handle func(*outputReader, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	output := s.output
	if output == nil {
		output = logOnly(s.p.log)
	}
	handle(output, line)
	if zisk.IsReady(line) {
		fill(s.idle)
	}
	if zisk.IsPanic(line) {
		fill(s.panicked)
		s.distrust = errServerPanic
	}
}

// fill sends to a channel with a buffer of one value, unless the buffer is full.
func fill(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// attach lets output get the lines from now on. It reports false if the server has ended.
func (s *warmServer) attach(output *outputReader) bool {
	select {
	case <-s.ended:
		return false
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output = output
	return true
}

// detach ends what attach began. The reader gets no line after detach has returned.
func (s *warmServer) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output = nil
}

// setDistrust has the server get no further proof, for the reason err.
func (s *warmServer) setDistrust(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distrust = err
}

// distrusted returns why the server gets no further proof, or nil.
func (s *warmServer) distrusted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.distrust
}

// end kills the server and returns when it and its descendants have ended.
func (s *warmServer) end(reason error) {
	s.stop(reason)
	<-s.ended
	s.detach()
}

// shutdown ends the server, in an orderly way between two proofs, and at once in a proof.
func (s *warmServer) shutdown() {
	s.mu.Lock()
	proving := s.output != nil
	s.mu.Unlock()
	if proving {
		s.end(errServerClosed)
		return
	}
	grace := s.p.config.Grace.Std()
	ctx, cancel := context.WithTimeout(s.life, grace)
	defer cancel()
	if err := s.client.Shutdown(ctx); err == nil {
		select {
		case <-s.ended:
		case <-ctx.Done():
		}
	}
	s.end(errServerClosed)
}

// fail ends the server after an error and returns the error of the proof. If the server's
// output explains the failure, it returns that explanation instead of err.
func (s *warmServer) fail(ctx context.Context, output *outputReader, err error) error {
	select {
	case <-s.ended: // by itself, unless life has a cause
		if _, known := errors.AsType[*sdk.Error](err); !known {
			err = errServerEnded
		}
	default:
	}
	s.end(err)
	switch cause := context.Cause(s.life); {
	case errors.Is(cause, errServerClosed):
		return stopped(cause)
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return stopped(err)
	}
	var failure *zisk.Failure
	switch {
	case errors.Is(err, errServerEnded) && s.exit == nil:
		return s.err
	case errors.Is(err, errServerEnded):
		failure = output.diagnosis.Explain(zisk.Exit{Code: s.exit.Code, Signal: s.exit.Signal})
	default:
		failure = output.diagnosis.Current()
	}
	switch class, known := errors.AsType[*sdk.Error](err); {
	case failure != nil:
		return tool.Classify(failure)
	case known:
		return class
	}
	return sdk.Retryable(err)
}

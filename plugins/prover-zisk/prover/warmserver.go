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

// Times of the talk with the server.
const (
	// fileInterval is how often the files of a running proof are looked for.
	fileInterval = 10 * time.Millisecond
	// statusInterval is how often a server that answers "working" is asked again;
	// closingInterval the same once all files are there.
	statusInterval  = 2 * time.Second
	closingInterval = 20 * time.Millisecond
	// statusTimeout bounds one question for the status, which the server answers
	// only after the proof.
	statusTimeout = time.Minute
	// callTimeout bounds a request that an idle server answers at once.
	callTimeout = 10 * time.Second
	// panicGrace is what a server has after a panic for ending by itself, and for
	// the rest of the message.
	panicGrace = 500 * time.Millisecond
	// closingTimeout is how long the server may take to be idle once all files
	// are there.
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

// warmServer is one life of the server process. Its methods may be called
// concurrently.
type warmServer struct {
	p      *Prover
	client server.Client
	args   []string
	dir    string
	life   context.Context // of the process; its cause says why it was ended
	stop   context.CancelCauseFunc
	pid    atomic.Int64
	gone   chan struct{} // closed when the process and all that it left are gone
	exit   *process.Exit // valid after gone; nil when it did not start
	err    error         // valid after gone

	idle     chan struct{} // the server said that it waits
	panicked chan struct{} // the server said that it panicked

	mu     sync.Mutex
	reader *reader // who gets the lines; nil between proofs
	doubt  error   // why no further proof is asked for
}

func newWarmServer(p *Prover, args []string, dir string, said *reader) *warmServer {
	s := &warmServer{p: p, client: server.Client{Port: p.config.ServerPort}, args: args, dir: dir, gone: make(chan struct{}),
		idle: make(chan struct{}, 1), panicked: make(chan struct{}, 1), reader: said}
	s.life, s.stop = context.WithCancelCause(context.Background())
	return s
}

// run runs the process to its end and cleans up after it. It returns the ids of
// the processes that may still hold memory of the cards.
func (s *warmServer) run() ([]int, *slog.Logger) {
	p := s.p
	p.log.Debug("cargo-zisk", "args", s.args)
	s.exit, s.err = p.tool(s.args, s.dir, nil, func(line string) { s.line(line, (*reader).stdout) }, func(line string) { s.line(line, (*reader).stderr) }).Run(s.life)
	if s.life.Err() == nil && p.life.Err() == nil {
		s.mu.Lock()
		if s.reader == nil {
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

// line hands a line to the proof that runs.
func (s *warmServer) line(line string, take func(*reader, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reader
	if r == nil {
		r = discard(s.p.log)
	}
	take(r, line)
	if zisk.IsReady(line) {
		signal(s.idle)
	}
	if zisk.IsPanic(line) {
		signal(s.panicked)
		s.doubt = errServerPanic
	}
}

// signal fills a channel with room for one value.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// attach gives the lines to the proof, unless the server is gone.
func (s *warmServer) attach(said *reader) bool {
	select {
	case <-s.gone:
		return false
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader = said
	return true
}

// detach ends the reading: the reader is not used after it has returned.
func (s *warmServer) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader = nil
}

func (s *warmServer) distrust(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubt = err
}

func (s *warmServer) distrusted() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubt
}

// end kills the server and returns when everything of it is gone.
func (s *warmServer) end(reason error) {
	s.stop(reason)
	<-s.gone
	s.detach()
}

// shutdown ends the server: in good order between proofs, at once in one.
func (s *warmServer) shutdown() {
	s.mu.Lock()
	proving := s.reader != nil
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
		case <-s.gone:
		case <-ctx.Done():
		}
	}
	s.end(errServerClosed)
}

// fail ends the server after an error and says what it means: a sign in the
// output explains it better than what the client has seen.
func (s *warmServer) fail(ctx context.Context, said *reader, err error) error {
	select {
	case <-s.gone: // by itself, unless life has a cause
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
		failure = said.diagnosis.Explain(zisk.Exit{Code: s.exit.Code, Signal: s.exit.Signal})
	default:
		failure = said.diagnosis.Current()
	}
	switch class, known := errors.AsType[*sdk.Error](err); {
	case failure != nil:
		return tool.Classify(failure)
	case known:
		return class
	}
	return sdk.Retryable(err)
}

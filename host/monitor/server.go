package monitor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/monitor/metrics"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Pipeline returns what the Model does not hold. The monitor calls it at most a few times
// for each request, from many goroutines.
type Pipeline interface {
	Snapshot(ctx context.Context) (status.Snapshot, error)
	Score(ctx context.Context) (score.Report, error)
	ShowBlock(ctx context.Context, number uint64) ([]status.Job, error)
	Page(ctx context.Context, r history.Range) (history.Page, error)
	// Owed returns the events that wait for a reporter, the oldest first.
	Owed(ctx context.Context, reporter string) ([]record.Event, error)
	// AttemptLog returns the end of the log of a failed attempt, or fs.ErrNotExist if there
	// is none.
	AttemptLog(ctx context.Context, job, stage string, attempt uint32) ([]byte, error)
}

// Config is the configuration of a Server.
type Config struct {
	Listen   string   // host:port; port 0 takes a free one
	Token    string   // required for all but the health paths; empty for none
	Hosts    []string // public host names by which the server may be addressed
	Pipeline Pipeline
	Model    *live.Model
	// Graph are the names of the stages that each stage needs.
	Graph map[string][]string
	Log   *slog.Logger
	// Beat is the time between two beat events in a stream; 0 for 5 seconds.
	Beat time.Duration
}

// Server is a running monitor.
type Server struct {
	listener net.Listener
	http     *http.Server
	serving  sync.WaitGroup
}

// Start starts a server. If it cannot listen on the address, the error has the class
// environment, the address and a remedy.
func Start(c Config) (*Server, error) {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, listenError(c.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		listener: listener,
		http: &http.Server{
			Handler:           Handler(c),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			BaseContext:       func(net.Listener) context.Context { return ctx },
			ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		},
	}
	s.http.RegisterOnShutdown(cancel) // streams end at once
	s.serving.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("the monitor has stopped answering", "address", s.Addr(), "error", err)
		}
	})
	return s, nil
}

// Addr returns the address on which the server listens, with the real port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends all streams and waits for the running requests. When ctx ends it closes their
// connections. When it returns, the server has no goroutine.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.serving.Wait()
	return err
}

// listenError wraps the error of listening on an address.
func listenError(address string, err error) error {
	remedy := "write another address under monitor.listen in the pipeline file"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = "another program, perhaps another proofline, has the port: stop it, set HEALTH_PORT, or " + remedy
	case errors.Is(err, fs.ErrPermission):
		remedy = "ports below 1024 need privileges: " + remedy
	}
	cause := err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		cause = op.Err
	}
	return contract.Environment(fmt.Errorf("cannot listen on %s for the monitor: %w", address, cause), remedy)
}

// Handler returns the handler of all paths of the monitor. It is safe for concurrent use.
func Handler(c Config) http.Handler {
	if c.Beat <= 0 {
		c.Beat = 5 * time.Second
	}
	a := &api{Config: c, metrics: metrics.Handler(c.Model), health: &health{now: time.Now, snapshot: func() status.Snapshot {
		snap, _ := c.Pipeline.Snapshot(context.Background()) // the health does not need the parts that can fail
		return snap
	}}}
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.HandleFunc("GET "+r.path, r.serve)
	}
	a.pages(mux)
	return guard(c, mux)
}

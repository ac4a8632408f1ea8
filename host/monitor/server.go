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

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Server is a running monitor.
type Server struct {
	listener net.Listener
	http     *http.Server
	serving  sync.WaitGroup
}

// Pipeline is what the monitor shows. It is asked once per request, from many
// goroutines.
type Pipeline interface {
	Snapshot(ctx context.Context) (status.Snapshot, error)
	Score(ctx context.Context) (score.Report, error)
}

// Start listens on an address (host:port; port 0 takes a free one) and answers
// from then on.
//
// An address that cannot be listened on is an Environment error that names it
// and says what to do.
func Start(address string, p Pipeline, log *slog.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenError(address, err)
	}
	s := &Server{
		listener: listener,
		http: &http.Server{
			Handler:           Handler(p),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
	s.serving.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the monitor has stopped answering", "address", s.Addr(), "error", err)
		}
	})
	return s, nil
}

// Addr is the address that the server listens on, with the real port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close lets running answers finish until the context ends, then cuts them. No
// goroutine of the server is left when it returns.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.serving.Wait()
	return err
}

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

// Handler serves the monitor's paths. It is safe for concurrent use.
func Handler(p Pipeline) http.Handler {
	h := &health{now: time.Now, snapshot: func() status.Snapshot {
		snap, _ := p.Snapshot(context.Background()) // health needs nothing of what can fail
		return snap
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "proofline runs the pipeline %s\n\n/health\n/health/ready\n/health/live\n/api/v1/status\n/api/v1/score\n", h.snapshot().Pipeline)
	})
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		snap, err := p.Snapshot(r.Context())
		answer(w, snap, err)
	})
	mux.HandleFunc("GET /api/v1/score", func(w http.ResponseWriter, r *http.Request) {
		report, err := p.Score(r.Context())
		answer(w, report, err)
	})
	for _, prefix := range []string{"", "/api"} {
		mux.HandleFunc("GET "+prefix+"/health", h.all)
		mux.HandleFunc("GET "+prefix+"/health/ready", h.ready)
		mux.HandleFunc("GET "+prefix+"/health/live", h.live)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the monitor is read-only", http.StatusMethodNotAllowed)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

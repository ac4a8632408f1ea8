package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/host/httpjson"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// maxBody is the largest request in bytes. A hundred thousand block numbers fit.
const maxBody = 4 << 20

// Server serves a Pipeline on a unix socket.
type Server struct {
	http    *http.Server
	log     *slog.Logger
	serving sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
}

// Serve starts a server on a unix socket. It creates the socket with mode 0600, in a
// directory that must be private to the host's user (0700), and replaces the socket of a
// host that was killed.
func Serve(socket string, h Pipeline, log *slog.Logger) (*Server, error) {
	s := &Server{log: log, http: &http.Server{
		Handler:           routes(h),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	return s, s.Listen(socket)
}

// Listen makes the server use a new socket instead of the present one, which a program
// that clears old directories may have removed. Commands that run go on.
func (s *Server) Listen(socket string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		s.listener.Close() // removes its socket if that still exists
		s.listener = nil
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listen for commands: %w", err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		listener.Close()
		return err
	}
	s.listener = listener
	s.serving.Go(func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error("the host no longer takes commands", "socket", socket, "error", err)
		}
	})
	return nil
}

// Close waits for running commands until the context ends, then cancels them, and removes
// the socket. No goroutine of the server runs after it has returned.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.serving.Wait()
	return err
}

// routes returns the handler of the routes in the package comment.
func routes(h Pipeline) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		snap, err := h.Snapshot(r.Context())
		reply(w, snap, err)
	})
	mux.HandleFunc("GET /v1/blocks", func(w http.ResponseWriter, r *http.Request) {
		query, err := parseQuery(r)
		if err != nil {
			reply(w, nil, badRequest(err))
			return
		}
		jobs, err := h.Blocks(r.Context(), query)
		reply(w, jobs, err)
	})
	mux.HandleFunc("GET /v1/blocks/{number}", func(w http.ResponseWriter, r *http.Request) {
		number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
		if err != nil {
			reply(w, nil, badRequest(err))
			return
		}
		jobs, err := h.ShowBlock(r.Context(), number)
		reply(w, jobs, err)
	})
	mux.HandleFunc("GET /v1/score", func(w http.ResponseWriter, r *http.Request) {
		report, err := h.Score(r.Context())
		reply(w, report, err)
	})
	mux.HandleFunc("GET /v1/score/record", func(w http.ResponseWriter, r *http.Request) {
		record, err := h.ScoreRecord(r.Context())
		reply(w, record, err)
	})
	mux.HandleFunc("POST /v1/blocks", func(w http.ResponseWriter, r *http.Request) {
		var body addRequest
		if err := decode(w, r, &body); err != nil {
			reply(w, nil, err)
			return
		}
		results, err := h.AddBlocks(r.Context(), body.Numbers)
		reply(w, results, err)
	})
	mux.HandleFunc("POST /v1/prove", func(w http.ResponseWriter, r *http.Request) {
		var request ProveRequest
		if err := decode(w, r, &request); err != nil {
			reply(w, nil, err)
			return
		}
		result, err := h.ProveBlock(r.Context(), request)
		reply(w, result, err)
	})
	mux.HandleFunc("POST /v1/retry", func(w http.ResponseWriter, r *http.Request) {
		var request RetryRequest
		if err := decode(w, r, &request); err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, struct{}{}, h.Retry(r.Context(), request))
	})
	mux.HandleFunc("POST /v1/report", func(w http.ResponseWriter, r *http.Request) {
		var body reportRequest
		if err := decode(w, r, &body); err != nil {
			reply(w, nil, err)
			return
		}
		count, err := h.Report(r.Context(), body.Job, body.Reporter)
		reply(w, count, err)
	})
	mux.HandleFunc("POST /v1/jobs/{job}/skip", func(w http.ResponseWriter, r *http.Request) {
		reply(w, struct{}{}, h.Skip(r.Context(), r.PathValue("job")))
	})
	mux.HandleFunc("POST /v1/backup", func(w http.ResponseWriter, r *http.Request) {
		var body backupRequest
		if err := decode(w, r, &body); err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, struct{}{}, h.Backup(r.Context(), body.To))
	})
	if l, ok := h.(Live); ok {
		liveRoutes(mux, l)
	}
	mux.HandleFunc("POST /v1/drain", func(w http.ResponseWriter, r *http.Request) {
		var body drainRequest
		if err := decode(w, r, &body); err != nil {
			reply(w, nil, err)
			return
		}
		left, err := h.Drain(r.Context(), body.AfterCurrent)
		reply(w, left, err)
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		reloaded, err := h.Reload(r.Context())
		reply(w, reloaded, err)
	})
	return mux
}

type addRequest struct {
	Numbers []uint64 `json:"numbers"`
}

type reportRequest struct {
	Job      string `json:"job"`
	Reporter string `json:"to,omitempty"`
}

type drainRequest struct {
	AfterCurrent bool `json:"after_current"`
}

type backupRequest struct {
	To string `json:"to"`
}

// parseQuery returns the query in the URL of a request.
func parseQuery(r *http.Request) (q Query, err error) {
	values := r.URL.Query()
	for _, state := range values["state"] {
		q.States = append(q.States, status.JobState(state))
	}
	if text := values.Get("limit"); text != "" {
		q.Limit, err = strconv.Atoi(text)
	}
	return q, err
}

// decode decodes the body of a request.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badRequest(err)
	}
	return nil
}

// badRequest returns the error for a request that cannot be decoded.
func badRequest(err error) error {
	text := strings.TrimPrefix(err.Error(), "json: ")
	return contract.Permanent(fmt.Errorf("the host does not understand the request: %s; are host and command of the same version?", text))
}

// failure is the body of an answer that is an error.
type failure struct {
	Error  string         `json:"error"`
	Class  contract.Class `json:"class"`
	Remedy string         `json:"remedy,omitempty"`
}

// codes are the HTTP statuses of the classes of errors. The body has the class itself.
var codes = map[contract.Class]int{
	contract.ClassPermanent:   http.StatusUnprocessableEntity,
	contract.ClassEnvironment: http.StatusServiceUnavailable,
	contract.ClassInterrupted: http.StatusServiceUnavailable,
	contract.ClassRetryable:   http.StatusInternalServerError,
}

// reply writes an answer or, if err is not nil, the error.
func reply(w http.ResponseWriter, answer any, err error) {
	code := http.StatusOK
	if err != nil {
		f := failure{Error: err.Error(), Class: contract.ClassOf(err)}
		if e, ok := errors.AsType[*contract.Error](err); ok && e.Remedy != "" {
			f.Remedy = e.Remedy
			f.Error = strings.TrimSuffix(f.Error, " ("+e.Remedy+")")
		}
		answer, code = f, codes[f.Class]
	}
	httpjson.Write(w, code, answer)
}

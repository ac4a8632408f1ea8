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
	mux.HandleFunc("GET /v1/status", query(func(r *http.Request) (any, error) { return h.Snapshot(r.Context()) }))
	mux.HandleFunc("GET /v1/blocks", query(func(r *http.Request) (any, error) {
		q, err := parseQuery(r)
		if err != nil {
			return nil, badRequest(err)
		}
		return h.Blocks(r.Context(), q)
	}))
	mux.HandleFunc("GET /v1/blocks/{number}", query(func(r *http.Request) (any, error) {
		number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
		if err != nil {
			return nil, badRequest(err)
		}
		return h.ShowBlock(r.Context(), number)
	}))
	mux.HandleFunc("GET /v1/score", query(func(r *http.Request) (any, error) { return h.Score(r.Context()) }))
	mux.HandleFunc("GET /v1/score/record", query(func(r *http.Request) (any, error) { return h.ScoreRecord(r.Context()) }))
	mux.HandleFunc("POST /v1/blocks", command(func(ctx context.Context, body addRequest) (any, error) { return h.AddBlocks(ctx, body.Numbers) }))
	mux.HandleFunc("POST /v1/prove", command(func(ctx context.Context, body ProveRequest) (any, error) { return h.ProveBlock(ctx, body) }))
	mux.HandleFunc("POST /v1/retry", command(func(ctx context.Context, body RetryRequest) (any, error) { return struct{}{}, h.Retry(ctx, body) }))
	mux.HandleFunc("POST /v1/report", command(func(ctx context.Context, body reportRequest) (any, error) {
		return h.Report(ctx, body.Job, body.Reporter)
	}))
	mux.HandleFunc("POST /v1/jobs/{job}/skip", query(func(r *http.Request) (any, error) { return struct{}{}, h.Skip(r.Context(), r.PathValue("job")) }))
	mux.HandleFunc("POST /v1/backup", command(func(ctx context.Context, body backupRequest) (any, error) { return struct{}{}, h.Backup(ctx, body.To) }))
	mux.HandleFunc("POST /v1/drain", command(func(ctx context.Context, body drainRequest) (any, error) { return h.Drain(ctx, body.AfterCurrent) }))
	mux.HandleFunc("POST /v1/reload", query(func(r *http.Request) (any, error) { return h.Reload(r.Context()) }))
	if l, ok := h.(Live); ok {
		mux.HandleFunc("GET /v1/overview", query(func(r *http.Request) (any, error) { return l.Overview(r.Context()) }))
		mux.HandleFunc("POST /v1/log", command(func(ctx context.Context, body levelRequest) (any, error) {
			return struct{}{}, l.SetLogLevel(ctx, body.Level)
		}))
	}
	return mux
}

// query returns the handler of a route without a body.
func query(answer func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := answer(r)
		reply(w, value, err)
	}
}

// command returns the handler of a route with a JSON body.
func command[Body any](execute func(context.Context, Body) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body Body
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		if err := d.Decode(&body); err != nil {
			reply(w, nil, badRequest(err))
			return
		}
		value, err := execute(r.Context(), body)
		reply(w, value, err)
	}
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

type levelRequest struct {
	Level slog.Level `json:"level"`
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

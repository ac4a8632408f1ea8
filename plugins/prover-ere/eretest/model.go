package eretest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proofline/proofline/plugins/prover-ere/proto/ere/api"
)

// Behaviour describes a modelled server. The zero value is the recorded server: it
// accepts any input, returns the input as public values, and its proof is "PROOF:" and
// the input.
type Behaviour struct {
	Version string // of ere; empty for 0.16.2
	ZKVM    string // empty for double
	SDK     string // empty for 0.0.1
	Key     []byte // of the program; nil for the recorded key
	Cycles  uint64 // in the report of a proof; 0 for none

	// Proof and PublicValues replace the container and the public values of every proof.
	Proof, PublicValues []byte
	// Prove and Execute return the outcome for an input; nil for that of the recorded
	// server.
	Prove, Execute func(input []byte) Outcome
	// ProveTimeout is the time after which the health of a server that proves is bad; 0
	// for never.
	ProveTimeout time.Duration
}

// Outcome is the outcome of the work on an input.
type Outcome struct {
	Err   string        // text of the refusal; empty for success
	Die   bool          // the process ends without an answer
	Until chan struct{} // unless nil, the work ends when it is closed
}

// Server is a running model. Its methods may be called concurrently.
type Server struct {
	URL  string
	addr string

	mu        sync.Mutex
	behaviour Behaviour
	http      *http.Server
	slot      chan struct{} // of size 1: the only slot for a proof
	proving   time.Time     // when the running proof began; zero for none

	Proofs     atomic.Int64 // proofs that were begun
	Executions atomic.Int64
	Inputs     sync.Map // has each input that was proved, as a string
}

// Start starts a modelled server, which stops when the test ends.
func Start(t testing.TB, behaviour Behaviour) *Server {
	t.Helper()
	s := &Server{}
	s.Become(behaviour)
	s.listen(t, "127.0.0.1:0")
	t.Cleanup(s.Stop)
	return s
}

// Become replaces the behaviour of the server for requests from now on.
func (s *Server) Become(behaviour Behaviour) {
	for field, value := range map[*string]string{&behaviour.Version: "0.16.2", &behaviour.ZKVM: "double", &behaviour.SDK: "0.0.1"} {
		if *field == "" {
			*field = value
		}
	}
	if behaviour.Key == nil {
		behaviour.Key = append([]byte("ELF-BYTES-FOR-DOUBLE"), make([]byte, 12)...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = behaviour
}

func (s *Server) currentBehaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

func (s *Server) listen(t testing.TB, addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.URL = "http://" + s.addr
	server := &http.Server{Handler: http.HandlerFunc(s.serve)}
	s.mu.Lock()
	s.http, s.slot, s.proving = server, make(chan struct{}, 1), time.Time{}
	s.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
}

// Stop acts as the death of the process: all connections break, and the port accepts no
// new ones.
func (s *Server) Stop() {
	s.mu.Lock()
	server := s.http
	s.mu.Unlock()
	_ = server.Close()
}

// Restart starts the process again at the same address, with an empty slot.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.listen(t, s.addr)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	const service = "/twirp/api.ZkvmService/"
	switch path := r.URL.Path; {
	case path == "/health" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.health(w)
	case path == "/metrics" && r.Method == http.MethodGet:
		b := s.currentBehaviour()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "# TYPE ere_server_info gauge\nere_server_info{version=%q,zkvm_name=%q,zkvm_sdk_version=%q} 1\n", b.Version, b.ZKVM, b.SDK)
	case strings.HasPrefix(path, service):
		s.method(w, r, strings.TrimPrefix(path, service))
	default:
		refuse(w, http.StatusNotFound, "bad_route", "not found", "")
	}
}

func (s *Server) health(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit := s.behaviour.ProveTimeout; limit > 0 && !s.proving.IsZero() && time.Since(s.proving) > limit {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// method serves a method of the service, with the checks of its transport.
func (s *Server) method(w http.ResponseWriter, r *http.Request, name string) {
	request := map[string]proto.Message{"Prove": &api.ProveRequest{}, "Execute": &api.ExecuteRequest{}, "Verify": &api.VerifyRequest{}, "ProgramVk": &api.ProgramVkRequest{}}[name]
	behaviour := s.currentBehaviour()
	switch {
	case request == nil, name == "ProgramVk" && (strings.HasPrefix(behaviour.Version, "0.9.") || strings.HasPrefix(behaviour.Version, "0.10.")):
		refuse(w, http.StatusNotFound, "bad_route", "not found", "")
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Header.Get("Content-Type") != "application/protobuf" {
		refuse(w, http.StatusBadRequest, "malformed", "bad request", "expected value at line 1 column 1")
		return
	}
	if err := proto.Unmarshal(body, request); err != nil {
		refuse(w, http.StatusBadRequest, "malformed", "bad request", "failed to decode Protobuf message")
		return
	}
	var answer proto.Message
	switch m := request.(type) {
	case *api.ProveRequest:
		answer = s.prove(r, behaviour, m.InputStdin)
	case *api.ExecuteRequest:
		answer = s.execute(behaviour, m.InputStdin)
	case *api.VerifyRequest:
		answer = verify(behaviour, m.Proof)
	case *api.ProgramVkRequest:
		answer = &api.ProgramVkResponse{Result: &api.ProgramVkResponse_Ok{Ok: &api.ProgramVkOk{ProgramVk: behaviour.Key}}}
	}
	if answer == nil {
		panic(http.ErrAbortHandler)
	}
	data, err := proto.Marshal(answer)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err.Error(), "")
		return
	}
	w.Header().Set("Content-Type", "application/protobuf")
	_, _ = w.Write(data)
}

func refuse(w http.ResponseWriter, status int, code, msg, cause string) {
	body := struct {
		Code string            `json:"code"`
		Msg  string            `json:"msg"`
		Meta map[string]string `json:"meta,omitempty"`
	}{Code: code, Msg: msg}
	if cause != "" {
		body.Meta = map[string]string{"error": cause}
	}
	data, _ := json.Marshal(body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// report returns a report of a proof in the form that the client's parseProveReport
// reads. Cycles of 0 are left out.
func report(took time.Duration, cycles uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(took/time.Second))
	b = binary.LittleEndian.AppendUint32(b, uint32(took%time.Second))
	if cycles == 0 {
		return append(b, 0)
	}
	return binary.LittleEndian.AppendUint64(append(b, 1), cycles)
}

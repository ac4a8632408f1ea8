package ethproofstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"
)

// Request is one request that reached the server.
type Request struct {
	Time   time.Time // when its header had arrived
	Method string
	Path   string // below Base
	Team   string // slug of the key's team; empty without a known key
	Header http.Header
	Body   []byte
	Block  uint64 // block_number of the body, 0 where there is none
	Status int    // status of the answer; 0 where the connection was cut
	// Handled is the status that the handler returned, even where the answer was lost. It
	// is 0 where a fault came before the handler.
	Handled int
}

// String returns the last element of the path, the block and the status, such as
// "queued 24000100 200". The status of a lost answer is "lost".
func (r Request) String() string {
	parts := []string{r.Path[strings.LastIndexByte(r.Path, '/')+1:]}
	if r.Block != 0 {
		parts = append(parts, fmt.Sprint(r.Block))
	}
	if r.Status == 0 {
		return strings.Join(append(parts, "lost"), " ")
	}
	return strings.Join(append(parts, fmt.Sprint(r.Status)), " ")
}

// Fault changes what happens to one request.
type Fault struct {
	Latency     time.Duration // pause before everything else
	LoseRequest bool          // cut the connection before the handler
	LoseReply   bool          // cut the connection after the handler
	Status      int           // unless 0, answer with it in place of the handler
	Body        string        // only with Status
	Header      http.Header   // only with Status
}

// Inject calls fn for the fault of every request from now on; a nil fault is none. A nil
// fn ends the faults. fn runs on the request's goroutine and may be called concurrently.
func (s *Server) Inject(fn func(Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inject = fn
}

// Once returns a function for Inject that applies the fault to the first request whose
// path ends in the suffix, and to no other.
func Once(suffix string, fault Fault) func(Request) *Fault {
	pending := make(chan *Fault, 1)
	pending <- &fault
	return func(r Request) *Fault {
		if !strings.HasSuffix(r.Path, suffix) {
			return nil
		}
		select {
		case f := <-pending:
			return f
		default:
			return nil
		}
	}
}

// Requests returns all requests so far, in the order of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Writes returns the String of each request to one of the three write routes so far. A
// request that has no answer yet counts as lost.
func (s *Server) Writes() []string {
	var out []string
	for _, r := range s.Requests() {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/proofs/") {
			out = append(out, r.String())
		}
	}
	return out
}

// observe records the request, applies its fault, and calls next unless the fault
// replaces it.
func (s *Server) observe(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	s.mu.Lock()
	arrived := s.now()
	s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var fields struct {
		Block float64 `json:"block_number"`
	}
	_ = json.Unmarshal(body, &fields)

	header := maps.Clone(r.Header)
	authorization := strings.Split(header.Get("Authorization"), " ")
	header.Del("Authorization")
	s.mu.Lock()
	entry := Request{Time: arrived, Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, Base),
		Header: header, Body: body, Block: uint64(max(fields.Block, 0))}
	if len(authorization) > 1 {
		if key, known := s.keys[authorization[1]]; known {
			entry.Team = key.team.slug
		}
	}
	at := len(s.requests)
	s.requests = append(s.requests, entry)
	inject := s.inject
	if s.withoutProofs {
		s.requests[at].Body = withoutProof(body)
	}
	s.mu.Unlock()

	var fault Fault
	if inject != nil {
		if f := inject(entry); f != nil {
			fault = *f
		}
	}
	if fault.Latency > 0 {
		timer := time.NewTimer(fault.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	answer := httptest.NewRecorder()
	switch {
	case fault.LoseRequest:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		maps.Copy(answer.Header(), fault.Header)
		if fault.Body != "" {
			answer.Header().Set("Content-Type", "text/plain;charset=UTF-8")
		}
		answer.WriteHeader(fault.Status)
		answer.Body.WriteString(fault.Body)
	default:
		next(answer, r)
		s.mu.Lock()
		s.requests[at].Handled = answer.Code
		s.mu.Unlock()
	}
	if fault.LoseReply {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.requests[at].Status = answer.Code
	s.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// ForgetProofs removes the proofs from the bodies of Requests from now on, so that a
// record of thousands of requests fits in memory.
func (s *Server) ForgetProofs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withoutProofs = true
}

// withoutProof returns the body of a request without its proof. A body that is not a
// JSON object is returned unchanged.
func withoutProof(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	delete(fields, "proof")
	short, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return short
}

// Transport returns a transport that calls the server without a socket, on the caller's
// goroutine. The server's time then is the time of the caller's testing/synctest bubble.
func (s *Server) Transport() http.RoundTripper { return inProcess{s} }

type inProcess struct{ server *Server }

// RoundTrip implements http.RoundTripper. It returns io.ErrUnexpectedEOF for a
// connection that a fault has cut.
func (p inProcess) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			if cause != http.ErrAbortHandler {
				panic(cause)
			}
			if err = r.Context().Err(); err == nil {
				err = io.ErrUnexpectedEOF
			}
		}
	}()
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	defer served.Body.Close()
	answer := httptest.NewRecorder()
	p.server.ServeHTTP(answer, served)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response = answer.Result()
	response.Request = r
	return response, nil
}

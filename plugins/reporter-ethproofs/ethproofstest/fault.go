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
	Team   string // whose key it carried; empty for no known key
	Header http.Header
	Body   []byte
	Block  uint64 // block_number of the body, 0 where there is none
	Status int    // what was answered; 0 where the connection was cut
	// Handled is what the handler answered, whether or not that got through; 0 where
	// it was not reached.
	Handled int
}

// String is the last element of the path, the block and the status: "queued
// 24000100 200", with "lost" for a reply that was cut off.
func (r Request) String() string {
	words := []string{r.Path[strings.LastIndexByte(r.Path, '/')+1:]}
	if r.Block != 0 {
		words = append(words, fmt.Sprint(r.Block))
	}
	if r.Status == 0 {
		return strings.Join(append(words, "lost"), " ")
	}
	return strings.Join(append(words, fmt.Sprint(r.Status)), " ")
}

// Fault changes what happens to one request.
type Fault struct {
	Latency     time.Duration // waited first
	LoseRequest bool          // the connection is cut before anything is done
	LoseReply   bool          // the request is carried out, then the connection is cut
	Status      int           // answered in place of the handler, unless 0
	Body        string
	Header      http.Header
}

// Inject asks fn for the fault of every request from now on; nil is none. A nil
// fn ends it. fn runs on the request's goroutine and may be called concurrently.
func (s *Server) Inject(fn func(Request) *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inject = fn
}

// Once returns a function for Inject that applies the fault to the first request
// whose path ends in the word, and to no other.
func Once(word string, fault Fault) func(Request) *Fault {
	pending := make(chan *Fault, 1)
	pending <- &fault
	return func(r Request) *Fault {
		if !strings.HasSuffix(r.Path, word) {
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

// Requests returns every request so far, in the order of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Writes returns the String of every request to one of the three write routes
// so far. A request that is still being served counts as lost.
func (s *Server) Writes() []string {
	var out []string
	for _, r := range s.Requests() {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/proofs/") {
			out = append(out, r.String())
		}
	}
	return out
}

// observe records the request and applies its fault.
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
	words := strings.Split(header.Get("Authorization"), " ")
	header.Del("Authorization")
	s.mu.Lock()
	entry := Request{Time: arrived, Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, Base),
		Header: header, Body: body, Block: uint64(max(fields.Block, 0))}
	if len(words) > 1 {
		if key, known := s.keys[words[1]]; known {
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

// ForgetProofs leaves the texts of proofs out of the bodies of Requests from now on, so
// that a record of thousands of requests has room in memory.
func (s *Server) ForgetProofs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withoutProofs = true
}

// withoutProof is a request's body without its proof; one that is no JSON object is
// returned as it is.
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

// Transport is a way to the server without a socket. It serves on the caller's
// goroutine, so that time in a testing/synctest bubble is the server's time.
func (s *Server) Transport() http.RoundTripper { return inProcess{s} }

type inProcess struct{ server *Server }

// RoundTrip implements http.RoundTripper. A cut connection is
// io.ErrUnexpectedEOF.
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

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/proofline/proofline/plugins/internal/endpoint"
	"github.com/proofline/proofline/plugins/prover-ere/proto/ere/api"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/text"
)

const (
	maxAnswer = 64 << 20 // bytes of an answer; the largest known container has 2.3 MB
	maxError  = 64 << 10 // bytes of the answer to a failed call

	// contentType must have no parameter, because the server reads a body with another
	// content type as JSON.
	contentType = "application/protobuf"

	probeTimeout = 3 * time.Second // for a request that the server answers without work
)

// Server is the client of one server. It is safe for concurrent use.
type Server struct {
	base string // without a slash at the end, because a doubled slash is another route
	http *http.Client
	// probe opens a connection for each request, so that a probe shows whether the server
	// accepts new connections.
	probe *http.Client
	tally endpoint.Tally // counts probes only, because a Prove call lasts as long as its proof
}

// New returns a client of the server at an address such as http://HOST:3000. The first
// call connects. The timeout bounds each connection attempt.
func New(address string, connectTimeout time.Duration) *Server {
	transport := func(keep bool) *http.Transport {
		// There is no timeout for an answer, because the server sends nothing for minutes.
		// The keep-alive probes of TCP detect a dead machine.
		return &http.Transport{
			DialContext:        (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext,
			DisableCompression: true, DisableKeepAlives: !keep, MaxIdleConnsPerHost: 2,
		}
	}
	client := func(t *http.Transport) *http.Client {
		return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := &Server{base: strings.TrimRight(address, "/"), http: client(transport(true)), probe: client(transport(false))}
	s.probe.Transport = endpoint.Transport{Tally: &s.tally, Base: s.probe.Transport}
	return s
}

// Probes returns the state of the server by the probes so far. The reason explains why
// the server is not usable, and is empty where it is usable.
func (s *Server) Probes(reason string) contract.Endpoint {
	return s.tally.Endpoint(redact.URL(s.base), reason)
}

// Endpoint returns the address of the server, without a slash at the end.
func (s *Server) Endpoint() string { return s.base }

// Close closes idle connections.
func (s *Server) Close() { s.http.CloseIdleConnections() }

// Proof is the answer to Prove.
type Proof struct {
	PublicValues []byte
	Container    []byte // the proof in ere's form, which depends on the zkVM
	Report       ProveReport
	// Reconnected is set when the request opened a new connection. The identity that
	// Identify has returned before may then be that of another process.
	Reconnected bool
}

// Prove has the server prove the input. It waits for the slot and for the proof until
// ctx ends; a proof that has begun then continues at the server. Prove calls sent once,
// when the request is written. The error is a *Refusal if the server has failed to make
// a proof, an *HTTPError for another status than 200, an *AnswerError for an answer in an
// unknown form, or the error of the transport.
func (s *Server) Prove(ctx context.Context, input []byte, sent func()) (Proof, error) {
	var p Proof
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { p.Reconnected = !info.Reused },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				sent()
			}
		},
	})
	var answer api.ProveResponse
	if err := s.call(ctx, "Prove", &api.ProveRequest{InputStdin: input}, &answer); err != nil {
		return Proof{}, err
	}
	switch r := answer.Result.(type) {
	case *api.ProveResponse_Ok:
		report, err := parseProveReport(r.Ok.GetReport())
		p.PublicValues, p.Container, p.Report = r.Ok.GetPublicValues(), r.Ok.GetProof(), report
		return p, answerError(err)
	case *api.ProveResponse_Err:
		return p, &Refusal{Method: "Prove", Text: r.Err}
	}
	return p, errNoResult
}

// Execution is the answer to Execute.
type Execution struct {
	PublicValues []byte
	Report       ExecuteReport
}

// Execute has the server run the guest on the input without a proof. It does not wait
// for the slot. Its errors are those of Prove.
func (s *Server) Execute(ctx context.Context, input []byte) (Execution, error) {
	var answer api.ExecuteResponse
	if err := s.call(ctx, "Execute", &api.ExecuteRequest{InputStdin: input}, &answer); err != nil {
		return Execution{}, err
	}
	switch r := answer.Result.(type) {
	case *api.ExecuteResponse_Ok:
		report, err := parseExecuteReport(r.Ok.GetReport())
		return Execution{r.Ok.GetPublicValues(), report}, answerError(err)
	case *api.ExecuteResponse_Err:
		return Execution{}, &Refusal{Method: "Execute", Text: r.Err}
	}
	return Execution{}, errNoResult
}

// Verify has the server verify a container against its own guest. It returns the public
// values of the proof. It does not wait for the slot. Its errors are those of Prove.
func (s *Server) Verify(ctx context.Context, container []byte) (publicValues []byte, err error) {
	var answer api.VerifyResponse
	if err := s.call(ctx, "Verify", &api.VerifyRequest{Proof: container}, &answer); err != nil {
		return nil, err
	}
	switch r := answer.Result.(type) {
	case *api.VerifyResponse_Ok:
		return r.Ok.GetPublicValues(), nil
	case *api.VerifyResponse_Err:
		return nil, &Refusal{Method: "Verify", Text: r.Err}
	}
	return nil, errNoResult
}

// programVK returns the verification key of the server's guest, and nil for a server that
// is too old to report it.
func (s *Server) programVK(ctx context.Context) ([]byte, error) {
	var answer api.ProgramVkResponse
	err := s.call(ctx, "ProgramVk", &api.ProgramVkRequest{}, &answer)
	if status, ok := errors.AsType[*HTTPError](err); ok && status.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch r := answer.Result.(type) {
	case *api.ProgramVkResponse_Ok:
		return r.Ok.GetProgramVk(), nil
	case *api.ProgramVkResponse_Err:
		return nil, &Refusal{Method: "ProgramVk", Text: r.Err}
	}
	return nil, errNoResult
}

// errNoResult is the error for an answer with neither a result nor an error. No server of
// the known versions sends one.
var errNoResult = &AnswerError{errors.New("the answer holds neither a result nor an error")}

// call sends one request and decodes its answer.
func (s *Server) call(ctx context.Context, method string, request, answer proto.Message) error {
	body, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/twirp/api.ZkvmService/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	data, err := do(s.http, r)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(data, answer); err != nil {
		return &AnswerError{fmt.Errorf("%s: the answer is not one of ere-server: %w", method, err)}
	}
	return nil
}

// get reads a page outside the Twirp service, by a probe.
func (s *Server) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	return do(s.probe, r)
}

// do sends a request and returns the body of an answer with status 200.
func do(client *http.Client, r *http.Request) ([]byte, error) {
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	limit := int64(maxAnswer)
	if response.StatusCode != http.StatusOK {
		limit = maxError
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if response.StatusCode != http.StatusOK {
		return nil, httpError(response.StatusCode, data)
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, &AnswerError{fmt.Errorf("the answer has more than %d MiB", limit>>20)}
	}
	return data, nil
}

// httpError decodes the answer to a failed call. An answer in another form than that of
// Twirp is shortened to a text.
func httpError(status int, data []byte) *HTTPError {
	e := &HTTPError{Status: status}
	if json.Unmarshal(data, e) != nil || e.Code == "" {
		e.Msg = text.CutCharacters(strings.Join(strings.Fields(string(data)), " "), 200)
	}
	return e
}

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
	maxAnswer = 64 << 20 // bytes; the largest container known has 2.3 MB
	maxError  = 64 << 10 // bytes of the answer to a call that failed

	// contentType has to be exactly this: with a parameter, the server reads the
	// body as JSON.
	contentType = "application/protobuf"

	probeTimeout = 3 * time.Second // of a request that the server answers at once
)

// Server is the client of one server. It is safe for concurrent use.
type Server struct {
	base string // without a slash at the end: a doubled one is another route
	http *http.Client
	// probe has its own connections, so that a probe tells whether new ones are
	// accepted.
	probe *http.Client
	tally endpoint.Tally // of probes: a call that proves lasts as long as the proof does
}

// New returns a client. It connects with the first call.
func New(address string, connectTimeout time.Duration) *Server {
	transport := func(keep bool) *http.Transport {
		// No timeout for an answer: the server is silent for minutes. That its
		// machine is gone is noticed by the probes of TCP.
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

// Probes tells how the server answered probes; why says why it is not usable, and is
// empty where it is.
func (s *Server) Probes(why string) contract.Endpoint {
	return s.tally.Endpoint(redact.URL(s.base), why)
}

// Endpoint is the address that New was given.
func (s *Server) Endpoint() string { return s.base }

// Close drops idle connections.
func (s *Server) Close() { s.http.CloseIdleConnections() }

// Proof is the answer to Prove.
type Proof struct {
	PublicValues []byte
	Container    []byte // the proof in ere's own form, which depends on the zkVM
	Report       ProveReport
	// Reconnected is set when the request went over a new connection: what
	// Identify has told before may be of another process.
	Reconnected bool
}

// Prove has the input proved. It waits for the slot and for the proof until ctx ends;
// a proof that was begun goes on then. Sent is called once, when the request is
// written. The error is a *Refusal if the server answers that there is no proof, an
// *HTTPError for a status other than 200, or that of the transport.
func (s *Server) Prove(ctx context.Context, input []byte, sent func()) (Proof, error) {
	var p Proof
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { p.Reconnected = !info.Reused },
		WroteRequest: func(info httptrace.WroteRequestInfo) { onSuccess(info.Err, sent) },
	})
	var answer api.ProveResponse
	if err := s.call(ctx, "Prove", &api.ProveRequest{InputStdin: input}, &answer); err != nil {
		return Proof{}, err
	}
	switch r := answer.Result.(type) {
	case *api.ProveResponse_Ok:
		report, err := parseProveReport(r.Ok.GetReport())
		p.PublicValues, p.Container, p.Report = r.Ok.GetPublicValues(), r.Ok.GetProof(), report
		return p, unknown(err)
	case *api.ProveResponse_Err:
		return p, &Refusal{Method: "Prove", Text: r.Err}
	}
	return p, errNoResult
}

func onSuccess(err error, f func()) {
	if err == nil {
		f()
	}
}

// Execution is the answer to Execute.
type Execution struct {
	PublicValues []byte
	Report       ExecuteReport
}

// Execute runs the guest on the input without proving, beside a proof that may run.
// Errors are those of Prove.
func (s *Server) Execute(ctx context.Context, input []byte) (Execution, error) {
	var answer api.ExecuteResponse
	if err := s.call(ctx, "Execute", &api.ExecuteRequest{InputStdin: input}, &answer); err != nil {
		return Execution{}, err
	}
	switch r := answer.Result.(type) {
	case *api.ExecuteResponse_Ok:
		report, err := parseExecuteReport(r.Ok.GetReport())
		return Execution{r.Ok.GetPublicValues(), report}, unknown(err)
	case *api.ExecuteResponse_Err:
		return Execution{}, &Refusal{Method: "Execute", Text: r.Err}
	}
	return Execution{}, errNoResult
}

// Verify has a container verified against the server's own guest and returns the
// public values of the proof. Errors are those of Prove.
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

// programVK returns the key of the server's guest, and nil where the server is too
// old to tell it.
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

// errNoResult: neither ok nor err is set. A server of these versions never sends it.
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
		return &AnswerError{fmt.Errorf("%s: the answer is none of ere-server: %w", method, err)}
	}
	return nil
}

// get asks for one of the pages beside the service.
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

func httpError(status int, data []byte) *HTTPError {
	e := &HTTPError{Status: status}
	if json.Unmarshal(data, e) != nil || e.Code == "" {
		e.Msg = text.CutCharacters(strings.Join(strings.Fields(string(data)), " "), 200)
	}
	return e
}

package ethproofs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/endpoint"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/text"
	"github.com/proofline/proofline/sdk/tracing"
)

// Client sends requests with one key to one server. It may be used concurrently. It
// sends the key in the Authorization header only, and hides it in errors that quote an
// answer.
type Client struct {
	base  string
	key   string
	agent string
	store []string // further hosts that proofs may be downloaded from
	// redactor hides the key in the texts of a server.
	redactor *redact.Redactor
	http     *http.Client
	tally    *endpoint.Tally // counts the requests to the host of base
}

// NewClient returns a client for a base URL of ParseURL and a key of ParseKey. The
// timeout bounds each request from the connection to the end of the answer. With a nil
// transport the client makes one that uses the proxy variables of the environment.
func NewClient(base, key, agent string, timeout time.Duration, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	tally := new(endpoint.Tally)
	counted := endpoint.Transport{Tally: tally, Base: transport}
	if u, err := url.Parse(base); err == nil {
		counted.Host = u.Host
	}
	return &Client{base: base, key: key, agent: agent, redactor: redact.New(key), tally: tally, http: &http.Client{
		Timeout:   timeout,
		Transport: tracing.Transport(counted),
		// A redirected write would become a GET, or carry the key elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// AllowStores adds hosts that stored proofs may be downloaded from, besides the server
// itself and the site's own store. It must be called before the first request.
func (c *Client) AllowStores(hosts []string) { c.store = hosts }

// Endpoint returns the state of the server by the requests so far. The reason explains
// why the server is not usable, and is empty where it is usable.
func (c *Client) Endpoint(reason string) contract.Endpoint {
	return c.tally.Endpoint(redact.URL(c.base), reason)
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send posts the body of a phase and returns the proof_id, which is the same for the
// three phases of a block under one cluster version. An answer with another status than
// 200 is a *StatusError. The limit is the key's budget that the answer states, and nil
// where it states none or where there is no answer.
func (c *Client) Send(ctx context.Context, phase Phase, body []byte) (proofID int64, limit *Limit, err error) {
	path := "/proofs/" + phase.String()
	content, limit, err := c.do(ctx, http.MethodPost, path, body)
	if err != nil {
		return 0, limit, err
	}
	var answer struct {
		ProofID int64 `json:"proof_id"`
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.ProofID == 0 {
		return 0, limit, fmt.Errorf("POST %s%s: status 200, but the answer names no proof_id: %s", c.base, path, c.excerpt(content))
	}
	return answer.ProofID, limit, nil
}

// maxAnswer is how many bytes of an answer are read. The longest answer is the list of
// the proofs of one block.
const maxAnswer = 8 << 20

// do makes a request with the key and returns the body of an answer with status 200.
func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, *Limit, error) {
	name := method + " " + c.base + path
	response, err := c.request(ctx, method, c.base+path, true, body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	defer response.Body.Close()
	limit := limitOf(response.Header)
	if response.StatusCode != http.StatusOK {
		return nil, limit, c.statusError(name, response)
	}
	if limit == nil { // the server accepts requests without a limit
		limit = &Limit{Remaining: -1}
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, limit, fmt.Errorf("%s: reading the answer: %w", name, err)
	}
	return content, limit, nil
}

// request makes one request. The caller closes the body of the answer.
func (c *Client) request(ctx context.Context, method, address string, withKey bool, body []byte) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", c.agent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if withKey {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	response, err := c.http.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return nil, wrapped.Err // the caller names method and address
	}
	return response, err
}

// excerpt returns a text of the server for an error: quoted, on one line, at most 300
// characters, without the key.
func (c *Client) excerpt(content []byte) string {
	text := oneLine(c.redactor.Text(string(content)))
	if text == "" {
		return "an empty body"
	}
	return strconv.Quote(text)
}

// oneLine returns a text of the server on one line of at most 300 characters.
func oneLine(s string) string { return text.Line(s, 300) }

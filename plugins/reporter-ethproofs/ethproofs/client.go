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

// Client sends requests with one key to one server. It may be used
// concurrently. The key appears in the Authorization header and nowhere else;
// where a server echoes it, in whatever form, it is hidden.
type Client struct {
	base  string
	key   string
	agent string
	store []string // further hosts of the store of proofs
	// redactor hides the key in what a server says.
	redactor *redact.Redactor
	http     *http.Client
	tally    *endpoint.Tally // of the requests to base's host
}

// NewClient returns a client for a base URL of ParseURL and a key of ParseKey. The
// timeout bounds each request as a whole. Transport nil means a transport of its
// own that honours the proxy variables of the environment.
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

// AllowStores names hosts from which stored proofs are downloaded besides those
// that mayStore allows. It is called before the client is used.
func (c *Client) AllowStores(hosts []string) { c.store = hosts }

// Endpoint tells how the requests to the server went; why says why it is not usable, and
// is empty where it is.
func (c *Client) Endpoint(why string) contract.Endpoint {
	return c.tally.Endpoint(redact.URL(c.base), why)
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send posts the body of a phase and returns the proof_id, which is the same for
// the three phases of a block under one cluster version. An answer other than
// 200 is a *StatusError. Limit is what the answer says of the key's budget, nil for
// nothing or no answer.
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

// maxAnswer bounds what is read of an answer. The longest is the list of the
// proofs of one block.
const maxAnswer = 8 << 20

// do makes a request with the key and reads the answer of one with status 200.
func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, *Limit, error) {
	what := method + " " + c.base + path
	response, err := c.request(ctx, method, c.base+path, true, body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", what, err)
	}
	defer response.Body.Close()
	limit := limitOf(response.Header)
	if response.StatusCode != http.StatusOK {
		return nil, limit, c.statusError(what, response)
	}
	if limit == nil { // the server carries out requests and counts none
		limit = &Limit{Remaining: -1}
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, limit, fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	return content, limit, nil
}

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

// excerpt makes a server's text fit for a log line: one line, at most 300
// characters, without the key.
func (c *Client) excerpt(content []byte) string {
	text := oneLine(c.redactor.Text(string(content)))
	if text == "" {
		return "an empty body"
	}
	return strconv.Quote(text)
}

// oneLine puts a foreign text on one line of at most 300 characters.
func oneLine(s string) string { return text.Line(s, 300) }

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
	"strings"
	"time"
)

// Client sends requests with one key to one server. It may be used
// concurrently. The key appears in the Authorization header and nowhere else;
// where a server echoes it, it is blotted out.
type Client struct {
	base  string
	key   string
	agent string
	http  *http.Client
}

// NewClient returns a client for a base URL of ParseURL. The timeout bounds each
// request as a whole. Transport nil means a transport of its own that honours
// the proxy variables of the environment.
func NewClient(base, key, agent string, timeout time.Duration, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &Client{base: base, key: key, agent: agent, http: &http.Client{
		Timeout:   timeout,
		Transport: transport,
		// A redirected write would become a GET, or carry the key elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Send posts the body of a phase and returns the proof_id, which is the same for
// the three phases of a block under one cluster version. An answer other than
// 200 is a *StatusError.
func (c *Client) Send(ctx context.Context, phase Phase, body []byte) (int64, error) {
	path := "/proofs/" + phase.String()
	content, err := c.do(ctx, http.MethodPost, path, body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		ProofID int64 `json:"proof_id"`
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.ProofID == 0 {
		return 0, fmt.Errorf("POST %s%s: status 200, but the answer names no proof_id: %s", c.base, path, c.excerpt(content))
	}
	return answer.ProofID, nil
}

// Cluster is one of the team's clusters.
type Cluster struct {
	Index    int    `json:"id"` // within the team; what the writes call cluster_id
	Name     string `json:"name"`
	Versions []struct {
		ID int64 `json:"id"`
	} `json:"versions"`
}

// Version returns the id of the version that writes go to, the newest, and 0
// where the cluster has none.
func (c Cluster) Version() int64 {
	var newest int64
	for _, v := range c.Versions {
		newest = max(newest, v.ID)
	}
	return newest
}

// Clusters lists the clusters of the key's team. The route is not rate limited.
func (c *Client) Clusters(ctx context.Context) ([]Cluster, error) {
	content, err := c.do(ctx, http.MethodGet, "/clusters", nil)
	if err != nil {
		return nil, err
	}
	var clusters []Cluster
	if err := json.Unmarshal(content, &clusters); err != nil {
		return nil, fmt.Errorf("GET %s/clusters: the answer is not a list of clusters: %s", c.base, c.excerpt(content))
	}
	return clusters, nil
}

// ErrNoDownload is returned where the server knows the proof and cannot serve
// its bytes.
var ErrNoDownload = errors.New("the stored proof cannot be downloaded")

// Download fetches the stored bytes of a proof, at most limit of them. The route
// counts against the key's rate limit. The store is another host: the key is not
// sent there.
func (c *Client) Download(ctx context.Context, proofID, limit int64) ([]byte, error) {
	address := c.base + "/proofs/download/" + strconv.FormatInt(proofID, 10)
	response, err := c.request(ctx, http.MethodGet, address, true, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	location, err := response.Location()
	if response.StatusCode != http.StatusFound || err != nil {
		return nil, c.statusError("GET "+address, response)
	}
	object, err := c.request(ctx, http.MethodGet, location.String(), false, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", printable(location), err)
	}
	defer object.Body.Close()
	if object.StatusCode >= 400 && object.StatusCode < 500 {
		return nil, fmt.Errorf("%w: %w", ErrNoDownload, c.statusError("GET "+printable(location), object))
	}
	if object.StatusCode != http.StatusOK {
		return nil, c.statusError("GET "+printable(location), object)
	}
	content, err := io.ReadAll(io.LimitReader(object.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", printable(location), err)
	}
	return content, nil
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	what := method + " " + c.base + path
	response, err := c.request(ctx, method, c.base+path, true, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, c.statusError(what, response)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	return content, nil
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

// blot removes the key from a text of the server.
func (c *Client) blot(text string) string {
	if c.key == "" {
		return text
	}
	return strings.ReplaceAll(text, c.key, "[key]")
}

// excerpt makes a server's text fit for a log line: one line, at most 300
// characters, without the key.
func (c *Client) excerpt(content []byte) string {
	text := c.blot(string(content))
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if runes := []rune(text); len(runes) > 300 {
		text = string(runes[:300]) + "…"
	}
	if text == "" {
		return "an empty body"
	}
	return strconv.Quote(text)
}

package ethnode

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/plugins/internal/endpoint"
	"github.com/proofline/proofline/plugins/internal/retry"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/tracing"
)

// Options tune a Client. The zero value of a field stands for its default.
type Options struct {
	Header         http.Header   // sent with every request
	Timeout        time.Duration // limit of a small call; default 10 s
	WitnessTimeout time.Duration // limit until the first byte of a witness, which a node may need long to make; default 2 min
	StallTimeout   time.Duration // longest time in which no byte of an answer arrives; default 30 s
	MinRate        int64         // lowest rate of an answer after its first StallTimeout, in uncompressed bytes per second; default 64 KiB
	MaxAnswer      int64         // largest size of one streamed answer, in uncompressed bytes; default 4 GiB
	// Compression requests gzip from the server. By default it is requested only
	// from endpoints outside private networks, because on a fast link a node needs
	// more time to compress an answer than to send it.
	Compression *bool
}

// Client speaks JSON-RPC 2.0 over HTTP with one endpoint. It reads small answers
// into memory and streams blocks and witnesses.
type Client struct {
	name     string // the redacted URL
	url      string
	user     *url.Userinfo
	header   http.Header
	redactor *redact.Redactor
	opt      Options
	gzip     bool
	http     *http.Client
	ids      atomic.Uint64
	noBatch  atomic.Bool
	dialect  atomic.Int32 // 1 + index into witnessDialects; 0 until known
	tally    endpoint.Tally
}

// count adds a finished call to the tally. It ignores a call that was cancelled,
// because the outcome of such a call says nothing about the node.
func (c *Client) count(ctx context.Context, began time.Time, err error) {
	if err != nil && (errors.Is(context.Cause(ctx), errLost) || contract.ClassOf(err) == contract.ClassInterrupted) {
		return
	}
	c.tally.Ended(time.Since(began), err != nil && !isNeutral(err))
}

// smallAnswer is the largest size, in bytes, of an answer that is read into memory.
const smallAnswer = 64 << 20

// NewClient prepares a client for an http or https URL, which may carry user
// info and keys. It does not connect.
func NewClient(rawURL string, opt Options) (*Client, error) {
	u, err := url.Parse(strings.TrimSpace(rawURL))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, contract.Permanent(fmt.Errorf("endpoint %s: want an http or https URL such as http://localhost:8545", redact.URL(rawURL)))
	}
	opt.Timeout = cmp.Or(opt.Timeout, 10*time.Second)
	opt.WitnessTimeout = cmp.Or(opt.WitnessTimeout, 2*time.Minute)
	opt.StallTimeout = cmp.Or(opt.StallTimeout, 30*time.Second)
	opt.MinRate = cmp.Or(opt.MinRate, 64<<10)
	opt.MaxAnswer = cmp.Or(opt.MaxAnswer, 4<<30)

	c := &Client{name: redact.URL(rawURL), header: opt.Header.Clone(), opt: opt,
		redactor: redact.New(append(redact.SecretsOfURL(rawURL), redact.SecretsOfHeader(opt.Header)...)...)}
	c.user, u.User = u.User, nil
	c.url = u.String()
	c.gzip = !isPrivate(u.Hostname())
	if opt.Compression != nil {
		c.gzip = *opt.Compression
	}
	c.http = &http.Client{
		Transport: tracing.Transport(&http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: min(opt.Timeout, 5*time.Second), KeepAlive: 15 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   opt.Timeout,
			MaxIdleConnsPerHost:   8,
			IdleConnTimeout:       90 * time.Second,
			ReadBufferSize:        64 << 10,
			DisableCompression:    true, // exchange decompresses and limits the size
			ExpectContinueTimeout: time.Second,
		}),
		// A redirect would carry the credentials to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Name returns the endpoint's URL without credentials.
func (c *Client) Name() string { return c.name }

// Close closes idle connections. It always returns nil.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func isPrivate(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast())
}

type request struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

func (c *Client) request(method string, params []any) request {
	if params == nil {
		params = []any{}
	}
	return request{Version: "2.0", ID: c.ids.Add(1), Method: method, Params: params}
}

// Call makes one call with a small answer and decodes its result. It returns
// ErrNotFound when the result is null.
func (c *Client) Call(ctx context.Context, result any, method string, params ...any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opt.Timeout, fmt.Errorf("no answer within %v: %w", c.opt.Timeout, context.DeadlineExceeded))
	defer cancel()
	began := time.Now()
	err := func() error {
		var buf bytes.Buffer
		env := &envelope{dst: &buf}
		if err := c.exchange(ctx, c.request(method, params), env, smallAnswer); err != nil {
			return err
		}
		if err := env.Close(); err != nil {
			return err
		}
		if err := json.Unmarshal(buf.Bytes(), result); err != nil {
			return fmt.Errorf("the answer does not have the form that the method defines: %w", err)
		}
		return nil
	}()
	err = c.classify(ctx, method, err)
	c.count(ctx, began, err)
	return err
}

// destination keeps the last error of the writer that a result is copied to.
type destination struct {
	w   io.Writer
	err error
}

func (d *destination) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		d.err = err
	}
	return n, err
}

// Stream makes one call and writes its result to dst while it arrives, byte for
// byte as the node sent it. first is the longest wait for the first byte. Stream
// returns an error of dst unchanged.
func (c *Client) Stream(ctx context.Context, dst io.Writer, first time.Duration, method string, params ...any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &destination{w: dst}
	env := &envelope{dst: out}
	guard := &stallGuard{cancel: cancel, limit: c.opt.StallTimeout, rate: c.opt.MinRate}
	guard.timer = time.AfterFunc(first, func() {
		cancel(fmt.Errorf("no answer within %v: %w", first, context.DeadlineExceeded))
	})
	defer func() { guard.timer.Stop() }() // a closure, because a write replaces the timer
	guard.dst = env
	began := time.Now()
	err := c.exchange(ctx, c.request(method, params), guard, c.opt.MaxAnswer)
	if out.err != nil {
		if _, isStore := errors.AsType[*storeError](out.err); !isStore {
			c.count(ctx, began, nil) // whoever checks the data counts a refusal
		}
		return out.err
	}
	if err == nil {
		err = env.Close()
	}
	err = c.classify(ctx, method, err)
	if isOtherDialect(err) { // the form of the request was wrong, the node works
		c.count(ctx, began, nil)
	} else {
		c.count(ctx, began, err)
	}
	return err
}

// stallGuard cancels a call whose answer stops arriving or arrives too slowly.
type stallGuard struct {
	dst      io.Writer
	cancel   context.CancelCauseFunc
	limit    time.Duration
	rate     int64 // bytes a second
	timer    *time.Timer
	began    time.Time // of the answer
	received int64
	timedOut bool // the first byte came too late
}

func (g *stallGuard) Write(p []byte) (int, error) {
	if g.began.IsZero() {
		g.began = time.Now()
		g.timedOut = !g.timer.Stop()
		if !g.timedOut {
			g.timer = time.AfterFunc(g.limit, g.stalled)
		}
	}
	g.received += int64(len(p))
	if !g.timedOut {
		// The bytes received so far allow the answer this much time in all.
		allowed := g.limit + time.Duration(float64(g.received)/float64(g.rate)*float64(time.Second))
		g.timer.Reset(min(g.limit, max(allowed-time.Since(g.began), 0)))
	}
	return g.dst.Write(p)
}

func (g *stallGuard) stalled() {
	g.cancel(fmt.Errorf("%w: nothing for %v, or fewer than %d bytes a second", ErrStalled, g.limit, g.rate))
}

// exchange posts the body as JSON and copies the uncompressed body of the answer to
// dst. It fails when that is over limit bytes. A status other than 200 is a
// *StatusError, or an *RPCError where the body is a JSON-RPC error.
func (c *Client) exchange(ctx context.Context, body any, dst io.Writer, limit int64) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	for name, values := range c.header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if c.gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if c.user != nil {
		password, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := io.Reader(resp.Body)
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		unpacked, err := gzip.NewReader(resp.Body)
		if err != nil {
			return fmt.Errorf("the answer is declared as gzip but is not: %w", err)
		}
		defer unpacked.Close()
		answer = unpacked
	}
	if resp.StatusCode != http.StatusOK {
		return c.statusError(resp, answer)
	}
	buf := make([]byte, 128<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{io.LimitReader(answer, limit+1)}, buf)
	if err == nil && n > limit {
		err = fmt.Errorf("answer is over %d bytes", limit)
	}
	return err
}

func (c *Client) statusError(resp *http.Response, answer io.Reader) error {
	head, _ := io.ReadAll(io.LimitReader(answer, 4<<10))
	after, _ := retry.FromHeader(resp.Header, time.Now())
	if after == 0 && resp.StatusCode == http.StatusTooManyRequests {
		if s, err := strconv.Atoi(resp.Header.Get("RateLimit-Reset")); err == nil && s >= 0 && s <= 3600 {
			after = time.Duration(s) * time.Second
		}
	}
	e := &StatusError{Status: resp.StatusCode, RetryAfter: after}
	// geth and others send JSON-RPC errors with a 4xx or 5xx status.
	var answered struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(head, &answered) == nil && len(answered.Error) > 0 && answered.Error[0] == '{' && resp.StatusCode != http.StatusTooManyRequests {
		return decodeRPCError(answered.Error)
	}
	e.Body = string(bytes.TrimSpace(head))
	return e
}

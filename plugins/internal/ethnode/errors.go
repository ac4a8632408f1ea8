package ethnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// RPCError is an error that the node answered: the "error" member of JSON-RPC
// 2.0.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *RPCError) Error() string {
	return fmt.Sprintf("the node answered error %d: %s", e.Code, e.Message)
}

func decodeRPCError(raw json.RawMessage) error {
	e := new(RPCError)
	if err := json.Unmarshal(raw, e); err != nil {
		// Some gateways put a bare string there.
		if json.Unmarshal(raw, &e.Message) != nil {
			e.Message = excerpt(raw)
		}
	}
	if len(e.Message) > 500 {
		e.Message = e.Message[:500] + "…"
	}
	return e
}

// StatusError is an HTTP answer other than 200.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // zero when the server gave none
	Body       string        // first bytes, scrubbed
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("HTTP %d %s", e.Status, http.StatusText(e.Status))
	if e.Body != "" {
		text += ": " + e.Body
	}
	return text
}

// ErrStalled is the cause when an answer stopped arriving half-way.
var ErrStalled = errors.New("no byte arrived for too long")

// ErrNotFound marks an answer that says: the node does not have this block, or
// not yet.
var ErrNotFound = errors.New("the node does not have the block (yet)")

// ErrOutsideWindow marks an answer that says: the node no longer has the state
// that the witness of this block needs.
var ErrOutsideWindow = errors.New("the block is older than the node's witness window")

// ErrNoMethod marks an answer that says: the node does not offer the method.
var ErrNoMethod = errors.New("the node does not offer the method")

// parseRetryAfter reads seconds or an HTTP date (RFC 9110, 10.2.3).
func parseRetryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 3600) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), time.Hour)
	}
	return 0
}

// meaning adds ErrNotFound, ErrOutsideWindow or ErrNoMethod to an answer that
// says so. Clients agree on the code of the last only, so the others are read
// from the words that geth, reth, ethrex, nethermind and erigon use.
func meaning(e *RPCError) error {
	text := strings.ToLower(e.Message)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case e.Code == -32601, has("method not found", "does not exist/is not available", "unsupported method", "method is not whitelisted", "method disabled"):
		return fmt.Errorf("%w: %w", ErrNoMethod, e)
	case has("proof window", "too old", "pruned", "missing trie node", "historical state", "state not available", "state is not available", "no state available", "state unavailable", "unknown state", "state histories haven't been", "parent missing"):
		return fmt.Errorf("%w: %w", ErrOutsideWindow, e)
	case has("not found", "unknown block", "not available yet", "is not available", "no block", "cannot find", "could not find", "does not exist", "beyond current head", "nil block"):
		return fmt.Errorf("%w: %w", ErrNotFound, e)
	}
	return e
}

// classify gives an error of a call the class that the host acts on, and words
// that name the endpoint and the method. It keeps the chain for errors.Is.
func (c *Client) classify(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*contract.Error](err); done {
		return err
	}
	// The URL, with its key, is part of what net/http says.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	// A limit of this package says more than the context that it ended.
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		err = cause
	}
	named := fmt.Errorf("%s at %s: %w", method, c.name, err)

	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return contract.Interrupted(named)
	}
	if e, ok := errors.AsType[*RPCError](err); ok {
		return classifyRPC(named, e, method)
	}
	if e, ok := errors.AsType[*StatusError](err); ok {
		return classifyStatus(named, e)
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, errNullResult):
		return contract.RetryAfter(fmt.Errorf("%w: %w", ErrNotFound, named), time.Second)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return contract.Retryable(fmt.Errorf("%w (the connection closed before the answer was complete)", named))
	case errors.As(err, &dns):
		return contract.Environment(named, "check the endpoint's host name and the resolver")
	case errors.As(err, &op) && op.Op == "dial":
		return contract.Environment(named, "is the node running, and is this its JSON-RPC address?")
	case isTLS(err):
		return contract.Environment(named, "check the endpoint's scheme (http or https) and its certificate")
	}
	return contract.Retryable(named)
}

func classifyRPC(named error, e *RPCError, method string) error {
	switch m := meaning(e); {
	case errors.Is(m, ErrNoMethod):
		remedy := "use an endpoint that offers " + method
		if strings.HasPrefix(method, "debug_") {
			remedy = "enable the debug namespace of the node's HTTP API (geth: --http.api eth,net,web3,debug; reth: --http.api eth,net,web3,debug), or use an endpoint that offers it"
		}
		return contract.Environment(fmt.Errorf("%w: %w", ErrNoMethod, named), remedy)
	case errors.Is(m, ErrOutsideWindow):
		return contract.Permanent(fmt.Errorf("%w: %w", ErrOutsideWindow, named))
	case errors.Is(m, ErrNotFound):
		return contract.RetryAfter(fmt.Errorf("%w: %w", ErrNotFound, named), time.Second)
	case e.Code == -32005 || e.Code == 429 || strings.Contains(strings.ToLower(e.Message), "rate limit"):
		return limited(named, 0)
	}
	return contract.Retryable(named)
}

func classifyStatus(named error, e *StatusError) error {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return limited(named, e.RetryAfter)
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusPaymentRequired:
		return contract.Environment(named, "check the endpoint's credentials: API key, user info, headers")
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed:
		return contract.Environment(named, "no JSON-RPC is served at this address: check the endpoint's path and port")
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
		return &contract.Error{Class: contract.ClassEnvironment, Err: named, After: e.RetryAfter, Remedy: "the gateway cannot reach the node behind it"}
	}
	return contract.RetryAfter(named, e.RetryAfter)
}

// limited is a rate limit: no fault of the block, so no attempt is spent.
func limited(named error, after time.Duration) error {
	if after == 0 {
		after = 5 * time.Second
	}
	return &contract.Error{Class: contract.ClassEnvironment, Err: named, After: after,
		Remedy: "the endpoint limits the rate of requests: raise its limit or add another endpoint"}
}

func isTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "tls:") || strings.Contains(text, "x509:") ||
		strings.Contains(text, "server gave HTTP response to HTTPS client") || strings.Contains(text, "malformed HTTP response")
}

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
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// RPCError is an error that the node answered: the "error" member of JSON-RPC
// 2.0.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Data is what the node adds, in words: the text of a string, or else JSON.
	Data string `json:"-"`
}

func (e *RPCError) Error() string {
	said := fmt.Sprintf("the node answered error %d: %s", e.Code, text.Cut(e.Message, maxMessage))
	if e.Data != "" {
		said += ": " + text.Cut(e.Data, maxMessage)
	}
	return said
}

// Limits on what is kept of a node's words, in bytes.
const (
	maxMessage = 500
	maxExcerpt = 80
)

func decodeRPCError(raw json.RawMessage) *RPCError {
	e := new(RPCError)
	var body struct {
		*RPCError
		Data json.RawMessage `json:"data"`
	}
	body.RPCError = e
	if err := json.Unmarshal(raw, &body); err != nil {
		// Some gateways put a bare string there.
		if json.Unmarshal(raw, &e.Message) != nil {
			e.Message = string(raw)
		}
	}
	if len(body.Data) > 0 && string(body.Data) != "null" && json.Unmarshal(body.Data, &e.Data) != nil {
		e.Data = string(body.Data)
	}
	return e
}

// garbageError is an answer that is no JSON-RPC. What it shows of it is cut when it
// is printed, so that secrets can be taken out before: half of one is not
// recognised.
type garbageError struct {
	want  string
	found string // the first bytes
}

func newGarbageError(want string, found []byte) *garbageError {
	return &garbageError{want, string(found[:min(len(found), 4<<10)])}
}

func (e *garbageError) Error() string {
	return fmt.Sprintf("answer is no JSON-RPC: want %s, found %q", e.want, text.Cut(e.found, maxExcerpt))
}

// StatusError is an HTTP answer other than 200.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // zero when the server gave none
	Body       string        // first bytes
}

func (e *StatusError) Error() string {
	said := fmt.Sprintf("HTTP %d %s", e.Status, http.StatusText(e.Status))
	if e.Body != "" {
		said += ": " + text.Cut(e.Body, maxExcerpt)
	}
	return said
}

// ErrStalled is the cause when an answer stopped arriving half-way.
var ErrStalled = errors.New("no byte arrived for too long")

// ErrNotFound marks an answer that says: the node does not have this block, or
// not yet.
var ErrNotFound = errors.New("the node does not have the block (yet)")

// ErrNoState marks an answer that says: the node does not have the state that the
// witness of this block needs. Near the head that is so for a moment, since a block
// is announced before its state is stored everywhere; far below it is final.
var ErrNoState = errors.New("the node does not have the state of the block")

// ErrOutsideWindow marks an ErrNoState that is final: the block lies so far below
// the node's head that its state is gone.
var ErrOutsideWindow = errors.New("the block is older than the node's witness window")

// ErrNoMethod marks an answer that says: the node does not offer the method.
var ErrNoMethod = errors.New("the node does not offer the method")

// errLimit is in the chain of an ErrNoState where the node names a limit of its own
// that the block is beyond.
var errLimit = errors.New("it names a limit")

// sayings are what clients say, in lower case, and what it means. The first that
// occurs in an answer counts.
var sayings = []struct {
	meaning error
	words   []string
}{
	{ErrNoMethod, []string{"method not found", "does not exist/is not available", "unsupported method", "method is not whitelisted", "method disabled", "requires commitment history"}},
	{fmt.Errorf("%w, and %w", ErrNoState, errLimit), []string{"proof window", "too old", "history has expired", "is pruned", "been pruned", "pruned history"}},
	{ErrNoState, []string{
		"missing trie node", "historical state", "state not available", "state is not available", "no state available", "no state found", "state unavailable",
		"world state unavailable", "unknown state", "state histories haven't been", "trienode histories haven't been", "layer missing", "] missing", "is not canonical", "state root not found",
		"parent missing", "has not been executed yet", "insufficient changesets", "failed to build execution witness",
	}},
	{ErrNoState, []string{"state 0x"}},
	{ErrNotFound, []string{
		"not found", "unknown block", "not available yet", "is not available", "no block", "unable to find block", "cannot find", "could not find", "does not exist",
		"beyond current head", "nil block", "no header found", "failed to resolve block number", "could not get block",
	}},
}

// meaning is what a node's error means, nil where nothing is known of it. Clients
// agree on the code of ErrNoMethod only, so the rest is read from their words.
func meaning(e *RPCError) error {
	if e.Code == -32601 {
		return ErrNoMethod
	}
	said := strings.ToLower(e.Message + " " + e.Data)
	for _, s := range sayings {
		for _, words := range s.words {
			if strings.Contains(said, words) {
				return s.meaning
			}
		}
	}
	return nil
}

// classify gives an error of a call the class that the host acts on, and words
// that name the endpoint and the method. It keeps the chain for errors.Is.
func (c *Client) classify(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	// A call that was called off because of another one's error, which is then the
	// cause, has no error of its own.
	if _, others := errors.AsType[*contract.Error](context.Cause(ctx)); others && ctx.Err() != nil {
		return contract.Interrupted(fmt.Errorf("%s at %s was called off: %w", method, c.name, errUnjudged))
	}
	if _, done := errors.AsType[*contract.Error](err); done {
		return err
	}
	err = c.clean(err)
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

// clean takes the endpoint's secrets out of an error. This is the one place where
// the words of a node, and those of the libraries that speak with it, enter.
func (c *Client) clean(err error) error {
	// The URL, with its key, is part of what net/http says.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*RPCError](err); ok {
		e.Message, e.Data = c.redactor.Text(e.Message), c.redactor.Text(e.Data)
	}
	if e, ok := errors.AsType[*StatusError](err); ok {
		e.Body = c.redactor.Text(e.Body)
	}
	if e, ok := errors.AsType[*garbageError](err); ok {
		e.found = c.redactor.Text(e.found)
	}
	return c.redactor.Error(err)
}

func classifyRPC(named error, e *RPCError, method string) error {
	switch m := meaning(e); {
	case errors.Is(m, ErrNoMethod):
		remedy := "use an endpoint that offers " + method
		switch {
		case strings.Contains(e.Message, "commitment history"):
			remedy = "restart erigon with --prune.experimental.include-commitment-history, or use another endpoint"
		case strings.HasPrefix(method, "debug_"):
			remedy = "enable the debug namespace of the node's HTTP API (geth: --http.api eth,net,web3,debug; reth: --http.api eth,net,web3,debug), or use an endpoint that offers it"
		}
		return contract.Environment(fmt.Errorf("%w: %w", ErrNoMethod, named), remedy)
	case errors.Is(m, ErrNoState):
		return contract.RetryAfter(fmt.Errorf("%w: %w", m, named), 2*time.Second)
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

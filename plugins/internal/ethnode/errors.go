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

// RPCError is an error that a node returned: the "error" member of a JSON-RPC 2.0
// response.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	// Data is the member "data": the text where it is a string, otherwise its JSON.
	Data string `json:"-"`
}

func (e *RPCError) Error() string {
	message := fmt.Sprintf("the node answered error %d: %s", e.Code, text.Cut(e.Message, maxMessage))
	if e.Data != "" {
		message += ": " + text.Cut(e.Data, maxMessage)
	}
	return message
}

// Limits of what an error shows of a node's answer, in bytes.
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
		// Some gateways send a string instead of an object.
		if json.Unmarshal(raw, &e.Message) != nil {
			e.Message = string(raw)
		}
	}
	if len(body.Data) > 0 && string(body.Data) != "null" && json.Unmarshal(body.Data, &e.Data) != nil {
		e.Data = string(body.Data)
	}
	return e
}

// garbageError is an answer that is no JSON-RPC. Error shortens the excerpt, so that
// secrets can be removed from the whole text before: the redactor does not recognise
// a part of a secret.
type garbageError struct {
	want  string
	found string // the first 4 KiB of what was read instead
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
	Body       string        // the first 4 KiB
}

func (e *StatusError) Error() string {
	message := fmt.Sprintf("HTTP %d %s", e.Status, http.StatusText(e.Status))
	if e.Body != "" {
		message += ": " + text.Cut(e.Body, maxExcerpt)
	}
	return message
}

// ErrStalled is the cause of a call that was cancelled because its answer stopped
// arriving.
var ErrStalled = errors.New("no byte arrived for too long")

// ErrNotFound means that the node does not have the block, or not yet.
var ErrNotFound = errors.New("the node does not have the block (yet)")

// ErrNoState means that the node does not have the state from which it would make
// the witness of the block. Near the head this may change within a moment, because a
// block is announced before its state is stored. Far below the head it is final.
var ErrNoState = errors.New("the node does not have the state of the block")

// ErrOutsideWindow means that an ErrNoState is final: the block lies so far below the
// node's head that the node has deleted its state.
var ErrOutsideWindow = errors.New("the block is older than the node's witness window")

// ErrNoMethod means that the node does not offer the JSON-RPC method.
var ErrNoMethod = errors.New("the node does not offer the method")

// errLimit is in the chain of an ErrNoState where the node named a limit of its own
// that the block exceeds.
var errLimit = errors.New("it names a limit")

// knownMessages maps parts of the clients' error messages, in lower case, to their
// meaning. The first entry that matches decides.
var knownMessages = []struct {
	meaning  error
	patterns []string
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

// meaning returns the error of this package that a node's error stands for, nil where
// it is not known. Clients agree only on the code of ErrNoMethod. The others are
// recognised by their messages.
func meaning(e *RPCError) error {
	if e.Code == -32601 {
		return ErrNoMethod
	}
	message := strings.ToLower(e.Message + " " + e.Data)
	for _, s := range knownMessages {
		for _, pattern := range s.patterns {
			if strings.Contains(message, pattern) {
				return s.meaning
			}
		}
	}
	return nil
}

// classify adds to an error of a call the class that the host acts on, the endpoint
// and the method. It keeps the chain for errors.Is.
func (c *Client) classify(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	// A classified cause is the error of another call, which cancelled this one. This
	// call has no error of its own.
	if _, fromOther := errors.AsType[*contract.Error](context.Cause(ctx)); fromOther && ctx.Err() != nil {
		return contract.Interrupted(fmt.Errorf("%s at %s was cancelled: %w", method, c.name, errNotCompared))
	}
	if _, classified := errors.AsType[*contract.Error](err); classified {
		return err
	}
	err = c.clean(err)
	// The cause names the limit that cancelled the context; err does not.
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

// clean removes the endpoint's secrets from an error. Every text of a node, and of
// the libraries that talk to it, passes through this function.
func (c *Client) clean(err error) error {
	// The message of a url.Error contains the URL with its key.
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
		return rateLimited(named, 0)
	}
	return contract.Retryable(named)
}

func classifyStatus(named error, e *StatusError) error {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return rateLimited(named, e.RetryAfter)
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden, e.Status == http.StatusPaymentRequired:
		return contract.Environment(named, "check the endpoint's credentials: API key, user info, headers")
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed:
		return contract.Environment(named, "no JSON-RPC is served at this address: check the endpoint's path and port")
	case e.Status == http.StatusBadGateway, e.Status == http.StatusServiceUnavailable, e.Status == http.StatusGatewayTimeout:
		return &contract.Error{Class: contract.ClassEnvironment, Err: named, After: e.RetryAfter, Remedy: "the gateway cannot reach the node behind it"}
	}
	return contract.RetryAfter(named, e.RetryAfter)
}

// rateLimited is the error of a rate limit. It has the class environment, because the
// block is not at fault and no attempt is to be spent.
func rateLimited(named error, after time.Duration) error {
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

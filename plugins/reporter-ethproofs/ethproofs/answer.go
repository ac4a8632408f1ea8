package ethproofs

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/retry"
)

// StatusError is an answer with another status than the request expects.
type StatusError struct {
	Request    string // method and path
	Status     int
	Text       string        // the body as one quoted line, shortened
	Empty      bool          // the answer had no body, as after an exception that no handler caught
	RetryAfter time.Duration // only with status 429; at least a second
	Location   string        // only of a redirect
}

// Error returns request, status, body and the target of a redirect, without the key.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: status %d: %s", e.Request, e.Status, e.Text)
	if e.Location != "" {
		text += ", redirected to " + e.Location
	}
	return text
}

// statusError reads the body of the answer and returns the error for it.
func (c *Client) statusError(request string, response *http.Response) *StatusError {
	content, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	e := &StatusError{Request: request, Status: response.StatusCode, Text: c.excerpt(content), Empty: len(content) == 0}
	if location, err := response.Location(); err == nil {
		e.Location = c.redactor.Text(printable(location))
	}
	if response.StatusCode == http.StatusTooManyRequests {
		e.RetryAfter = retry.After(response.Header, time.Now(), time.Minute) // the server's window is a minute
	}
	return e
}

// limitOf returns what the headers X-RateLimit-Remaining and X-RateLimit-Reset state
// (ethproofs/ethproofs:lib/middleware/with-rate-limit.ts@98b7a6f1), and nil where they
// are missing or malformed.
func limitOf(header http.Header) *Limit {
	remaining, err := strconv.Atoi(header.Get("X-RateLimit-Remaining"))
	if err != nil {
		return nil
	}
	reset, err := time.Parse(time.RFC3339, header.Get("X-RateLimit-Reset"))
	if err != nil {
		return nil
	}
	// A wrong clock must not hold requests for longer than a window.
	if latest := time.Now().Add(window); reset.After(latest) {
		reset = latest
	}
	return &Limit{Remaining: remaining, Reset: reset}
}

// printable returns the part of a URL that may be printed: no credentials and no query.
func printable(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

package ethproofs

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// StatusError is an answer that is not the wanted one.
type StatusError struct {
	Request    string // method and path
	Status     int
	Text       string        // the body as one quoted line, shortened
	Empty      bool          // there was no body: an exception that no handler caught
	RetryAfter time.Duration // of a 429; at least a second
	Location   string        // of a redirect
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: status %d: %s", e.Request, e.Status, e.Text)
	if e.Location != "" {
		text += ", redirected to " + e.Location
	}
	return text
}

// statusError reads what is left of the answer.
func (c *Client) statusError(request string, response *http.Response) *StatusError {
	content, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	e := &StatusError{Request: request, Status: response.StatusCode, Text: c.excerpt(content), Empty: len(content) == 0}
	if location, err := response.Location(); err == nil {
		e.Location = c.blot(printable(location))
	}
	if response.StatusCode == http.StatusTooManyRequests {
		e.RetryAfter = retryAfter(response.Header, time.Now())
	}
	return e
}

// printable is the part of a URL that may be printed.
func printable(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// retryAfter reads Retry-After in both of its forms (RFC 9110, 10.2.3). Without
// a readable one it is a minute, the server's window; it is never under a second
// nor over an hour.
func retryAfter(header http.Header, now time.Time) time.Duration {
	wait := time.Minute
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, time.Second), time.Hour)
}

package endpoint

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Transport counts the requests that its Base carries out. A request counts as failed
// when there is no answer, and when the status is 429 or 5xx. Its time ends with the
// header of the answer. A cancelled request is not counted.
type Transport struct {
	Tally *Tally
	Base  http.RoundTripper
	// Host is the host, with its port as in a URL, whose requests are counted. With an
	// empty Host all requests are counted.
	Host string
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.Host != "" && r.URL.Host != t.Host {
		return t.Base.RoundTrip(r)
	}
	began := time.Now()
	response, err := t.Base.RoundTrip(r)
	if err != nil && errors.Is(r.Context().Err(), context.Canceled) {
		return response, err // cancelled
	}
	t.Tally.Ended(time.Since(began), err != nil || response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500)
	return response, err
}

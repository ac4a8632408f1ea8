package endpoint

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Transport counts the requests that a transport carries out. A request has failed when
// there is no answer, and when the answer is that the server cannot answer now (429) or
// has failed (5xx). The time is that until the header of the answer.
type Transport struct {
	Tally *Tally
	Base  http.RoundTripper
	// Host is the only host, with its port as in a URL, whose requests are counted;
	// empty for any.
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
		return response, err // called off
	}
	t.Tally.Ended(time.Since(began), err != nil || response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500)
	return response, err
}

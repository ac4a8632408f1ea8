package endpoint

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestTransport checks which requests count as calls and which as failed calls.
func TestTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/ill":
			w.WriteHeader(http.StatusBadGateway)
		case "/refused":
			w.WriteHeader(http.StatusForbidden)
		case "/hangs":
			<-r.Context().Done()
		case "/cut":
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for address, want := range map[string]contract.Endpoint{
		server.URL:              {Calls: 1},
		server.URL + "/refused": {Calls: 1}, // an answer
		server.URL + "/busy":    {Calls: 1, Failed: 1},
		server.URL + "/ill":     {Calls: 1, Failed: 1},
		server.URL + "/cut":     {Calls: 1, Failed: 1},
		server.URL + "/hangs":   {}, // cancelled
		other.URL:               {}, // another host
	} {
		var tally Tally
		client := http.Client{Transport: Transport{Tally: &tally, Base: http.DefaultTransport, Host: strings.TrimPrefix(server.URL, "http://")}}
		ctx, cancel := context.WithCancelCause(t.Context())
		if strings.HasSuffix(address, "/hangs") {
			cancel(errors.New("another was faster"))
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := client.Do(r); err == nil {
			answer.Body.Close()
		}
		cancel(nil)
		got := tally.Endpoint("", "")
		if got.Calls != want.Calls || got.Failed != want.Failed || (got.Time > 0) != (want.Calls > 0) {
			t.Errorf("%s: %+v", address, got)
		}
	}
}

// TestRefused checks that there are never more failed calls than calls.
func TestRefused(t *testing.T) {
	var tally Tally
	tally.Refused()
	tally.Ended(-1, false)
	tally.Refused()
	tally.Refused()
	if got, want := tally.Endpoint("a", "down"), (contract.Endpoint{Name: "a", Detail: "down", Calls: 1, Failed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

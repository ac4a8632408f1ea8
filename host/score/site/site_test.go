package site

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAsk serves the three answers that were observed at the site's handler.
func TestAsk(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the question carries a key")
		}
		switch r.URL.Path {
		case "/api/v0/blocks/24000100":
			_, _ = w.Write([]byte(`{"block_number":24000100,"timestamp":"2026-11-25T11:00:11.000Z","gas_used":20000100,"transaction_count":3,"hash":"0xab","created_at":"2026-11-25T11:00:20.000Z"}`))
		case "/api/v0/blocks/24000101":
			_, _ = w.Write([]byte(`{"block_number":24000101,"timestamp":null,"gas_used":null,"transaction_count":null,"hash":null,"created_at":"2026-11-25T11:00:20.000Z"}`))
		case "/api/v0/blocks/24000102":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("Block not found"))
		default:
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	got, err := Ask(t.Context(), server.Client(), server.URL, []uint64{24000100, 24000101, 24000102})
	if err != nil || len(got.Times) != 3 || !got.Times[24000100].Equal(time.Date(2026, 11, 25, 11, 0, 11, 0, time.UTC)) ||
		!got.Times[24000101].IsZero() || !got.Times[24000102].IsZero() || got.Complete {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = Ask(t.Context(), server.Client(), server.URL+"/api/v0/", []uint64{24000100, 7, 24000102})
	if !errors.Is(err, ErrPartial) || !strings.Contains(err.Error(), "1 of 3") || !strings.Contains(err.Error(), "429") || got == nil || len(got.Times) != 1 {
		t.Errorf("after a refusal: %+v, %v", got, err)
	}
	for _, base := range []string{"ethproofs.org", "https://user:word@ethproofs.org", "ftp://x", ""} {
		if _, err := Ask(t.Context(), server.Client(), base, nil); err == nil || strings.Contains(err.Error(), "word@") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

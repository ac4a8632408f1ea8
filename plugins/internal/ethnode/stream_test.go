package ethnode_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/proofline/proofline/plugins/internal/ethnode"
)

// TestStreamReleasesItsDestination checks that a finished stream does not keep its destination
// in memory until its timers have expired.
func TestStreamReleasesItsDestination(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, part := range []string{`{"jsonrpc":"2.0",`, `"id":1,`, `"result":"0x1"}`} {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	client, err := ethnode.NewClient(server.URL, ethnode.Options{StallTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	held := func() weak.Pointer[bytes.Buffer] {
		dst := &bytes.Buffer{}
		if err := client.Stream(t.Context(), dst, time.Hour, "eth_chainId"); err != nil || dst.String() != `"0x1"` {
			t.Fatalf("%q, %v", dst, err)
		}
		return weak.Make(dst)
	}()
	for end := time.Now().Add(30 * time.Second); held.Value() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("something still holds the destination of a stream that has ended")
		}
		runtime.GC() // goroutines of the connection may still be on their way out
	}
}

// TestAnswersAreLimited checks that an answer over the limit is cancelled at the limit,
// compressed or not.
func TestAnswersAreLimited(t *testing.T) {
	const limit = 100_000
	for _, packed := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var out io.Writer = w
			if packed {
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				defer z.Close()
				out = z
			}
			fmt.Fprint(out, `{"jsonrpc":"2.0","id":1,"result":"0x`)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(out, strings.Repeat("00", 10_000)); err != nil {
					return
				}
			}
		}))
		client, err := ethnode.NewClient(server.URL, ethnode.Options{MaxAnswer: limit, Compression: &packed})
		if err != nil {
			t.Fatal(err)
		}
		dst := &bytes.Buffer{}
		if err := client.Stream(t.Context(), dst, time.Minute, "debug_executionWitness"); err == nil || !strings.Contains(err.Error(), "answer is over 100000 bytes") || dst.Len() > limit {
			t.Errorf("packed %t: %v after %d bytes", packed, err, dst.Len())
		}
		client.Close()
		server.CloseClientConnections()
		server.Close()
	}
}

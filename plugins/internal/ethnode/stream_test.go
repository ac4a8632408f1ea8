package ethnode_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/proofline/proofline/plugins/internal/ethnode"
)

// TestStreamLetsGoOfItsDestination: a witness that has arrived is not held until
// the time is over in which it could have stalled.
func TestStreamLetsGoOfItsDestination(t *testing.T) {
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

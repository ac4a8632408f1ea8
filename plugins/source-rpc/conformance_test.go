package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
)

// TestConformance tests the plugin's binary over the handshake and gRPC.
func TestConformance(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "source-rpc")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	chain := ethnodetest.NewChain(30)
	node, stalled := ethnodetest.Start(t, chain), ethnodetest.Start(t, chain)
	stalled.Set(func(n *ethnodetest.Node) {
		n.Fault = func(_ http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
			if strings.HasPrefix(call.Method, "debug") {
				<-r.Context().Done()
				return true
			}
			return false
		}
	})
	config := func(n *ethnodetest.Node) []byte {
		return fmt.Appendf(nil, `{"endpoints":[{"url":%q,"ws":%q}],"poll":"50ms"}`, n.URL, n.WS)
	}
	first := uint64(1)
	sdktest.Test(t, sdktest.Suite{Target: sdktest.Binary(binary), Config: config(node), Slow: config(stalled),
		Selection: contract.Selection{Every: 1, From: &first}})
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/sdktest"
)

// TestConformance tests the plugin's binary over the handshake and gRPC.
func TestConformance(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "source-archive")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	chain := ethnodetest.NewChain(30)
	keep(t, dir, chain, 11, 12, 13, 14, 15, 16, 17, 18)
	block := chain.At(16).Contract(chain.ID)
	sdktest.Test(t, sdktest.Suite{Target: sdktest.Binary(binary), Config: fmt.Appendf(nil, `{"dir":%q,"follow":true}`, dir), Block: block})
}

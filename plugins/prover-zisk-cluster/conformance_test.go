package main

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "prover-zisk-cluster")
	if out, err := exec.Command("go", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	elf := filepath.Join(t.TempDir(), "guest.elf")
	if err := os.WriteFile(elf, []byte("a guest program"), 0o600); err != nil {
		t.Fatal(err)
	}
	tool := zisktest.New(t, zisktest.Scenario{Version: "0.18.0"})
	defer zisktest.Cleanup()
	config := func(how coordinatortest.Behaviour) json.RawMessage {
		// The double's proofs prove nothing, and only its own verify accepts them.
		data, err := json.Marshal(map[string]any{"elf": elf, "coordinator": coordinatortest.Start(t, how).URL(), "verifier": "tool", "verify_bin": tool.Path})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	input := append(binary.LittleEndian.AppendUint64(nil, 8), "an input"...)
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(plugin),
		Config: config(coordinatortest.Behaviour{Phase: 5 * time.Millisecond}),
		Slow:   config(coordinatortest.Behaviour{Phase: time.Hour}),
		Inputs: []sdktest.Input{{Name: "input.bin", Data: input}},
		Grace:  5 * time.Second,
	})
}

package main

import (
	"encoding/binary"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "prover-ere")
	if out, err := exec.Command("go", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	never := make(chan struct{})
	defer close(never)
	config := func(how eretest.Behaviour) json.RawMessage {
		data, err := json.Marshal(map[string]any{"endpoints": []string{eretest.Start(t, how).URL}, "proof": "ere", "health_interval": "100ms"})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	input := append(binary.LittleEndian.AppendUint64(nil, 8), "an input"...)
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(plugin),
		Config: config(eretest.Behaviour{}),
		Slow:   config(eretest.Behaviour{Prove: func([]byte) eretest.Outcome { return eretest.Outcome{Until: never} }}),
		Inputs: []sdktest.Input{{Name: "input.bin", Data: input}},
	})
}

package main

import (
	"encoding/json"
	"testing"

	"github.com/proofline/proofline/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(buildPlugin(t)),
		Config: json.RawMessage(`{"command":["cp","{input}","{proof}"],"proof":"proof.bin","verify":["cmp","{input}","{proof}"],
			"provides":{"guest":"none"},"requires":{"input.format":["g4"]},"version":["echo","cp 1.0"]}`),
		Slow:   json.RawMessage(`{"command":["sh","-c","echo begun; setsid sleep 100 & sleep 100"],"proof":"proof.bin"}`),
		Inputs: []sdktest.Input{{Name: "input.bin", Data: []byte("a guest input")}},
	})
}

// TestGateConforms: without a proof the stage is a gate.
func TestGateConforms(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(buildPlugin(t)),
		Config: json.RawMessage(`{"command":["test","-s","{input}"]}`),
		Inputs: []sdktest.Input{{Name: "input.bin", Data: []byte("a guest input")}},
	})
}

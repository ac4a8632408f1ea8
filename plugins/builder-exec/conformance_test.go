package main

import (
	"encoding/json"
	"testing"

	"github.com/proofline/proofline/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(buildPlugin(t)),
		Config: json.RawMessage(`{"command":["cp","{in:block.json}","{output}"]}`),
		Slow:   json.RawMessage(`{"command":["sh","-c","echo begun; setsid sleep 100 & sleep 100"],"progress":[{"pattern":"begun"}]}`),
		Inputs: []sdktest.Input{{Name: "block.json", Data: []byte("{}")}},
	})
}

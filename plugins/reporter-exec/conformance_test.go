package main

import (
	"encoding/json"
	"testing"

	"github.com/proofline/proofline/sdk/sdktest"
)

func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(buildPlugin(t)),
		Config: json.RawMessage(`{"command":["sh","-c","grep -q '\"kind\": \"'$1 $2 && test \"$PROOFLINE_EVENT\" = $1","-","{event}","{file}"]}`),
		Slow:   json.RawMessage(`{"command":["sh","-c","echo begun; setsid sleep 100 & sleep 100"],"progress":[{"pattern":"begun"}]}`),
		Inputs: []sdktest.Input{{Name: "proof.bin", Data: []byte("a proof"), Role: "proof"}},
	})
}

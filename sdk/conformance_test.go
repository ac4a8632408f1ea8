package sdk_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/sdktest"
)

func TestExampleConforms(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.InProcess(sdk.NewProver("prover-example", "0.1.0", open, sdk.Summary("Proves with an external tool."))),
		Config: json.RawMessage(`{"tool":"cp"}`),
		Inputs: []sdktest.Input{{Name: sdk.ArtifactInput, Data: []byte("guest input")}},
	})
}

func TestBinaryConforms(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asTool+"=1", "GORACE=atexit_sleep_ms=0"),
		Config: json.RawMessage(`{"key":"k"}`),
		Slow:   json.RawMessage(`{"key":"k","behaviour":"wait"}`),
		Inputs: []sdktest.Input{{Name: sdk.ArtifactInput, Data: []byte("guest input")}},
	})
}

package main

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/proofline/proofline/sdk/sdktest"
)

// asPlugin makes this test binary the plugin itself.
const asPlugin = "PROOFLINE_TEST_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"period":"1s","transactions":6}`),
	})
}

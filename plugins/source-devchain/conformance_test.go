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

// Each life of the plugin gets a new state directory from the kit, and so another
// chain. The two checks that compare lives are made by TestBlocksFlow here and by
// package chain.
func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"period":"1s","transactions":6}`),
		Skip:   []string{"poll/continues", "kill/no-halves"},
	})
}

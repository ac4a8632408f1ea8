package main

import (
	"encoding/json"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
)

// asPlugin makes the test binary the plugin.
const asPlugin = "PROOFLINE_TEST_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		sdk.Serve(plugin())
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"url":"` + newChannel(t).URL + path + `","per_minute":60}`),
		Slow:   json.RawMessage(`{"url":"` + silent(t) + path + `"}`),
		Event:  contract.EventFailed,
		Facts:  map[string]string{contract.FactReason: "out of memory"},
	})
}

// silent is a server that takes connections and never answers.
func silent(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String()
}

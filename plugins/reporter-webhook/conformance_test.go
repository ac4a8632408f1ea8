package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
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
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"url":"` + receiver.URL + `/verysecret","secret":"a secret of more than 16 bytes"}`),
		Slow:   json.RawMessage(`{"command":["sleep","60"]}`),
		Event:  contract.EventProved,
		Inputs: []sdktest.Input{{Name: "proof.bin", Data: []byte("a proof"), Role: contract.RoleProof}},
	})
}

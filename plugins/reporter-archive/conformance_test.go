package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/plugins/internal/objects/objectstest"
	"github.com/proofline/proofline/sdk"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	at := func(endpoint string) json.RawMessage {
		return fmt.Appendf(nil, `{"s3":{"endpoint":%q,"bucket":%q,"access_key":%q,"secret_key":%q}}`, endpoint, objectstest.Bucket, objectstest.Key, objectstest.Secret)
	}
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: at(objectstest.InProcess(t, nil)), Slow: at("http://" + listener.Addr().String()), Standard: true,
	})
}

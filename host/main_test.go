package host

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/wire"
)

// TestMain makes the test binary also the keeper and every plugin. It is a plugin when it
// was started through a link with the name of that plugin.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	plugin, isPlugin := testPlugins()[name]
	switch {
	case len(os.Args) > 1 && os.Args[1] == "keeper":
		os.Exit(keeper.Main(os.Args[2:]))
	case isPlugin:
		sdk.Serve(plugin)
		return
	case os.Getenv(wire.Handshake.MagicCookieKey) != "" || len(os.Args) > 1 && os.Args[1] == "describe":
		fmt.Fprintf(os.Stderr, "%s is none of the plugins of the tests\n", name)
		os.Exit(2)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if pluginLinks != "" {
			_ = os.RemoveAll(pluginLinks)
		}
		os.Exit(code)
	}))
}

// Command proofline-keeper is the process between the host and a plugin, as a program of
// its own. A keeper runs as long as its plugin. This program needs a fifth of the memory
// of proofline itself and starts in a tenth of its time. See host/keeper.
package main

import (
	"fmt"
	"os"

	"github.com/proofline/proofline/host/keeper"
)

func main() {
	// The command line is that of "proofline keeper", by which a sweep finds keepers.
	if len(os.Args) < 2 || os.Args[1] != "keeper" {
		fmt.Fprintln(os.Stderr, "proofline-keeper is started by \"proofline run\", not by hand")
		os.Exit(keeper.ExitBroken)
	}
	os.Exit(keeper.Main(os.Args[2:]))
}

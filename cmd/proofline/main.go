// Command proofline runs a proving pipeline and looks after it. Every command
// is in a file of its own and can be called from a test through Run.
package main

import (
	"context"
	"os"

	"github.com/proofline/proofline/host/keeper"
)

func main() {
	// The shim around every plugin is this same program; it stays clear of the
	// command line parser and of everything else.
	if len(os.Args) > 1 && os.Args[1] == "keeper" {
		os.Exit(keeper.Main(os.Args[2:]))
	}
	os.Exit(Run(context.Background(), Options{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Signals: true,
	}, os.Args[1:]))
}

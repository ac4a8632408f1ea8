// Command proofline runs a proving pipeline and has the commands to observe and change
// it. Every command is in a file of its own. Tests call the commands through Run.
package main

import (
	"context"
	"os"

	"github.com/proofline/proofline/host/keeper"
)

func main() {
	// The keeper around a plugin may be this program, too. It must not use the command
	// line parser or anything else.
	if len(os.Args) > 1 && os.Args[1] == "keeper" {
		os.Exit(keeper.Main(os.Args[2:]))
	}
	os.Exit(Run(context.Background(), Options{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv, Signals: true,
	}, os.Args[1:]))
}

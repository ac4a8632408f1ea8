package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

// version is the release.
const version = "0.1.0"

// commit is the commit of the build. The linker sets it.
var commit string

func versionText() string {
	if commit == "" {
		return version
	}
	return version + " (" + commit + ")"
}

func (c commands) version() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.Stdout, "proofline %s %s %s/%s\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

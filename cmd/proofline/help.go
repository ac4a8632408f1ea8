package main

import (
	"slices"

	"github.com/urfave/cli/v2"
)

// help returns the command with which "proofline help blocks add" does the same as
// "proofline blocks add --help".
func (c commands) help() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "show the help of a command",
		ArgsUsage: "[COMMAND...]",
		Action: func(ctx *cli.Context) error {
			args := ctx.Args().Slice()
			list, name := ctx.App.Commands, ctx.App.Name
			for i, arg := range args {
				at := slices.IndexFunc(list, func(c *cli.Command) bool { return c.HasName(arg) && !c.Hidden })
				if at < 0 {
					return unknownCommand(list, name, args[i])
				}
				list, name = list[at].Subcommands, name+" "+arg
			}
			app := App(c.Options)
			return app.RunContext(ctx.Context, append(append([]string{app.Name}, args...), "--help"))
		},
	}
}

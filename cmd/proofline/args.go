package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags of a command line before its positional arguments, because
// the parser stops at the first positional argument. "--" ends the flags. If there is a
// flag for help, the rest of the command line is dropped.
func flagsFirst(app *cli.App, args []string) []string {
	if slices.Contains(args, "--generate-bash-completion") {
		return args
	}
	flags, list, skip := app.Flags, app.Commands, false
	var path, first, rest []string
	for len(args) > 0 { // read the names of the command and its sub-command
		i := slices.IndexFunc(list, func(c *cli.Command) bool { return c.HasName(args[0]) })
		if i < 0 {
			break
		}
		path = append(path, args[0])
		flags, skip = list[i].Flags, list[i].SkipFlagParsing
		list, args = list[i].Subcommands, args[1:]
	}
	if skip {
		return append(path, args...)
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			rest, args = append(rest, args...), nil
		case arg == "-h" || arg == "--help": // the help of the command, without its other arguments
			return append(path, "--help")
		case len(arg) < 2 || arg[0] != '-':
			rest = append(rest, arg)
		default:
			first = append(first, arg)
			if !takesValue(flags, arg) {
				continue
			}
			if len(args) == 0 { // the parser reports the missing value
				return append(path, first...)
			}
			first, args = append(first, args[0]), args[1:]
		}
	}
	if len(rest) > 0 {
		first = append(append(first, "--"), rest...)
	}
	return append(path, first...)
}

// takesValue reports whether the next argument is the value of this flag.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			d, ok := f.(cli.DocGenerationFlag)
			return ok && d.TakesValue()
		}
	}
	return false
}

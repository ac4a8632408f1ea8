package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/pipeline"
)

// Options are the inputs and outputs of a command.
type Options struct {
	Stdin          io.Reader // for the file "-"
	Stdout, Stderr io.Writer
	LookupEnv      pipeline.Lookup
	// Signals makes the command run react to SIGINT, SIGTERM and SIGHUP.
	Signals bool
}

// Run executes a command line without the program's name and returns the exit code. It
// writes errors to Stderr.
func Run(ctx context.Context, o Options, args []string) int {
	app := App(o)
	err := app.RunContext(ctx, append([]string{app.Name}, flagsFirst(app, args)...))
	return printError(o.Stderr, err)
}

// App returns the command line application. It neither exits the process nor prints
// errors; Run does that.
func App(o Options) *cli.App {
	c := commands{o}
	app := &cli.App{
		Name:                 "proofline",
		Usage:                "prove Ethereum blocks on your own machines and report them to EthProofs",
		Version:              versionText(),
		Writer:               o.Stdout,
		ErrWriter:            o.Stderr,
		HideHelpCommand:      true,
		Flags:                []cli.Flag{cli.HelpFlag}, // the library adds it only together with its own help command
		Suggest:              true,
		EnableBashCompletion: true,
		ExitErrHandler:       func(*cli.Context, error) {},
		OnUsageError:         usageError,
		Commands: []*cli.Command{
			c.run(), c.validate(), c.init(), c.doctor(), c.status(), c.top(), c.blocks(), c.prove(), c.verify(), c.report(), c.compare(), c.score(),
			c.drain(), c.reload(), c.upgradeCheck(), c.docs(), c.bench(), c.simulate(), c.completion(), c.manual(),
			c.plugins(), c.newProject(), c.db(), c.log(), c.explain(), c.schema(), c.help(), c.version(),
			{Name: "keeper", Hidden: true, SkipFlagParsing: true, Action: func(*cli.Context) error {
				return errors.New("proofline keeper is started by the host, as a process of its own")
			}},
		},
		Action: func(ctx *cli.Context) error {
			if ctx.Args().Present() {
				return unknownCommand(ctx.App.Commands, "proofline", ctx.Args().First())
			}
			return cli.ShowAppHelp(ctx)
		},
	}
	completeCommands(app.Commands, "proofline")
	return app
}

// commands has a method for each command, in the file of that name.
type commands struct{ Options }

// completeCommands sets the fields that all commands have in common.
func completeCommands(list []*cli.Command, parent string) {
	for _, c := range list {
		name := parent + " " + c.Name
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		c.Description = addExample(strings.TrimPrefix(name, "proofline "), c.Description)
		if len(c.Subcommands) > 0 {
			c.Action = func(ctx *cli.Context) error {
				if ctx.Args().Present() {
					return unknownCommand(c.Subcommands, name, ctx.Args().First())
				}
				return cli.ShowSubcommandHelp(ctx)
			}
		}
		completeCommands(c.Subcommands, name)
	}
}

// usageError returns the error for a command line that the parser cannot read.
func usageError(ctx *cli.Context, err error, _ bool) error {
	return usage("%v; see %s --help", err, cmp.Or(ctx.Command.HelpName, ctx.App.Name))
}

// unknownCommand returns the error for a command that does not exist, with a suggestion.
func unknownCommand(list []*cli.Command, parent, name string) error {
	if near := cli.SuggestCommand(list, name); name != "" && near != "" {
		return usage("there is no command %q. %s", parent+" "+name, near)
	}
	return usage("there is no command %q; see %s --help", parent+" "+name, parent)
}

// defaultFile is the pipeline file if the command line names none.
const defaultFile = "pipeline.yaml"

// fileFlag returns the flag for the pipeline file. Commands also accept the file as an
// argument, see pipelineFile and splitFile.
func fileFlag() cli.Flag {
	return &cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "the pipeline `FILE`, also as an argument (default: " + defaultFile + ")"}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print JSON"}
}

// pipelineFile returns the pipeline file of a command line: the flag --file, the single
// argument in args, or the default.
func pipelineFile(ctx *cli.Context, args []string) (string, error) {
	flag := ctx.String("file")
	switch {
	case len(args) > 1:
		return "", usage("one pipeline file is enough, got %d: %q", len(args), args)
	case len(args) == 1 && flag != "" && flag != args[0]:
		return "", usage("one pipeline file is enough, got --file %s and %s", flag, args[0])
	case len(args) == 1:
		return args[0], nil
	}
	return cmp.Or(flag, defaultFile), nil
}

// splitFile separates the pipeline file from the other arguments of a command. It
// recognises the file by its ending.
func splitFile(ctx *cli.Context) (rest []string, file string, err error) {
	var files []string
	for _, arg := range ctx.Args().Slice() {
		if strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") {
			files = append(files, arg)
		} else {
			rest = append(rest, arg)
		}
	}
	file, err = pipelineFile(ctx, files)
	return rest, file, err
}

// noArguments returns an error if there are positional arguments.
func noArguments(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usage("unexpected argument %q", ctx.Args().First())
	}
	return nil
}

// isTerminal reports whether the output goes to a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// plural returns "1 block" or "2 blocks".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

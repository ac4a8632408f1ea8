package inputbuilder

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
)

// Files holds the paths that the build command reads and writes. Out is "-" for standard
// output.
type Files struct{ Block, Witness, Out string }

// Build describes the build command of a builder.
type Build struct {
	Plugin, Example, Description string
	Formats                      string     // usage text of --format
	Flags                        []cli.Flag // further flags of this builder
	// Config returns the stage's config with the values of the flags.
	Config func(*cli.Context) interface{ Validate() []sdk.Finding }
	// Run builds the input and returns the facts of the stage's result. It writes warnings
	// to stderr.
	Run func(ctx context.Context, c *cli.Context, files Files, stdout, stderr io.Writer) (map[string]string, error)
}

// Command returns the build command.
func (b Build) Command() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "block", Usage: "the block, a JSON `FILE`", TakesFile: true},
		&cli.StringFlag{Name: "witness", Usage: "the execution witness, a JSON `FILE`", TakesFile: true},
		&cli.StringFlag{Name: "out", Usage: "the input, a `FILE` to write; - for standard output", TakesFile: true},
		&cli.StringFlag{Name: "guest", Usage: "guest program `NAME`; decides format and framing"},
		&cli.StringFlag{Name: "format", Usage: b.Formats},
		&cli.StringFlag{Name: "zisk", Usage: "ZisK `VERSION`, for the framing"},
		&cli.StringFlag{Name: "framing", Usage: "raw or framed"},
		&cli.StringFlag{Name: "network", Usage: "auto, " + strings.Join(chainspec.Networks(), ", "), Value: chainspec.Auto},
		&cli.StringFlag{Name: "genesis", Usage: "genesis `FILE` of any other chain", TakesFile: true},
		&cli.BoolFlag{Name: "json", Usage: "print facts of the input as JSON on standard output"},
	}
	return &cli.Command{
		Name: "build", Usage: "build one input from files", UsageText: b.Example,
		Description: "Block and witness are the answers to eth_getBlockByNumber(n, true) and debug_executionWitness(n),\n" +
			"with or without the JSON-RPC envelope; names that end in .gz are read as gzip.\n" + b.Description,
		Flags: append(flags, b.Flags...), Action: b.run,
	}
}

func (b Build) run(c *cli.Context) error {
	files := Files{Block: c.String("block"), Witness: c.String("witness"), Out: c.String("out")}
	for _, flag := range []string{"block", "witness", "out"} {
		if c.String(flag) == "" {
			return cli.Exit(fmt.Sprintf("--%s FILE is missing; see %s build --help", flag, b.Plugin), 2)
		}
	}
	if files.Out == "-" && c.Bool("json") {
		return cli.Exit("--json and --out - cannot both write to standard output", 2)
	}
	for _, f := range b.Config(c).Validate() {
		if f.Severity == sdk.SeverityError {
			return cli.Exit(f.Summary, 2)
		}
	}
	facts, err := b.Run(c.Context, c, files, c.App.Writer, c.App.ErrWriter)
	if err == nil && c.Bool("json") {
		err = printJSON(c.App.Writer, facts)
	}
	return err
}

// Summary describes an input.
type Summary interface {
	Print(io.Writer) error
	// Faults returns the number of faults for which a guest would refuse the input.
	Faults() int
}

// Inspect returns the command that shows an input. about is its description, and read
// reads and checks a file.
func Inspect(plugin, about string, read func(path string) (Summary, error)) *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what an input contains, and check it", UsageText: plugin + " inspect [--json] input.bin",
		Description: about,
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return cli.Exit("want one FILE; see "+plugin+" inspect --help", 2)
			}
			s, err := read(c.Args().First())
			if err != nil {
				return err
			}
			if c.Bool("json") {
				err = printJSON(c.App.Writer, s)
			} else {
				err = s.Print(c.App.Writer)
			}
			if err == nil && s.Faults() > 0 {
				err = fmt.Errorf("%s: %d findings: a guest will refuse this input", c.Args().First(), s.Faults())
			}
			return err
		},
	}
}

// Diff returns the command that compares two inputs. diff returns the zero value where
// there is no difference.
func Diff[F any, D interface {
	comparable
	fmt.Stringer
}](plugin string, read func(path string) (F, error), diff func(a, b F) D) *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "find the first difference of two inputs", UsageText: plugin + " diff [--json] A B",
		Description: "The difference is named by the path of its value. Framing does not count. The exit code is 0\n" +
			"where there is no difference, 1 where there is one, 2 where a file cannot be read.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON: null, or the difference"}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return cli.Exit("want two files; see "+plugin+" diff --help", 2)
			}
			var files [2]F
			for i := range files {
				var err error
				if files[i], err = read(c.Args().Get(i)); err != nil {
					return cli.Exit(err, 2)
				}
			}
			d := diff(files[0], files[1])
			if c.Bool("json") {
				if err := printJSON(c.App.Writer, d); err != nil {
					return err
				}
			}
			var none D
			switch {
			case d == none:
				return nil
			case c.Bool("json"):
				return cli.Exit("the inputs differ", 1)
			}
			return cli.Exit(d.String(), 1)
		},
	}
}

// Guests returns the command that lists the guest programs of a builder as a table.
// columns is the line of headings separated by tabs, row returns the cells of a program,
// and footer is printed below the table.
func Guests(plugin, columns string, belongs func(guest.Program) bool, row func(guest.Program) []string, footer string) *cli.Command {
	return &cli.Command{
		Name: "guests", Usage: "list the guest programs with their formats", UsageText: plugin + " guests [--json]",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the list as JSON"}},
		Action: func(c *cli.Context) error {
			var programs []guest.Program
			for _, p := range guest.Programs() {
				if belongs(p) {
					programs = append(programs, p)
				}
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, programs)
			}
			table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, columns)
			for _, p := range programs {
				fmt.Fprintln(table, strings.Join(row(p), "\t"))
			}
			fmt.Fprintln(table, "\n"+footer)
			return table.Flush()
		},
	}
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

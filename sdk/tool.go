package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

// Exit codes of the tool.
const (
	exitFailure = 1
	exitUsage   = 2 // wrong arguments, unreadable files
)

// usageError is an error in the command line or in a file that it names.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// errSilent is a failure whose message has already been printed.
var errSilent = errors.New("")

// runTool runs the command-line tool that the binary is when it is started by hand. It
// returns the exit code.
func runTool(ctx context.Context, def *definition, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := newTool(def, stdout, stderr)
	if len(args) < 2 {
		app.Writer = stderr
		_ = app.RunContext(ctx, []string{app.Name, "--help"})
		return exitUsage
	}
	err := app.RunContext(ctx, append([]string{app.Name}, args[1:]...))
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "%s: %v\n", app.Name, err)
	}
	if coder, ok := errors.AsType[cli.ExitCoder](err); ok {
		return coder.ExitCode()
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

func newTool(def *definition, stdout, stderr io.Writer) *cli.App {
	m := def.manifest
	app := &cli.App{
		Name: m.Name, Usage: m.Summary, Version: m.Version, Writer: stdout, ErrWriter: stderr,
		UsageText: m.Name + " COMMAND [options]",
		Description: fmt.Sprintf("A proofline plugin (%s). proofline starts it for each stage that has \"plugin: %s\";\n"+
			"started by hand it is this tool. A configuration is the \"config\" block of such a stage,\n"+
			"alone in a YAML or JSON file, its variables replaced.", m.Kind, m.Name),
		HideHelpCommand: true, Suggest: true,
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action: func(c *cli.Context) error {
			return usageError{fmt.Errorf("there is no command %q; %s --help lists them", c.Args().First(), m.Name)}
		},
		Commands: append([]*cli.Command{
			describeCommand(def), schemaCommand(def), validateCommand(def), checkCommand(def), runCommand(def),
		}, def.commands...),
	}
	for _, c := range app.Commands {
		omitHelpOnError(c)
	}
	return app
}

// omitHelpOnError makes a command and its subcommands report wrong flags as an error,
// without printing the help text.
func omitHelpOnError(c *cli.Command) {
	if c.OnUsageError == nil {
		c.OnUsageError = func(c *cli.Context, err error, _ bool) error {
			return usageError{fmt.Errorf("%w; see %s --help", err, strings.TrimSpace(c.App.Name+" "+c.Command.Name))}
		}
	}
	c.HideHelpCommand = true
	for _, sub := range c.Subcommands {
		omitHelpOnError(sub)
	}
}

// missingFlag returns the error of an absent flag. The library's own check would print
// the whole help.
func missingFlag(c *cli.Context, flag string) error {
	return usageError{fmt.Errorf("%s is missing; see %s %s --help", flag, c.App.Name, c.Command.Name)}
}

func describeCommand(def *definition) *cli.Command {
	return &cli.Command{
		Name: "describe", Usage: "print what the plugin is, as JSON", UsageText: def.manifest.Name + " describe",
		Action: func(c *cli.Context) error { return printJSON(c.App.Writer, def.manifest) },
	}
}

func schemaCommand(def *definition) *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of the configuration", UsageText: def.manifest.Name + " schema",
		Action: func(c *cli.Context) error {
			_, err := fmt.Fprintf(c.App.Writer, "%s\n", def.manifest.Schema)
			return err
		},
	}
}

func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Aliases: []string{"f"}, Usage: "the configuration, a YAML or JSON `FILE`; - for standard input",
		TakesFile: true}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print findings and traits as JSON"}
}

func validateCommand(def *definition) *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "judge a configuration without looking at the machine",
		UsageText: def.manifest.Name + " validate -f config.yaml",
		Flags:     []cli.Flag{configFlag(), jsonFlag()},
		Action:    func(c *cli.Context) error { return judge(c, def, true) },
	}
}

func checkCommand(def *definition) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "judge a configuration and what it refers to: files, devices, services",
		UsageText: def.manifest.Name + " check -f config.yaml",
		Flags:     []cli.Flag{configFlag(), jsonFlag()},
		Action:    func(c *cli.Context) error { return judge(c, def, false) },
	}
}

// judge prints all findings about a configuration. It fails if one of them is an error.
func judge(c *cli.Context, def *definition, offline bool) error {
	if c.String("config") == "" {
		return missingFlag(c, "--config FILE")
	}
	data, err := readConfig(c.String("config"))
	if err != nil {
		return usageError{err}
	}
	a := def.assess(c.Context, data, offline, func([]string) {})
	if c.Bool("json") {
		a.Findings = append([]Finding{}, a.Findings...) // [], not null
		err = printJSON(c.App.Writer, a)
	} else {
		err = printAssessment(c.App.Writer, a)
	}
	if err == nil && a.HasError() {
		return errSilent
	}
	return err
}

// printAssessment prints the findings and the traits, one line each.
func printAssessment(w io.Writer, a contract.Assessment) error {
	if err := printFindings(w, a.Findings); err != nil || a.Traits == nil {
		return err
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(a.Traits.Provides)) {
		lines = append(lines, fmt.Sprintf("provides: %s = %s", name, a.Traits.Provides[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Traits.Requires)) {
		lines = append(lines, fmt.Sprintf("requires: %s = %s", name, strings.Join(a.Traits.Requires[name], " or ")))
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func printFindings(w io.Writer, findings []Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	return nil
}

func printJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// readConfig reads a YAML or JSON file, or standard input for "-", and returns it as JSON.
func readConfig(path string) ([]byte, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(os.Stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if filepath.Ext(path) == ".json" {
		return data, nil
	}
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if m, ok := value.(map[string]any); ok && m["stages"] != nil && m["version"] != nil {
		return nil, fmt.Errorf("%s is a pipeline: give the config block of one stage alone, or use \"proofline validate %s\"", path, path)
	}
	if data, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

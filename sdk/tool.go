package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

// runTool is the binary started by hand. It returns the exit code.
func runTool(ctx context.Context, def *definition, args []string, stdout, stderr io.Writer) int {
	app := &cli.App{
		Name: def.manifest.Name, Usage: def.manifest.Summary, Version: def.manifest.Version,
		Writer: stdout, ErrWriter: stderr, HideHelpCommand: true, Suggest: true,
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: append([]*cli.Command{
			{Name: "describe", Usage: "print the manifest as JSON", Action: func(c *cli.Context) error {
				enc := json.NewEncoder(c.App.Writer)
				enc.SetIndent("", "  ")
				return enc.Encode(def.manifest)
			}},
		}, def.commands...),
	}
	if len(args) < 2 {
		args = []string{args[0], "--help"}
		_ = app.RunContext(ctx, args)
		return 2
	}
	if err := app.RunContext(ctx, args); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", def.manifest.Name, err)
		return 1
	}
	return 0
}

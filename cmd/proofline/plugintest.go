package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/text"
)

func (c commands) pluginsTest() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "check that a plugin conforms to the protocol",
		ArgsUsage: "BINARY",
		Description: "Runs the conformance suite with a plugin in any language, given by its executable file or by\n" +
			"the name of an installed plugin. It prints one line for each check with the requirement and,\n" +
			"if the check fails, with what was seen.\n\n" +
			"The configuration is the config block of a stage, alone in a YAML or JSON file, with which\n" +
			"work succeeds. Without --input a prover gets a short input.bin, a builder a block.json and a\n" +
			"witness.json of {}, a reporter a short proof.bin. A plugin that needs real files gets them by\n" +
			"--input. The checks of cancellation need --slow, a configuration with which work takes long.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "the configuration, a YAML or JSON `FILE`"},
			&cli.StringFlag{Name: "slow", Usage: "a configuration with which work runs until it is cancelled, a YAML or JSON `FILE`"},
			&cli.StringSliceFlag{Name: "input", Usage: "an input artifact, `[NAME=]FILE`; may be repeated. A proof is named proof=FILE"},
			&cli.StringSliceFlag{Name: "env", Usage: "a variable that the plugin gets, `NAME[=VALUE]`; may be repeated"},
			&cli.StringFlag{Name: "event", Usage: "the `KIND` of event that a reporter gets", Value: string(contract.EventProved)},
			&cli.StringSliceFlag{Name: "skip", Usage: "leave out the check with this `NAME`; may be repeated"},
			&cli.DurationFlag{Name: "grace", Usage: "how long a cancelled call may take to return", Value: 10 * time.Second},
			&cli.DurationFlag{Name: "limit", Usage: "the time limit of every single check", Value: time.Minute},
			jsonFlag(),
		},
		Action: c.testPlugin,
	}
}

func (c commands) testPlugin(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return usage("name the plugin's executable file, for example bin/plugins/prover-mine")
	}
	path, err := pluginFile(ctx.Args().First())
	if err != nil {
		return err
	}
	suite := sdktest.Suite{
		Target: sdktest.Binary(path, withValues(ctx.StringSlice("env"))...),
		Event:  contract.EventKind(ctx.String("event")), Skip: ctx.StringSlice("skip"),
		Grace: ctx.Duration("grace"), Limit: ctx.Duration("limit"), Standard: true,
	}
	if suite.Config, err = configFile(ctx.String("config")); err != nil {
		return usage("%v", err)
	}
	if suite.Slow, err = configFile(ctx.String("slow")); err != nil {
		return usage("%v", err)
	}
	for _, given := range ctx.StringSlice("input") {
		in, err := inputArgument(given)
		if err != nil {
			return usage("--input %s: %v", given, err)
		}
		suite.Inputs = append(suite.Inputs, in)
	}
	return c.runSuite(ctx.Context, path, suite, ctx.Bool("json"))
}

// checkOutcome is the result of one check in the JSON output.
type checkOutcome struct {
	Check    string `json:"check"`
	Outcome  string `json:"outcome"`  // passed, failed or skipped
	Expected string `json:"expected"` // completes "a plugin must …"
	Seen     string `json:"seen,omitempty"`
	MS       int64  `json:"ms"`
}

// seenLimit is the largest number of characters of what a check has seen.
const seenLimit = 2000

// runSuite runs the suite. It prints each result at once, or all as JSON at the end.
func (c commands) runSuite(ctx context.Context, path string, suite sdktest.Suite, asJSON bool) error {
	outcomes := []checkOutcome{}
	counts := map[string]int{}
	labels := map[string]string{"passed": "ok", "failed": "FAIL", "skipped": "skip"}
	paint := c.paint(c.Stdout)
	err := suite.Run(ctx, func(o sdktest.Outcome) {
		line := checkOutcome{Check: o.Check, Outcome: "passed", Expected: sdktest.Demands(o.Check), MS: o.Took.Milliseconds()}
		switch {
		case o.Err != nil:
			line.Outcome, line.Seen = "failed", text.Line(o.Err.Error(), seenLimit)
		case o.Skipped != "":
			line.Outcome, line.Seen = "skipped", o.Skipped
		}
		counts[line.Outcome]++
		outcomes = append(outcomes, line)
		if asJSON {
			return
		}
		text := fmt.Sprintf("%-4s  %-20s  must %s", labels[line.Outcome], line.Check, line.Expected)
		if line.Seen != "" {
			text += "; seen: " + line.Seen
		}
		if line.Outcome == "failed" {
			text = paint.bad(text)
		}
		fmt.Fprintln(c.Stdout, text)
	})
	if err != nil {
		return fmt.Errorf("test %s: %w", path, err)
	}
	if asJSON {
		if err := c.printJSON(outcomes); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.Stdout, "\n%s: %d passed, %d failed, %d skipped\n", plural(len(outcomes), "check"), counts["passed"], counts["failed"], counts["skipped"])
	}
	if n := counts["failed"]; n > 0 {
		return fmt.Errorf("%s does not conform: %s failed", path, plural(n, "check"))
	}
	return nil
}

// pluginFile returns the executable file for an argument, which is a file or the name of an
// installed plugin.
func pluginFile(argument string) (string, error) {
	if info, err := os.Stat(argument); err == nil && info.Mode().IsRegular() {
		return filepath.Abs(argument)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) || strings.ContainsRune(argument, filepath.Separator) {
		return "", usage("%s is no file of a plugin: build it first", argument)
	}
	binary, err := catalog.Open(nil).Find(argument)
	return binary.Path, err
}

// configFile reads a config block from a YAML or JSON file and returns it as JSON. It
// returns nil if file is empty.
func configFile(file string) (json.RawMessage, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var value map[string]any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if value["stages"] != nil && value["version"] != nil {
		return nil, fmt.Errorf("%s is a pipeline: give the config block of one stage, alone in a file", file)
	}
	if value == nil {
		value = map[string]any{}
	}
	return json.Marshal(value)
}

// inputArgument parses [NAME=]FILE. The name "proof" means an artifact with the role of a
// proof.
func inputArgument(given string) (sdktest.Input, error) {
	name, file, named := strings.Cut(given, "=")
	if !named {
		name, file = filepath.Base(given), given
	}
	in := sdktest.Input{Name: name, File: file}
	if name == contract.RoleProof {
		in.Name, in.Role = filepath.Base(file), contract.RoleProof
	}
	_, err := os.Stat(file)
	return in, err
}

// withValues adds the values of this process's environment to names without a value.
func withValues(given []string) []string {
	out := slices.Clone(given)
	for i, v := range out {
		if !strings.Contains(v, "=") {
			out[i] = v + "=" + os.Getenv(v)
		}
	}
	return out
}

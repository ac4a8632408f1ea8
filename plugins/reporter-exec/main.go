// Command reporter-exec is the plugin that runs a command line for each event of a
// pipeline. Package command runs the program and judges its result.
package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Config is the config block of the stage.
type Config struct {
	command.Config
	Events []string `json:"events" doc:"Kinds of event that the program is run for, such as proved and failed. Unset means every kind."`
}

// Validate returns what is wrong with the values.
func (c Config) Validate() []sdk.Finding {
	findings := c.ValidateWith(nil, command.EventNames...)
	for i, kind := range c.Events {
		if !slices.Contains(contract.EventKinds(), sdk.EventKind(kind)) {
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: fmt.Sprintf("/events/%d", i),
				Summary: fmt.Sprintf("there is no kind of event %q", kind), Remedy: fmt.Sprintf("the kinds are %v", contract.EventKinds())})
		}
	}
	return findings
}

type reporter struct {
	config Config
	env    sdk.Env
}

func open(_ context.Context, config Config, env sdk.Env) (*reporter, error) {
	return &reporter{config, env}, nil
}

// Report implements sdk.Reporter. It runs the program for an event of the configured
// kinds.
func (r *reporter) Report(ctx context.Context, e *sdk.Event) (*sdk.Result, error) {
	// A report of an alert about this stage's own failure would fail, too.
	if len(r.config.Events) > 0 && !slices.Contains(r.config.Events, string(e.Kind)) || e.Kind.IsAlert() && e.Stage == r.env.Stage {
		return &sdk.Result{}, nil
	}
	a, err := command.OfEvent(e, r.env)
	if err != nil {
		return nil, err
	}
	return r.config.Run(ctx, a)
}

// Note returns which program runs, for the host's start message.
func (r *reporter) Note() string { return fmt.Sprintf("runs %s for each event", r.config.Command[0]) }

func main() {
	sdk.Serve(sdk.NewReporter("reporter-exec", release.Version, open, sdk.Summary("Runs any program for each event, by a command line.")))
}

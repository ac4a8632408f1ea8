// Command builder-exec is a plugin of proofline that builds guest inputs by a command line.
package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	command.Config
	Output string `json:"output" doc:"The guest input that the program makes, a file relative to {work}. The program gets its path as {output}." default:"input.bin" min:"1"`
}

var placeholders = append(slices.Clone(command.TaskNames), "output")

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	return c.ValidateWith(map[string]string{"/output": c.Output}, placeholders...)
}

// builder implements sdk.Builder.
type builder struct {
	config Config
	env    sdk.Env
}

func open(_ context.Context, config Config, env sdk.Env) (*builder, error) {
	return &builder{config, env}, nil
}

// Build implements sdk.Builder.
func (b *builder) Build(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	a, err := command.OfTask(t, b.env)
	if err != nil {
		return nil, err
	}
	a.AddFile("output", b.config.Output)
	result, err := b.config.Run(ctx, a)
	if err != nil {
		return nil, err
	}
	input, err := command.Collect(a, b.config.Output, sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	result.Outputs = append(result.Outputs, input)
	return result, nil
}

// Note returns a sentence for the operator.
func (b *builder) Note() string { return fmt.Sprintf("runs %s for each block", b.config.Command[0]) }

func main() {
	sdk.Serve(sdk.NewBuilder("builder-exec", release.Version, open, sdk.Summary("Builds guest inputs with any program, by a command line.")))
}

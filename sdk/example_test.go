package sdk_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// Config is the stage's "config" block.
type Config struct {
	Tool  string       `json:"tool" doc:"Program that proves: TOOL INPUT OUTPUT." required:"true"`
	Grace sdk.Duration `json:"grace" doc:"Time that a cancelled tool has to stop." default:"5s"`
}

type prover struct{ config Config }

func open(_ context.Context, config Config, _ sdk.Env) (*prover, error) {
	return &prover{config}, nil
}

func (p *prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	input, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	output := filepath.Join(t.Temp(), "proof")
	tool := process.Command{
		Path: p.config.Tool, Args: []string{input, output}, Env: os.Environ(), Grace: p.config.Grace.Std(),
		Stdout: func(line string) { t.Progress(sdk.Progress{Phase: "PROVING", Note: line}) },
	}
	exit, err := tool.Run(ctx)
	if err != nil {
		return nil, err
	}
	proof, err := t.Adopt(output, "proof.bin")
	proof.Role = sdk.RoleProof
	return &sdk.Result{Outputs: []sdk.Artifact{proof}, WorkTime: exit.Duration}, err
}

// A complete prover that runs an external tool. Its main function is
//
//	func main() { sdk.Serve(plugin) }
func Example() {
	plugin := sdk.NewProver("prover-example", "0.1.0", open, sdk.Summary("Proves with an external tool."))
	fmt.Println(plugin.Manifest().Kind, plugin.Manifest().Name)
	// Output: prover prover-example
}

package command

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/proofline/proofline/sdk"
)

// TaskNames are the placeholders of every task.
var TaskNames = []string{"work", "state", "block", "hash", "chain", "job", "attempt"}

// OfTask prepares the run for a task: it creates the scratch directory, and sets the
// placeholders and variables.
func OfTask(t *sdk.Task, env sdk.Env) (Attempt, error) {
	work := filepath.Join(t.Temp(), "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return Attempt{}, err
	}
	names := map[string]string{
		"work": work, "state": env.StateDir, "job": t.Job, "attempt": strconv.FormatUint(uint64(t.Attempt), 10),
	}
	addBlock(names, &t.Block)
	return Attempt{
		Work: work, Values: Values{Names: names, Input: t.Input, Facts: t.Facts},
		Log: t.Log, Progress: t.Progress, Adopt: t.Adopt, Environ: variables(t.Pipeline, t.Stage, &t.Block),
	}, nil
}

// addBlock adds the placeholders of a block.
func addBlock(names map[string]string, b *sdk.Block) {
	names["block"] = strconv.FormatUint(b.Number, 10)
	names["hash"] = b.Hash.String()
	names["chain"] = strconv.FormatUint(b.ChainID, 10)
}

// variables returns the environment variables for simple scripts that take no arguments.
func variables(pipeline, stage string, b *sdk.Block) []string {
	out := []string{"PROOFLINE_PIPELINE=" + pipeline, "PROOFLINE_STAGE=" + stage}
	if b != nil {
		out = append(out, "PROOFLINE_BLOCK="+strconv.FormatUint(b.Number, 10), "PROOFLINE_BLOCK_HASH="+b.Hash.String(),
			"PROOFLINE_CHAIN_ID="+strconv.FormatUint(b.ChainID, 10))
	}
	return out
}

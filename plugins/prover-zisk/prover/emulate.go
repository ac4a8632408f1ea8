package prover

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// emulate runs the guest in ziskemu and compares the guest's public values with the
// block. It needs neither cards nor keys, so that several runs can go on at the same time.
func (p *Prover) emulate(ctx context.Context, t *sdk.Task, input string) (*sdk.Result, error) {
	run, err := p.attempt(t, func(r run) (outcome, error) {
		var err error
		// The emulator prints nothing while it runs.
		r.dir, r.silence = outputDir(t), 0
		if r.args, err = p.version.EmulateCommand(p.request(input, ""), zisk.FileOutput); err != nil {
			return outcome{}, sdk.Environment(err, "install a release of ZisK that is supported")
		}
		ctx, cancel := p.withDeadline(ctx, r.gas)
		defer cancel()
		return p.execute(ctx, r)
	})
	p.footprint.take() // the emulator leaves no shared memory behind
	if err != nil {
		return nil, err
	}
	publics, err := zisk.ReadPublics(filepath.Join(run.dir, zisk.FileOutput))
	if err != nil {
		return nil, sdk.Retryable(fmt.Errorf("ziskemu ended with exit status 0, but its output does not count: %w", err))
	}
	if run.summary.Steps == 0 {
		return nil, sdk.Environment(fmt.Errorf("ziskemu %v ended with exit status 0 without saying how many steps the guest took", p.version),
			"install a release of ZisK that is supported, 0.14 to 1.0")
	}
	commits, err := comparePublics(t, publics)
	if err != nil {
		return nil, err
	}
	written := hex.EncodeToString(bytes.TrimRight(publics, "\x00"))
	a, err := publish.JSON(t, sdk.ArtifactExecution, publish.Report{
		Cycles: run.summary.Steps, Time: run.summary.ProvingTime.Seconds(), Action: p.config.Action, Version: p.version.String(),
		ELF: p.elfSum, Speed: run.summary.Speed, Publics: written, Commits: commits,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: []sdk.Artifact{a}, WorkTime: run.summary.ProvingTime, Facts: map[string]string{
		publish.FactVersion: p.version.String(), contract.FactCycles: strconv.FormatUint(run.summary.Steps, 10),
	}}, nil
}

// comparePublics compares the public values of a guest with the task's block and returns
// a description of them. Values of an unknown form are accepted, because they cannot be
// compared.
func comparePublics(t *sdk.Task, publics []byte) (string, error) {
	block, err := guest.OfTask(t)
	if err != nil {
		return "", err
	}
	verdict, detail := block.Compare(publics)
	switch verdict {
	case guest.Differs:
		return "", &zisk.Failure{Kind: zisk.Guest, Code: zisk.CodePublics, Summary: "the guest program ran to its end, but " + detail,
			Remedy: "the input is of another block, or `elf` is another guest than the builder's `format` or `guest` says"}
	case guest.NotCompared:
		t.Log.Debug("the public values are not compared with the block", "reason", detail)
	}
	return detail, nil
}

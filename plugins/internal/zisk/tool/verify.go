package tool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// Classed gives a failure the class by which the host acts.
func Classed(f *zisk.Failure) error {
	switch f.Kind {
	case zisk.Usage, zisk.Configuration:
		return sdk.Environment(f, f.Remedy)
	case zisk.Guest:
		return &sdk.Error{Class: sdk.ClassPermanent, Err: f, Remedy: f.Remedy}
	}
	return &sdk.Error{Class: sdk.ClassRetryable, Err: f, Remedy: f.Remedy}
}

// verifyTimeout bounds a verification, which takes milliseconds; a malformed
// proof can make the tool spin.
const verifyTimeout = 2 * time.Minute

// Verify has the tool verify a proof file, in a process of its own because a
// malformed proof can crash it. The key pins the proving setup as
// zisk.Version.VerifyCommand says. A proof that does not hold is a retryable
// error.
func Verify(ctx context.Context, bin string, version zisk.Version, proof, key, dir string, log *slog.Logger) error {
	args, err := version.VerifyCommand(proof, key)
	if err != nil {
		return sdk.Environment(err, "set `verify: false` for the stage")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, verifyTimeout, fmt.Errorf("cargo-zisk verify took more than %v", verifyTimeout))
	defer cancel()
	var diagnosis zisk.Diagnosis
	verdict := false
	cmd := process.Command{Path: bin, Args: args, Dir: dir, Env: append(slices.Clone(os.Environ()), "NO_COLOR=1"), Grace: time.Second,
		Stdout: func(line string) {
			log.Debug(line)
			diagnosis.Line(line)
			if valid, said := zisk.Verified(line); said && valid {
				verdict = true
			}
		},
		Stderr: diagnosis.Line,
	}
	exit, err := cmd.Run(ctx)
	switch {
	case exit == nil:
		return err
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("verification of the proof: %w", err)
	}
	if failure := diagnosis.Explain(zisk.Exit{Code: exit.Code, Signal: exit.Signal}); failure != nil {
		switch failure.Kind {
		case zisk.Usage, zisk.Configuration:
			return Classed(failure)
		}
		// A crash on a proof that decodes is a verdict as well.
		return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", failure))
	}
	if !verdict {
		return sdk.Retryable(errors.New("cargo-zisk verify ended with exit status 0 but without saying that the proof was verified"))
	}
	return nil
}

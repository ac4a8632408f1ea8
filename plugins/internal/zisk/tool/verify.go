package tool

import (
	"cmp"
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

// Classify returns the failure with the class that the host acts on.
func Classify(f *zisk.Failure) error {
	switch f.Kind {
	case zisk.Usage, zisk.Configuration, zisk.Machine:
		return sdk.Environment(f, f.Remedy)
	case zisk.Guest:
		return &sdk.Error{Class: sdk.ClassPermanent, Err: f, Remedy: f.Remedy}
	}
	return &sdk.Error{Class: sdk.ClassRetryable, Err: f, Remedy: f.Remedy}
}

// verifyTimeout is the time limit of a verification. It takes milliseconds, but a
// malformed proof can make the tool loop for ever.
const verifyTimeout = 2 * time.Minute

var errVerifyTimeout = fmt.Errorf("cargo-zisk verify gave no verdict within %v", verifyTimeout)

// verifyRemedy is the remedy for a verifier that does not work.
const verifyRemedy = "run `cargo-zisk verify` on the kept proof by hand; install the release that made the proof, or set `verify: false` for the stage"

// Verify runs `cargo-zisk verify` on a proof file. key fixes the proving setup, see
// zisk.Version.VerifyCommand. Verify returns a retryable error for a proof that does not
// verify. It returns an environment error where the tool gives no verdict, because it
// crashed, hung or lacks something.
func Verify(ctx context.Context, bin string, version zisk.Version, proof, key, dir string, log *slog.Logger) error {
	args, err := version.VerifyCommand(proof, key)
	if err != nil {
		return sdk.Environment(err, "set `verify: false` for the stage")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, verifyTimeout, errVerifyTimeout)
	defer cancel()
	var diagnosis zisk.Diagnosis
	verified := false
	cmd := process.Command{Path: bin, Args: args, Dir: dir, Env: append(slices.Clone(os.Environ()), "NO_COLOR=1"), Grace: time.Second,
		Stdout: func(line string) {
			log.Debug(line)
			diagnosis.Line(line)
			if valid, isVerdict := zisk.Verified(line); isVerdict && valid {
				verified = true
			}
		},
		Stderr: diagnosis.Line,
	}
	exit, err := cmd.Run(ctx)
	switch {
	case exit == nil:
		return err
	case errors.Is(context.Cause(ctx), errVerifyTimeout):
		return sdk.Environment(context.Cause(ctx), verifyRemedy)
	case ctx.Err() != nil && err != nil:
		return sdk.Interrupted(fmt.Errorf("verification of the proof: %w", err))
	}
	switch failure := diagnosis.Explain(zisk.Exit{Code: exit.Code, Signal: exit.Signal}); {
	case failure != nil && failure.Code == zisk.CodeUnverified:
		return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", failure))
	case failure != nil:
		return sdk.Environment(fmt.Errorf("cargo-zisk verify gave no verdict on the proof: %w", failure), cmp.Or(failure.Remedy, verifyRemedy))
	case !verified:
		return sdk.Environment(errors.New("cargo-zisk verify ended with exit status 0 but without saying that the proof was verified"), verifyRemedy)
	}
	return nil
}

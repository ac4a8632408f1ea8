package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// The exit codes.
const (
	exitOK          = 0
	exitRuntime     = 1 // the command did not succeed
	exitConfig      = 2 // the command line or the pipeline file is wrong
	exitEnvironment = 3 // the machine, or a service that is needed, is not as it must be
)

// usageFault is a wrong command line.
type usageFault struct{ text string }

func (e *usageFault) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageFault{fmt.Sprintf(format, args...)} }

// told is an error whose text the command has printed already.
type told struct{ error }

func (e told) Unwrap() error { return e.error }

// exitCode maps an error to the exit code: the one place where that is decided.
func exitCode(err error) int {
	var (
		wrongUsage *usageFault
		invalid    *pipeline.InvalidError
		notFound   *catalog.NotFoundError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrongUsage), errors.As(err, &invalid), errors.As(err, &notFound):
		return exitConfig
	case errors.Is(err, control.ErrNotRunning), errors.Is(err, checkpoint.ErrInUse), contract.ClassOf(err) == contract.ClassEnvironment:
		return exitEnvironment
	}
	return exitRuntime
}

// report prints what went wrong and returns the exit code.
func report(w io.Writer, err error) int {
	code := exitCode(err)
	if invalid, ok := errors.AsType[*pipeline.InvalidError](err); ok {
		invalid.Findings.Write(w)
		fmt.Fprintf(w, "proofline: %s: %s\n", invalid.Findings[0].File, count(invalid.Findings))
		return code
	}
	err = untold(err)
	if err == nil {
		return code
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "proofline: interrupted")
		return code
	}
	if errors.Is(err, checkpoint.ErrInUse) && contract.ClassOf(err) != contract.ClassEnvironment {
		err = fmt.Errorf("%w: a proofline is starting or ending there; ask again in a moment", err)
	}
	fmt.Fprintf(w, "proofline: %v\n", err)
	return code
}

// untold is what of an error the command has not printed; nil where that is nothing.
func untold(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var left []error
		for _, part := range all.Unwrap() {
			left = append(left, untold(part))
		}
		return errors.Join(left...)
	}
	if _, printed := errors.AsType[told](err); printed {
		return nil
	}
	return err
}

// count says how many findings of each severity there are.
func count(findings pipeline.Findings) string {
	text := plural(findings.Count(contract.SeverityError), "error")
	if warnings := findings.Count(contract.SeverityWarning); warnings > 0 {
		text += ", " + plural(warnings, "warning")
	}
	return text
}

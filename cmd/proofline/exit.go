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
	exitEnvironment = 3 // something is wrong with the machine or with a service that is needed
)

// usageFault is the error for a wrong command line.
type usageFault struct{ text string }

func (e *usageFault) Error() string { return e.text }

// usage returns a *usageFault.
func usage(format string, args ...any) error { return &usageFault{fmt.Sprintf(format, args...)} }

// printedError is an error whose text the command has printed already.
type printedError struct{ error }

func (e printedError) Unwrap() error { return e.error }

// exitCode returns the exit code for an error.
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

// printError prints an error and returns its exit code.
func printError(w io.Writer, err error) int {
	code := exitCode(err)
	if invalid, ok := errors.AsType[*pipeline.InvalidError](err); ok {
		invalid.Findings.Write(w)
		fmt.Fprintf(w, "proofline: %s: %s\n", invalid.Findings[0].File, countText(invalid.Findings))
		return code
	}
	err = unprinted(err)
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

// unprinted returns the part of an error that the command has not printed; nil if there is
// none.
func unprinted(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var remaining []error
		for _, part := range all.Unwrap() {
			remaining = append(remaining, unprinted(part))
		}
		return errors.Join(remaining...)
	}
	if _, printed := errors.AsType[printedError](err); printed {
		return nil
	}
	return err
}

// countText returns the number of errors and warnings as text.
func countText(findings pipeline.Findings) string {
	text := plural(findings.Count(contract.SeverityError), "error")
	if warnings := findings.Count(contract.SeverityWarning); warnings > 0 {
		text += ", " + plural(warnings, "warning")
	}
	return text
}

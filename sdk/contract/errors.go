package contract

import (
	"errors"
	"fmt"
	"time"
)

// Class says what the host does about an error.
type Class string

// The classes of error.
const (
	// ClassPermanent: the block goes to the failed list; the pipeline goes on.
	ClassPermanent Class = "permanent"
	// ClassRetryable: another attempt after a back-off, up to the stage's limit.
	ClassRetryable Class = "retryable"
	// ClassEnvironment: the stage pauses and no attempt is spent: GPU missing,
	// disk full, node down.
	ClassEnvironment Class = "environment"
	// ClassInterrupted: the work was cut off from outside; it is queued again.
	ClassInterrupted Class = "interrupted"
)

// ErrRequeued is in the chain of a cancelled call's cause (context.Cause) when the
// same work will be given out again: host or plugin ends. What goes on elsewhere
// under a resume token is left alone then; without it the work is given up.
var ErrRequeued = errors.New("the work is queued again")

// Error is an error with a class. Plugins make one with Permanent, Retryable,
// RetryAfter, Stale, Environment; the host reads it with ClassOf.
type Error struct {
	Class  Class
	Err    error
	After  time.Duration // for ClassRetryable and ClassEnvironment: not before; zero for the host's own back-off
	Remedy string        // what the operator can do; may be empty
	// Stale names inputs that are at fault, of ClassRetryable: another attempt
	// makes sense only with new ones, so that the stage that made them runs again
	// first.
	Stale []string
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (%s)", e.Err, e.Remedy)
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent marks an error that another attempt cannot mend.
func Permanent(err error) error { return &Error{Class: ClassPermanent, Err: err} }

// Retryable marks an error that another attempt may mend. It is also what an
// unmarked error counts as.
func Retryable(err error) error { return &Error{Class: ClassRetryable, Err: err} }

// RetryAfter is Retryable with the earliest time of the next attempt.
func RetryAfter(err error, after time.Duration) error {
	return &Error{Class: ClassRetryable, Err: err, After: after}
}

// Stale is Retryable for an error that lies in an input: the stage that made the
// named artifact runs again first.
func Stale(err error, artifact string) error {
	return &Error{Class: ClassRetryable, Err: err, Stale: []string{artifact}}
}

// Environment marks a fault of the machine or of a service that the stage needs
// rather than of the block. The remedy says in words what to do.
func Environment(err error, remedy string) error {
	return &Error{Class: ClassEnvironment, Err: err, Remedy: remedy}
}

// Interrupted marks work that was cut off from outside.
func Interrupted(err error) error { return &Error{Class: ClassInterrupted, Err: err} }

// ClassOf returns the class of the outermost Error in the chain, and
// ClassRetryable where there is none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassRetryable
}

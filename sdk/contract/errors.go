package contract

import (
	"errors"
	"fmt"
	"time"
)

// Class is the class of an error. It decides what the host does about the error.
type Class string

// The classes of error.
const (
	// ClassPermanent puts the block on the failed list. The pipeline goes on.
	ClassPermanent Class = "permanent"
	// ClassRetryable leads to another attempt after a back-off, up to the stage's limit.
	ClassRetryable Class = "retryable"
	// ClassEnvironment pauses the stage and spends no attempt. It is for faults such as a
	// missing GPU, a full disk or a node that is down.
	ClassEnvironment Class = "environment"
	// ClassInterrupted queues the work again, because it was cut off from outside.
	ClassInterrupted Class = "interrupted"
)

// ErrRequeued is in the error chain of a cancelled call's cause (context.Cause) when the
// same work will be queued again, because host or plugin ends. Work that goes on in
// another service under a resume token is then left alone. Without ErrRequeued the work
// is given up and must be cancelled there.
var ErrRequeued = errors.New("the work is queued again")

// Error is an error with a class. Plugins make one with Permanent, Retryable,
// RetryAfter, Stale, Environment; the host reads it with ClassOf.
type Error struct {
	Class  Class
	Err    error
	After  time.Duration // shortest pause before the next attempt, for ClassRetryable and ClassEnvironment; zero for the host's own back-off
	Remedy string        // what the operator can do; may be empty
	// Stale names the input artifacts that are at fault, for ClassRetryable. Another
	// attempt makes sense only with new ones, so the stages that made them run again
	// first.
	Stale []string
}

// Error returns the text of Err, followed by the remedy in parentheses if there is one.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (%s)", e.Err, e.Remedy)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Permanent marks an error that another attempt cannot mend.
func Permanent(err error) error { return &Error{Class: ClassPermanent, Err: err} }

// Retryable marks an error that another attempt may mend. An error without a class
// counts as retryable, too.
func Retryable(err error) error { return &Error{Class: ClassRetryable, Err: err} }

// RetryAfter is Retryable with the shortest pause before the next attempt.
func RetryAfter(err error, after time.Duration) error {
	return &Error{Class: ClassRetryable, Err: err, After: after}
}

// Stale is Retryable for an error whose cause is an input: the stage that made the
// named artifact runs again first.
func Stale(err error, artifact string) error {
	return &Error{Class: ClassRetryable, Err: err, Stale: []string{artifact}}
}

// Environment marks a fault of the machine or of a service that the stage needs, rather
// than a fault of the block. The remedy tells the operator what to do.
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

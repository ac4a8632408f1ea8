package wire

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// An error is sent as a gRPC status with a google.rpc.ErrorInfo whose domain is
// errorDomain and whose reason is the class. The remedy and the names of stale inputs
// are in its metadata. The pause before the next attempt is in a google.rpc.RetryInfo.
const (
	errorDomain   = "proofline"
	metadataPanic = "panic"
	metadataStale = "stale" // names separated by slashes, which no artifact's name holds

	maxErrorText = 16 << 10 // bytes; the text is sent in an HTTP/2 trailer
)

// MetadataRemedy is the key of the remedy in the metadata of an ErrorInfo. It is the only
// value there that is written for people.
const MetadataRemedy = "remedy"

var classCodes = map[contract.Class]codes.Code{
	contract.ClassPermanent:   codes.FailedPrecondition,
	contract.ClassRetryable:   codes.Aborted,
	contract.ClassEnvironment: codes.Unavailable,
	contract.ClassInterrupted: codes.Canceled,
}

// StatusError turns the error of a plugin into the error of its RPC. An error
// without a class is sent as retryable. So is the error of a context, because a time-out
// of the plugin's own cannot be distinguished from the end of the call. Nil stays nil.
func StatusError(err error) error {
	if err == nil {
		return nil
	}
	class, after, meta := contract.ClassOf(err), time.Duration(0), map[string]string{}
	if classed, ok := errors.AsType[*contract.Error](err); ok {
		after = classed.After
		meta[MetadataRemedy], meta[metadataStale] = classed.Remedy, strings.Join(classed.Stale, "/")
	}
	return newStatus(classCodes[class], err, class, after, meta)
}

// PanicError returns the error of an RPC whose handler has panicked. It is retryable, and
// IsPanic recognizes it on the other side.
func PanicError(err error) error {
	return newStatus(codes.Internal, err, contract.ClassRetryable, 0, map[string]string{metadataPanic: "true"})
}

func newStatus(code codes.Code, err error, class contract.Class, after time.Duration, meta map[string]string) error {
	if code == codes.OK {
		code = codes.Unknown // a class that is not in the table
	}
	for key, value := range meta {
		if meta[key] = text.CutMiddle(value, maxErrorText); value == "" {
			delete(meta, key)
		}
	}
	s, detailErr := status.New(code, text.CutMiddle(plainText(err), maxErrorText)).WithDetails(
		&errdetails.ErrorInfo{Reason: string(class), Domain: errorDomain, Metadata: meta},
	)
	if detailErr != nil {
		return status.Error(code, valid(plainText(err)))
	}
	if after > 0 {
		if with, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)}); err == nil {
			s = with
		}
	}
	return s.Err()
}

// plainText returns the error's text without the remedy, which is sent in the metadata.
func plainText(err error) string {
	classed, ok := errors.AsType[*contract.Error](err)
	if !ok || classed.Remedy == "" || classed.Err == nil {
		return err.Error()
	}
	return strings.Replace(err.Error(), classed.Error(), classed.Err.Error(), 1)
}

// FromStatusError turns the error of an RPC into an error with a class. Nil stays nil. The
// class of a status that the plugin has not made follows from its code: interrupted if
// the connection, and so probably the process, has ended; permanent if the call does not
// exist or is not valid; otherwise retryable.
func FromStatusError(err error) error {
	if err == nil {
		return nil
	}
	if classed, ok := errors.AsType[*contract.Error](err); ok {
		return classed
	}
	s, ok := status.FromError(err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return contract.Interrupted(err)
		}
		return contract.Retryable(err)
	}
	out := &contract.Error{Err: errors.New(s.Message())}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == errorDomain {
				out.Class = contract.Class(d.GetReason())
				out.Remedy = d.GetMetadata()[MetadataRemedy]
				if stale := d.GetMetadata()[metadataStale]; stale != "" {
					out.Stale = strings.Split(stale, "/")
				}
				if d.GetMetadata()[metadataPanic] != "" {
					out.Err = &panicError{out.Err}
				}
			}
		case *errdetails.RetryInfo:
			out.After = d.GetRetryDelay().AsDuration()
		}
	}
	if _, known := classCodes[out.Class]; known {
		return out
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Unavailable:
		out.Class = contract.ClassInterrupted
	case codes.Unimplemented, codes.ResourceExhausted, codes.InvalidArgument, codes.OutOfRange:
		out.Class = contract.ClassPermanent
	default:
		out.Class = contract.ClassRetryable
	}
	return out
}

type panicError struct{ err error }

func (e *panicError) Error() string { return e.err.Error() }
func (e *panicError) Unwrap() error { return e.err }

// IsPanic reports whether an error from FromStatusError is that of a panic in the plugin,
// whose process ends after the answer.
func IsPanic(err error) bool {
	_, ok := errors.AsType[*panicError](err)
	return ok
}

package server

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"
)

// Refusal is an answer without a result. The server sends only the outermost text of the
// chain of causes, and writes the others to its log.
type Refusal struct {
	Method string // Prove, Execute, Verify or ProgramVk
	Text   string
}

// Error returns method and text.
func (e *Refusal) Error() string { return fmt.Sprintf("%s: %s", e.Method, e.Text) }

// HTTPError is an answer with another status than 200. Code and Meta are empty unless
// the answer has the form of Twirp, as those of the server itself have.
type HTTPError struct {
	Status int               `json:"-"`
	Code   string            `json:"code"`
	Msg    string            `json:"msg"`
	Meta   map[string]string `json:"meta"`
}

// Error returns status, code, message and cause.
func (e *HTTPError) Error() string {
	text := fmt.Sprintf("status %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Msg != "" {
		text += ": " + e.Msg
	}
	if cause := e.Meta["error"]; cause != "" {
		text += ": " + cause
	}
	return text
}

// AnswerError is the error for an answer that no known version of ere-server sends.
type AnswerError struct{ Err error }

// Error returns the text of Err.
func (e *AnswerError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *AnswerError) Unwrap() error { return e.Err }

// answerError wraps an error in an AnswerError; nil stays nil.
func answerError(err error) error {
	if err == nil {
		return nil
	}
	return &AnswerError{err}
}

// Refused reports whether no process listens at the address: the server was not started,
// still generates its keys, shuts down, or has died.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Broken reports whether the connection ended before the answer was complete, as when
// the process of the server dies.
func Broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Bare returns the error of a request without its method and address.
func Bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

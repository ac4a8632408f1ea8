package server

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"
)

// Refusal is an answer that says that there is no result. Of the chain of causes only
// the outermost text is sent; the others are in the server's log.
type Refusal struct {
	Method string
	Text   string
}

func (e *Refusal) Error() string { return fmt.Sprintf("%s: %s", e.Method, e.Text) }

// HTTPError is an answer with a status other than 200, in the form of Twirp where it
// comes from the server itself.
type HTTPError struct {
	Status int               `json:"-"`
	Code   string            `json:"code"`
	Msg    string            `json:"msg"`
	Meta   map[string]string `json:"meta"`
}

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

// AnswerError is about an answer that no known version of ere-server gives.
type AnswerError struct{ Err error }

func (e *AnswerError) Error() string { return e.Err.Error() }
func (e *AnswerError) Unwrap() error { return e.Err }

func unknown(err error) error {
	if err == nil {
		return nil
	}
	return &AnswerError{err}
}

// Refused reports whether nobody listens at the address: the server is not started,
// generates its keys still, shuts down, or has died.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Broken reports whether the connection ended before the answer was complete, as it
// does when the server's process dies.
func Broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Bare returns the error of a request without the method and the address around it.
func Bare(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

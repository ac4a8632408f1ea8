// Package server is a client of `cargo-zisk server`, the prover of ZisK 0.14 and 0.15
// that stays loaded between proofs.
//
// A connection to the loopback address carries one request, a line of JSON, and
// one answer, a JSON object without an end of line. The server answers `prove` when the
// proof begins. While a proof runs it accepts only `status`, which it answers when the
// proof has ended, so that a missing answer means nothing. After a failed proof the
// server refuses every request and has to be killed.
//
// Source: 0xPolygonHermez/zisk:server/src/zisk_service.rs@v0.14.0, @v0.15.0.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// DefaultPort is the tool's own default port.
const DefaultPort = 7878

// maxAnswer is the size in bytes of the largest answer that is read.
const maxAnswer = 64 << 10

// Codes of answers.
const (
	codeOK   = 0
	codeBusy = 1003
)

var (
	// ErrBusy means that the server proves, or that an earlier proof has left it
	// unusable. The server does not distinguish the two.
	ErrBusy = errors.New("the server is busy")
	// ErrUnreachable means that no process accepts connections on the port. No request
	// was sent.
	ErrUnreachable = errors.New("no connection")
)

// Client is a client of the server that listens on a port of this machine. It is safe for
// concurrent use; the server takes one request at a time.
type Client struct{ Port int }

// Job holds the arguments of `prove`. Paths are absolute, and the folder must exist. The
// names of the files in it are the prefix, "-", and the names of the version's outputs.
type Job struct {
	Input         string
	Folder        string
	Prefix        string
	MinimalMemory bool
}

// Status is the answer to `status`.
type Status struct {
	Idle bool   // ready for a proof; false while a proof runs
	ID   string // identifies the server process
}

// Prove has the server begin a proof. It returns when the proof has begun.
func (c Client) Prove(ctx context.Context, job Job) error {
	_, err := c.call(ctx, map[string]any{
		"command": "prove", "input": job.Input, "folder": job.Folder, "prefix": job.Prefix, "minimal_memory": job.MinimalMemory,
		"aggregation": true, "rma": false, "final_snark": false, "verify_proofs": false,
	})
	return err
}

// Status asks whether a proof runs. While one runs, the answer may not come before its end.
func (c Client) Status(ctx context.Context) (Status, error) {
	a, err := c.call(ctx, map[string]any{"command": "status"})
	if err != nil {
		return Status{}, err
	}
	if a.Status != "idle" && a.Status != "working" {
		return Status{}, fmt.Errorf("cargo-zisk server answered status %q", a.Status)
	}
	return Status{Idle: a.Status == "idle", ID: a.ServerID}, nil
}

// Shutdown asks the server to end, which it does after its answer.
func (c Client) Shutdown(ctx context.Context) error {
	_, err := c.call(ctx, map[string]any{"command": "shutdown"})
	return err
}

// call sends a request and reads its answer within the time of ctx.
func (c Client) call(ctx context.Context, request map[string]any) (answer, error) {
	a, err := c.exchange(ctx, request)
	if err != nil && !errors.Is(err, ErrBusy) {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return a, fmt.Errorf("cargo-zisk server, %s: %w", request["command"], err)
	}
	return a, err
}

func (c Client) exchange(ctx context.Context, request map[string]any) (answer, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return answer{}, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return answer{}, err
	}
	data, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	switch {
	case err != nil:
		return answer{}, err
	case len(data) > maxAnswer:
		return answer{}, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case len(data) == 0:
		return answer{}, errors.New("the connection was closed without an answer")
	}
	return decode(data)
}

// answer holds the fields of all answers, and those of the answer to `status`.
type answer struct {
	Kind     string  `json:"zisk_response"`
	Code     *int    `json:"code"`
	Message  string  `json:"msg"`
	Status   string  `json:"status"`
	ServerID string  `json:"server_id"`
	Base     *answer `json:"base"` // set in the answer to an invalid request
}

// decode reads an answer. A refusal is an error.
func decode(data []byte) (answer, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("the answer is not a JSON object: %w", err)
	}
	if a.Base != nil {
		a.Code, a.Message = a.Base.Code, a.Base.Message
	}
	switch {
	case a.Code == nil:
		return a, errors.New("the answer has no code")
	case *a.Code == codeBusy:
		return a, ErrBusy
	case *a.Code != codeOK:
		return a, fmt.Errorf("the answer is code %d: %.400q", *a.Code, a.Message)
	}
	return a, nil
}

// Package server speaks the protocol of `cargo-zisk server`, the prover of ZisK
// 0.14 and 0.15 that stays loaded between proofs.
//
// A connection to the loopback address carries one request, a line of JSON, and
// one answer, a JSON object without an end of line. `prove` is answered when the
// proof begins. Only `status` is taken while a proof runs; the releases answer
// it when the proof has ended, so that an unanswered one says nothing. A server
// whose proof failed refuses everything from then on and has to be killed.
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

// DefaultPort is the port that the tool itself takes.
const DefaultPort = 7878

// maxAnswer bounds an answer, which has a few short fields.
const maxAnswer = 64 << 10

// Codes of answers.
const (
	codeOK   = 0
	codeBusy = 1003
)

var (
	// ErrBusy says that the server proves, or that an earlier proof has left it
	// unusable: it does not tell the two apart.
	ErrBusy = errors.New("the server is busy")
	// ErrUnreachable says that nothing accepts connections on the port: no request
	// was sent.
	ErrUnreachable = errors.New("no connection")
)

// Client talks to the server that listens on a port of this machine. It may be
// used concurrently; the server takes one request at a time.
type Client struct{ Port int }

// Job is what `prove` takes. Paths are absolute; the folder must exist, and the
// files in it get the names of the version's outputs behind the prefix and "-".
type Job struct {
	Input         string
	Folder        string
	Prefix        string
	MinimalMemory bool
}

// Status is the answer to `status`.
type Status struct {
	Idle bool   // ready for a proof; false while one runs
	ID   string // of the server's life
}

// Prove has the server begin a proof.
func (c Client) Prove(ctx context.Context, job Job) error {
	_, err := c.call(ctx, map[string]any{
		"command": "prove", "input": job.Input, "folder": job.Folder, "prefix": job.Prefix, "minimal_memory": job.MinimalMemory,
		"aggregation": true, "rma": false, "final_snark": false, "verify_proofs": false,
	})
	return err
}

// Status asks whether a proof runs. Where one does the answer may come only at
// its end.
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

// Shutdown asks the server to end; it does so after the answer.
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

// answer holds what the answers have in common and what `status` adds.
type answer struct {
	Kind     string  `json:"zisk_response"`
	Code     *int    `json:"code"`
	Message  string  `json:"msg"`
	Status   string  `json:"status"`
	ServerID string  `json:"server_id"`
	Base     *answer `json:"base"` // of the answer to an invalid request
}

// decode reads an answer; one that says no is an error.
func decode(data []byte) (answer, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("the answer is no JSON object: %w", err)
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

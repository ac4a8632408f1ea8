package prover

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
)

// phaseProving is the phase in which the server makes the proof.
const phaseProving = "PROVING"

// factFraming is the name of the fact with which a builder states the framing of its
// guest input.
const factFraming = "framing"

// Prove implements sdk.Prover. It waits for a server that no other call uses, and has it
// prove the input, or execute it where the stage is a gate.
func (p *Prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	input, err := readInput(t)
	if err != nil {
		return nil, err
	}
	s, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { p.free <- s }()
	work := p.prove
	if !p.config.MakesProof() {
		work = p.execute
	}
	result, err := work(ctx, t, s, input)
	if err != nil {
		return nil, p.streak.FailedWith(t.Job, err, tool.Suspects(t)...)
	}
	p.streak.Succeeded(t.Job)
	return result, nil
}

// readInput returns the guest input of a task without ZisK's frame.
func readInput(t *sdk.Task) ([]byte, error) {
	path, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, sdk.Permanent(fmt.Errorf("the guest input %s is empty", path))
	}
	framing := t.Facts[factFraming]
	inner, err := guest.Unframe(data)
	switch {
	case framing == string(guest.Raw):
		return data, nil
	case err == nil:
		return inner, nil
	case framing == string(guest.Framed):
		return nil, sdk.Permanent(fmt.Errorf("the builder reports a framed guest input, but the input is not framed: %w", err))
	}
	return data, nil
}

// stdin returns the input in the form that a server of this version accepts.
func (p *Prover) stdin(input []byte, v server.Version) ([]byte, error) {
	if p.config.Input == "raw" || p.config.Input == "auto" && v.FramesInput() {
		return input, nil
	}
	if len(input) > math.MaxUint32 {
		return nil, sdk.Permanent(fmt.Errorf("the guest input has %d bytes, more than a length of 32 bits can state", len(input)))
	}
	return append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(input)), uint32(len(input))), input...), nil
}

// prepare restarts the server if its slot is lost and on_timeout is set, and checks the
// identity of the server. Behind is set where the slot is lost and on_timeout is not set:
// the request then waits until the abandoned proof ends.
func (p *Prover) prepare(ctx context.Context, t *sdk.Task, s *slot) (id server.Identity, behind bool, err error) {
	if a, lost := s.lost(); lost && p.config.MakesProof() {
		if behind = len(p.config.OnTimeout) == 0; behind {
			t.Log.Warn("the proof waits behind one that was abandoned", "server", s.server.Endpoint(), "abandoned_job", a.Job, "since", a.Since)
		} else if err := p.restart(ctx, t, s, a); err != nil {
			return id, false, err
		}
	}
	id, err = p.identify(ctx, s)
	return id, behind, err
}

// prove has the server of the slot prove the input.
func (p *Prover) prove(ctx context.Context, t *sdk.Task, s *slot, input []byte) (*sdk.Result, error) {
	id, behind, err := p.prepare(ctx, t, s)
	if err != nil {
		return nil, err
	}
	stdin, err := p.stdin(input, id.Ere)
	if err != nil {
		return nil, err
	}
	if err := s.begin(t.Job); err != nil {
		return nil, sdk.Environment(fmt.Errorf("note the request: %w", err), "make the state directory writable")
	}
	t.Progress(sdk.Progress{Phase: sdk.PhaseAccepted, Fraction: -1, Note: describe(id) + " at " + s.server.Endpoint()})
	began := time.Now()
	executed := p.cyclesBeside(ctx, t, s, stdin)
	proof, err := p.request(ctx, t, s, stdin, behind)
	if endErr := s.end(p.isFree(s, err)); endErr != nil {
		t.Log.Warn("the note of the request cannot be removed", "error", endErr)
	}
	if err != nil {
		return nil, p.classify(ctx, s, stdin, err)
	}
	wall := time.Since(began)
	if proof.Reconnected {
		// The answer may come from another process than the identity.
		if id, err = p.identify(ctx, s); err != nil {
			return nil, err
		}
	}
	if behind {
		t.Progress(sdk.Progress{Phase: phaseProving, Fraction: 1})
	}
	return p.collect(t, id, proof, wall, <-executed)
}

// request sends the input and waits for the proof. Meanwhile it reports to the host if the
// server is stuck.
func (p *Prover) request(ctx context.Context, t *sdk.Task, s *slot, stdin []byte, behind bool) (server.Proof, error) {
	done := make(chan struct{})
	watchEnded := make(chan struct{})
	go func() {
		defer close(watchEnded)
		ticker := time.NewTicker(p.config.HealthInterval.Std())
		defer ticker.Stop()
		for reported := false; ; {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if s.stuck() && !reported {
				reported = true
				t.Log.Warn(server.ErrStuck.Error(), "server", s.server.Endpoint())
				t.Progress(sdk.Progress{Phase: phaseProving, Fraction: -1, Note: server.ErrStuck.Error()})
			}
		}
	}()
	defer func() { close(done); <-watchEnded }()
	return s.server.Prove(ctx, stdin, func() {
		if !behind { // behind another proof, the time when this one begins is not known
			t.Progress(sdk.Progress{Phase: phaseProving, Fraction: -1})
		}
	})
}

// isFree reports whether the server's slot is free after a request: the server has
// answered, or its process has ended.
func (p *Prover) isFree(s *slot, err error) bool {
	if err == nil || failureOf(err) != nil && !server.Broken(err) {
		return true
	}
	if _, answered := asRefusal(err); answered || server.Refused(err) {
		return true
	}
	if !server.Broken(err) {
		return false // the call was cancelled, or an error between here and the server
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// The connection broke. The slot is free only if the process has ended, too.
	return server.Refused(s.server.Health(ctx))
}

// classify returns the error of a Prove request with its class. Where the guest or the
// machine can be at fault, an execution of the same input decides.
func (p *Prover) classify(ctx context.Context, s *slot, stdin []byte, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, "the proof at "+s.server.Endpoint()+" is given up and runs on there")
	}
	refusal, ok := asRefusal(err)
	if !ok {
		if f := failureOf(err); f != nil {
			return f
		}
		return unreachable(s.server.Endpoint(), err)
	}
	f, execute := explain(refusal)
	if !execute {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	_, executeErr := s.server.Execute(ctx, stdin)
	if verdict, refused := asRefusal(executeErr); refused {
		if g, _ := explain(verdict); g.Kind == zisk.Guest || g.Kind == zisk.Transient && g.Code == codeOther {
			return &zisk.Failure{Kind: zisk.Guest, Code: zisk.CodeGuest, Summary: f.Summary + "; the guest fails without a proof, too: " + verdict.Text, Remedy: remedyLog}
		}
	}
	if executeErr == nil {
		f.Summary += "; the guest executes the block without a proof, so the block is not at fault"
	}
	return f
}

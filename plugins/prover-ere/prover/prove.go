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

// phaseProving is the phase in which the server works.
const phaseProving = "PROVING"

// factFraming is the fact by which a builder tells what surrounds its input.
const factFraming = "framing"

// Prove has the task's input proved, or executed where the stage is a gate.
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

// readInput reads the guest input without ZisK's frame.
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
		return nil, sdk.Permanent(fmt.Errorf("the builder says that the guest input is framed, but it is not: %w", err))
	}
	return data, nil
}

// stdin is the input in the form that the server takes.
func (p *Prover) stdin(input []byte, v server.Version) ([]byte, error) {
	if p.config.Input == "raw" || p.config.Input == "auto" && v.FramesInput() {
		return input, nil
	}
	if len(input) > math.MaxUint32 {
		return nil, sdk.Permanent(fmt.Errorf("the guest input has %d bytes, which 32 bits cannot count", len(input)))
	}
	return append(binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(input)), uint32(len(input))), input...), nil
}

// prepare sees to it that the server is the right one and its place not lost for good.
// behind is set where an abandoned proof may have to end first.
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

// prove has one server prove the input.
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
	if ended := s.end(p.isFree(s, err)); ended != nil {
		t.Log.Warn("the note of the request cannot be removed", "error", ended)
	}
	if err != nil {
		return nil, p.refuse(ctx, t, s, stdin, err)
	}
	wall := time.Since(began)
	if proof.Reconnected {
		// Another process may have answered than the one that was asked before.
		if id, err = p.identify(ctx, s); err != nil {
			return nil, err
		}
	}
	if behind {
		t.Progress(sdk.Progress{Phase: phaseProving, Fraction: 1})
	}
	return p.collect(t, id, proof, wall, <-executed)
}

// request sends the input and waits, telling the host how the server is.
func (p *Prover) request(ctx context.Context, t *sdk.Task, s *slot, stdin []byte, behind bool) (server.Proof, error) {
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(p.config.HealthInterval.Std())
		defer tick.Stop()
		for said := false; ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if s.stuck() && !said {
				said = true
				t.Log.Warn(server.ErrStuck.Error(), "server", s.server.Endpoint())
				t.Progress(sdk.Progress{Phase: phaseProving, Fraction: -1, Note: server.ErrStuck.Error()})
			}
		}
	}()
	defer func() { close(done); <-watched }()
	return s.server.Prove(ctx, stdin, func() {
		if !behind { // nobody knows when the proof begins otherwise
			t.Progress(sdk.Progress{Phase: phaseProving, Fraction: -1})
		}
	})
}

// isFree reports whether the server's place is free after a request: it answered, or
// it is gone.
func (p *Prover) isFree(s *slot, err error) bool {
	if err == nil || failureOf(err) != nil && !server.Broken(err) {
		return true
	}
	if _, answered := asRefusal(err); answered || server.Refused(err) {
		return true
	}
	if !server.Broken(err) {
		return false // cancelled, or an error on the way
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// The connection broke: is it the process that is gone, or something in between?
	return server.Refused(s.server.Health(ctx))
}

// refuse gives the error of a request its class. Where the guest or the machine can be
// at fault, an execution of the same input decides.
func (p *Prover) refuse(ctx context.Context, t *sdk.Task, s *slot, stdin []byte, err error) error {
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
	f, ask := explain(refusal)
	if !ask {
		return f
	}
	limited, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	_, executed := s.server.Execute(limited, stdin)
	if verdict, refused := asRefusal(executed); refused {
		if g, _ := explain(verdict); g.Kind == zisk.Guest || g.Kind == zisk.Transient && g.Code == codeOther {
			return &zisk.Failure{Kind: zisk.Guest, Code: zisk.CodeGuest, Summary: f.Summary + "; the guest fails without a proof, too: " + verdict.Text, Remedy: remedyLog}
		}
	}
	if executed == nil {
		f.Summary += "; the guest runs through without a proof, so it is not the block"
	}
	return f
}

package prover

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
)

// execution is the content of execution.json.
type execution struct {
	Cycles       uint64            `json:"cycles"`
	Regions      map[string]uint64 `json:"regions,omitempty"`
	Seconds      float64           `json:"time"`
	PublicValues string            `json:"public_values"`
	Server       string            `json:"server"`
}

// execute has a server run the guest without a proof. A guest that rejects the input, or
// that commits to another block, fails the block.
func (p *Prover) execute(ctx context.Context, t *sdk.Task, s *slot, input []byte) (*sdk.Result, error) {
	id, _, err := p.prepare(ctx, t, s)
	if err != nil {
		return nil, err
	}
	stdin, err := p.stdin(input, id.Ere)
	if err != nil {
		return nil, err
	}
	t.Progress(sdk.Progress{Phase: sdk.PhaseAccepted, Fraction: -1, Note: describe(id) + " at " + s.server.Endpoint()})
	t.Progress(sdk.Progress{Phase: "EXECUTING", Fraction: -1})
	done, err := s.server.Execute(ctx, stdin)
	if err != nil {
		if ctx.Err() != nil {
			return nil, interrupted(ctx, "the execution at "+s.server.Endpoint())
		}
		if refusal, ok := asRefusal(err); ok {
			f, _ := explain(refusal)
			if f.Code == codeOther { // rules has all other failures of an execution
				f.Kind, f.Code = zisk.Guest, zisk.CodeGuest
			}
			return nil, f
		}
		if f := failureOf(err); f != nil {
			return nil, f
		}
		return nil, unreachable(s.server.Endpoint(), err)
	}
	if err := guest.CheckProof(t)(done.PublicValues); err != nil {
		return nil, err
	}
	artifact, err := publish.JSON(t, sdk.ArtifactExecution, execution{
		Cycles: done.Report.Cycles, Regions: done.Report.Regions, Seconds: done.Report.Time.Seconds(),
		PublicValues: hex.EncodeToString(done.PublicValues), Server: describe(id),
	})
	if err != nil {
		return nil, err
	}
	facts := identityFacts(id)
	facts[sdk.FactCycles] = strconv.FormatUint(done.Report.Cycles, 10)
	facts[factExecution] = strconv.FormatInt(done.Report.Time.Milliseconds(), 10)
	return &sdk.Result{Outputs: []sdk.Artifact{artifact}, Facts: facts}, nil
}

// cyclesBeside executes the input at the same time as its proof where the configuration
// demands it. The channel receives one report, which is nil where there is none.
func (p *Prover) cyclesBeside(ctx context.Context, t *sdk.Task, s *slot, stdin []byte) <-chan *server.ExecuteReport {
	out := make(chan *server.ExecuteReport, 1)
	if p.config.Cycles != "execute" {
		out <- nil
		return out
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
		defer cancel()
		done, err := s.server.Execute(ctx, stdin)
		if err != nil {
			t.Log.Warn("the execution beside the proof failed; its cycles are not known", "error", err)
			out <- nil
			return
		}
		out <- &done.Report
	}()
	return out
}

// asRefusal returns the *server.Refusal in an error.
func asRefusal(err error) (*server.Refusal, bool) { return errors.AsType[*server.Refusal](err) }

// identityFacts returns the facts about the server that has made a result.
func identityFacts(id server.Identity) map[string]string {
	facts := map[string]string{factVersion: id.Ere.String(), factZKVM: id.ZKVM, factSDK: id.SDK}
	if len(id.ProgramVK) > 0 {
		facts[factProgram] = hex.EncodeToString(id.ProgramVK)
	}
	return facts
}

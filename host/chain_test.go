package host

import (
	"context"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// chainSource is a source that returns blocks of one chain.
type chainSource struct {
	source
	chain uint64
}

func (s *chainSource) Poll(context.Context, contract.PollRequest) (contract.PollResponse, error) {
	return contract.PollResponse{Blocks: []contract.Block{{ChainID: s.chain, Number: 5}}, NextCursor: []byte("c")}, nil
}

func (s *chainSource) Resolve(_ context.Context, numbers []uint64) ([]contract.Resolution, error) {
	return []contract.Resolution{{Number: numbers[0], Block: &contract.Block{ChainID: s.chain, Number: numbers[0]}}}, nil
}

// TestChainGuard checks that a node of another chain pauses the source, that no block of it
// becomes a job, and that the cursor is unchanged.
func TestChainGuard(t *testing.T) {
	for name, c := range map[string]struct{ known, first, then uint64 }{
		"another chain in the checkpoint": {1, 0, 560048},
		"a node that changes its chain":   {0, 1, 560048},
	} {
		s := &chainSource{chain: c.first}
		g := &chainGuard{source: s, data: "/var/lib/proofline", chain: c.known}
		if c.first != 0 {
			if answer, err := g.Poll(t.Context(), contract.PollRequest{}); err != nil || len(answer.Blocks) != 1 {
				t.Fatalf("%s: %+v, %v", name, answer, err)
			}
		}
		s.chain = c.then
		answer, err := g.Poll(t.Context(), contract.PollRequest{})
		_, other := g.Resolve(t.Context(), []uint64{7})
		for _, err := range []error{err, other} {
			if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "/var/lib/proofline holds blocks of chain 1, but this pipeline follows chain 560048") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(answer.Blocks) > 0 || answer.NextCursor != nil {
			t.Errorf("%s: %+v", name, answer)
		}
	}
}

package ethnode

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Reader is where the data of a block come from.
type Reader interface {
	// Name is the reader's name in errors, without credentials.
	Name() string
	// Block streams the result of eth_getBlockByHash(hash, true) to dst.
	Block(ctx context.Context, dst io.Writer, block contract.Block) error
	// Witness streams the result of debug_executionWitness to dst.
	Witness(ctx context.Context, dst io.Writer, block contract.Block) error
}

// Data is a kind of data that a Fetcher asks for.
type Data int

// The kinds of data.
const (
	BlockData Data = iota
	WitnessData
)

// Supply names the readers to ask for a block's data, the best first. There is
// at least one, or an error.
type Supply interface {
	Candidates(data Data, block contract.Block) ([]Candidate, error)
}

// Candidate is a reader and what its owner wants to know of it.
type Candidate struct {
	Reader
	// HedgeAfter is how long to wait for an answer before the next candidate is
	// asked as well; 0 waits for the answer.
	HedgeAfter time.Duration
	// Told is called once with the outcome of a fetch, checks included. It may
	// be nil.
	Told func(err error, took time.Duration)
}

// Only is the supply of a single reader.
func Only(r Reader) Supply { return only{r} }

type only struct{ Reader }

func (o only) Candidates(Data, contract.Block) ([]Candidate, error) {
	return []Candidate{{Reader: o.Reader}}, nil
}

// witnessless is how long a node that does not offer witnesses is asked last.
const witnessless = 5 * time.Minute

// Candidates implements Supply: usable nodes, those that have seen the block
// first.
func (p *Pool) Candidates(data Data, block contract.Block) ([]Candidate, error) {
	filter := canWitness
	if data == BlockData {
		filter = func(*node) bool { return true }
	}
	nodes, err := p.order(filter)
	if err != nil {
		return nil, err
	}
	last := func(n *node) int {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.head.Number < block.Number || data == WitnessData && time.Now().Before(n.noWitnessUntil) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return last(a) - last(b) })
	list := make([]Candidate, len(nodes))
	for i, n := range nodes {
		list[i] = Candidate{Reader: n, Told: func(err error, took time.Duration) { n.toldFetch(data, err, took) }}
		if data == WitnessData {
			list[i].HedgeAfter = n.hedgeAfter()
			if p.hedge > 0 {
				list[i].HedgeAfter = p.hedge
			}
		}
	}
	return list, nil
}

// toldFetch records the outcome of a fetch of a block's data.
func (n *node) toldFetch(data Data, err error, took time.Duration) {
	if _, ours := errors.AsType[*storeError](err); ours {
		return
	}
	n.told(err)
	if data != WitnessData {
		return
	}
	switch {
	case errors.Is(err, ErrNoMethod):
		n.mu.Lock()
		n.noWitnessUntil = time.Now().Add(witnessless)
		n.mu.Unlock()
	case err == nil, errors.Is(err, errLost):
		n.tookWitness(took) // a loser took at least so long
	}
}

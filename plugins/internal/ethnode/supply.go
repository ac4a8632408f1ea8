package ethnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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

// Want says what is asked for, and what is known of earlier attempts.
type Want struct {
	Block contract.Block
	// Attempt counts from 1. Every attempt begins with another reader than the one
	// before, as far as there are several that can be asked.
	Attempt uint32
	// Accused is the label of the reader whose data a later stage has refused,
	// empty where none was. It is asked last.
	Accused string
}

// Supply names the readers to ask for a block's data, the best first. There is
// at least one, or an error.
type Supply interface {
	Candidates(data Data, want Want) ([]Candidate, error)
	// Accuse lowers the opinion of the reader with this label, which gave data that a
	// later stage has refused. Unknown labels are ignored.
	Accuse(label string, complaint error)
}

// Candidate is a reader and what its owner wants to know of it.
type Candidate struct {
	Reader
	// Label tells the reader from others of the same name, and goes into the facts
	// of a fetch.
	Label string
	// HedgeAfter is how long to wait for an answer before the next candidate is
	// asked as well; 0 waits for the answer.
	HedgeAfter time.Duration
	// Told is called once with the outcome of a fetch, checks included. It may
	// be nil.
	Told func(err error, took time.Duration)
	// Depth says how far the block lies below the reader's head, and for how many
	// blocks the reader keeps state. It is nil where that is unknown.
	Depth func() (depth, window uint64)
}

// Only is the supply of a single reader.
func Only(r Reader) Supply { return only{r} }

type only struct{ Reader }

func (o only) Candidates(Data, Want) ([]Candidate, error) {
	return []Candidate{{Reader: o.Reader, Label: o.Name()}}, nil
}

func (o only) Accuse(string, error) {}

// witnessless is how long a node that does not offer witnesses is asked last.
const witnessless = 5 * time.Minute

// Candidates implements Supply: usable nodes, those that have seen the block
// first.
func (p *Pool) Candidates(data Data, want Want) ([]Candidate, error) {
	filter := canWitness
	if data == BlockData {
		filter = func(*node) bool { return true }
	}
	nodes, err := p.order(data, filter)
	if err != nil {
		return nil, err
	}
	if want.Attempt > 1 {
		k := int(want.Attempt-1) % len(nodes)
		nodes = slices.Concat(nodes[k:], nodes[:k])
	}
	last := func(n *node) int {
		if data == WitnessData && want.Accused == n.Label() {
			return 2
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.head.Number < want.Block.Number || data == WitnessData && time.Now().Before(n.noWitnessUntil) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return last(a) - last(b) })
	list := make([]Candidate, len(nodes))
	for i, n := range nodes {
		list[i] = Candidate{Reader: n, Label: n.Label(),
			Told:  func(err error, took time.Duration) { n.toldFetch(data, err, took) },
			Depth: func() (depth, window uint64) { return p.depth(n, want.Block.Number) }}
		if data == WitnessData {
			list[i].HedgeAfter = n.hedgeAfter()
			if p.hedge > 0 {
				list[i].HedgeAfter = p.hedge
			}
		}
	}
	return list, nil
}

func (p *Pool) depth(n *node, number uint64) (depth, window uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	window = n.window
	if p.window > 0 {
		window = p.window
	}
	return n.head.Number - min(number, n.head.Number), window
}

// Accuse implements Supply. What a later stage finds weighs as much as what the
// checks of a fetch find.
func (p *Pool) Accuse(label string, complaint error) {
	i := slices.IndexFunc(p.nodes, func(n *node) bool { return n.Label() == label })
	if i < 0 {
		return
	}
	p.nodes[i].witnesses.told(contract.Retryable(fmt.Errorf("%s gave a witness that a later stage refused: %w", p.nodes[i].name, complaint)))
	p.log.Warn("a later stage refused a witness; it is asked for again elsewhere", "endpoint", p.nodes[i].name, "complaint", strings.TrimSpace(complaint.Error()))
}

// badDataError is the verdict on what a node sent: the checks refused it.
type badDataError struct{ err error }

func (e *badDataError) Error() string { return e.err.Error() }
func (e *badDataError) Unwrap() error { return e.err }

// toldFetch records the outcome of a fetch of a block's data. A verdict on a
// witness counts among witnesses only: the node may still be good for heads.
func (n *node) toldFetch(data Data, err error, took time.Duration) {
	if _, ours := errors.AsType[*storeError](err); ours {
		return
	}
	_, bad := errors.AsType[*badDataError](err)
	if bad {
		n.tally.Refused()
	}
	switch {
	case data == BlockData:
		n.calls.told(err)
		return
	case bad || err == nil || errors.Is(err, errLost):
		n.witnesses.told(err)
	default:
		n.calls.told(err)
		n.witnesses.told(err)
	}
	switch {
	case errors.Is(err, ErrNoMethod):
		n.mu.Lock()
		n.noWitnessUntil = time.Now().Add(witnessless)
		n.mu.Unlock()
	case err == nil:
		n.tookWitness(took)
	}
}

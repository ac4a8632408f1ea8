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

// Reader reads the data of blocks, for example from one node.
type Reader interface {
	// Name returns the reader's name in errors, without credentials.
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

// FetchRequest names a block and what is known of earlier attempts to fetch it.
type FetchRequest struct {
	Block contract.Block
	// Attempt counts from 1. Where several readers are usable, every attempt begins
	// with another one than the attempt before.
	Attempt uint32
	// RefusedLabel is the label of the reader whose data a later stage has refused,
	// empty where there is none. That reader is asked last.
	RefusedLabel string
}

// Supply selects the readers of a block's data.
type Supply interface {
	// Candidates returns the readers to ask, the best first. It returns at least one,
	// or an error.
	Candidates(data Data, request FetchRequest) ([]Candidate, error)
	// RecordRefusal records that a later stage has refused data of the reader with this
	// label, for the given reason. It ignores unknown labels.
	RecordRefusal(label string, reason error)
}

// Candidate is a reader that a fetch may ask, with what the fetch must know about it.
type Candidate struct {
	Reader
	// Label distinguishes the reader from others of the same name. It is a fact of the
	// fetch.
	Label string
	// HedgeAfter is how long to wait for an answer before the next candidate is
	// asked as well. With 0 the next one is asked only after a failure.
	HedgeAfter time.Duration
	// Done is called once with the outcome of a fetch, checks included. It may be nil.
	Done func(err error, took time.Duration)
	// Depth returns how far the block lies below the reader's head, and for how many
	// blocks the reader keeps state. It is nil where that is unknown.
	Depth func() (depth, window uint64)
}

// SingleReader returns the supply that consists of one reader.
func SingleReader(r Reader) Supply { return singleReader{r} }

type singleReader struct{ Reader }

func (o singleReader) Candidates(Data, FetchRequest) ([]Candidate, error) {
	return []Candidate{{Reader: o.Reader, Label: o.Name()}}, nil
}

func (o singleReader) RecordRefusal(string, error) {}

// witnessesOff is how long a node that does not offer witnesses is asked for them last.
const witnessesOff = 5 * time.Minute

// Candidates implements Supply. Nodes whose head is at or above the block come first.
func (p *Pool) Candidates(data Data, request FetchRequest) ([]Candidate, error) {
	filter := canWitness
	if data == BlockData {
		filter = func(*node) bool { return true }
	}
	nodes, err := p.order(data, filter)
	if err != nil {
		return nil, err
	}
	if request.Attempt > 1 {
		k := int(request.Attempt-1) % len(nodes)
		nodes = slices.Concat(nodes[k:], nodes[:k])
	}
	priority := func(n *node) int {
		if data == WitnessData && request.RefusedLabel == n.Label() {
			return 2
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.head.Number < request.Block.Number || data == WitnessData && time.Now().Before(n.witnessesOffUntil) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(nodes, func(a, b *node) int { return priority(a) - priority(b) })
	list := make([]Candidate, len(nodes))
	for i, n := range nodes {
		list[i] = Candidate{Reader: n, Label: n.Label(),
			Done:  func(err error, took time.Duration) { n.recordFetch(data, err, took) },
			Depth: func() (depth, window uint64) { return p.depth(n, request.Block.Number) }}
		if data == WitnessData {
			list[i].HedgeAfter = n.hedgeAfter()
			if p.hedgeAfter > 0 {
				list[i].HedgeAfter = p.hedgeAfter
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

// RecordRefusal implements Supply. The refusal of a later stage counts as much as one
// of the fetch's own checks.
func (p *Pool) RecordRefusal(label string, reason error) {
	i := slices.IndexFunc(p.nodes, func(n *node) bool { return n.Label() == label })
	if i < 0 {
		return
	}
	p.nodes[i].witnesses.record(contract.Retryable(fmt.Errorf("%s gave a witness that a later stage refused: %w", p.nodes[i].name, reason)))
	p.log.Warn("a later stage refused a witness; it is asked for again elsewhere", "endpoint", p.nodes[i].name, "complaint", strings.TrimSpace(reason.Error()))
}

// badDataError means that the checks refused the data of a node.
type badDataError struct{ err error }

func (e *badDataError) Error() string { return e.err.Error() }
func (e *badDataError) Unwrap() error { return e.err }

// recordFetch records the outcome of a fetch of a block's data. A refused witness
// counts against the node's witnesses only, because its heads may still be right.
func (n *node) recordFetch(data Data, err error, took time.Duration) {
	if _, isStore := errors.AsType[*storeError](err); isStore {
		return
	}
	_, bad := errors.AsType[*badDataError](err)
	if bad {
		n.tally.Refused()
	}
	switch {
	case data == BlockData:
		n.calls.record(err)
		return
	case bad || err == nil || errors.Is(err, errLost):
		n.witnesses.record(err)
	default:
		n.calls.record(err)
		n.witnesses.record(err)
	}
	switch {
	case errors.Is(err, ErrNoMethod):
		n.mu.Lock()
		n.witnessesOffUntil = time.Now().Add(witnessesOff)
		n.mu.Unlock()
	case err == nil:
		n.recordWitnessTime(took)
	}
}

package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Chain is what a Follower reads: one node, or a Pool of nodes.
type Chain interface {
	ChainID(ctx context.Context) (uint64, error)
	// Head returns the newest header.
	Head(ctx context.Context) (Header, error)
	// Headers returns the canonical header of each number, nil where there is
	// none.
	Headers(ctx context.Context, numbers []uint64) ([]*Header, error)
}

// Follower follows a chain and returns target blocks from polls. All its state is in
// the cursor that the caller keeps.
type Follower struct {
	Chain Chain
	// Interval is the time between two reads of the head. The default is 2 s.
	Interval time.Duration
	// Confirmations is how many blocks must lie on top of a block before it is
	// returned; with 0 the head itself is.
	Confirmations uint64
	// Wake returns a channel that is closed when the next block is announced. It
	// shortens the wait for the next read of the head. It may be nil; the head is
	// also read every Interval.
	Wake func() <-chan struct{}
	// LastWake returns the time of the last announcement; nil where there are none.
	LastWake func() time.Time
	// PollDense reads the head every denseInterval while the next block is due by the
	// slot clock, unless the last block was announced.
	PollDense bool
	Log       *slog.Logger // nil for the default logger

	slots slotClock

	chainID atomic.Uint64 // 0 until known
}

// headersPerStep is the largest number of headers that one step of a poll requests.
const headersPerStep = 256

// catchUpTime is how long one poll may examine existing blocks without finding a
// target, even if the request's Wait is shorter.
const catchUpTime = 10 * time.Second

// Poll examines every block from the cursor on and returns the next targets. It waits
// up to the request's Wait for the first one. It returns at once when the chain has
// dropped blocks. The genesis block is never a target: it has no parent, and so no
// witness.
func (f *Follower) Poll(ctx context.Context, req contract.PollRequest) (contract.PollResponse, error) {
	begun := time.Now()
	deadline := begun.Add(req.Wait)
	chainID, err := f.id(ctx)
	if err != nil {
		return contract.PollResponse{}, err
	}
	cur, err := decodeCursor(req.Cursor)
	if err != nil {
		return contract.PollResponse{}, err
	}
	if cur != nil && cur.ChainID != chainID {
		return contract.PollResponse{}, contract.Environment(
			fmt.Errorf("the checkpoint follows chain %d, but the node serves chain %d", cur.ChainID, chainID),
			"point the source at a node of the same chain, or use another data directory")
	}
	w := &walk{f: f, cur: cur, chainID: chainID, req: req, maxBlocks: max(req.Max, 1)}
	for {
		wake := f.wake()
		more, err := w.step(ctx)
		if err == nil {
			f.slots.observe(w.head, time.Now())
		}
		if errors.Is(err, errInconsistent) && time.Until(deadline) > 0 && ctx.Err() == nil {
			more, err = false, nil // the chain may have changed between two calls: read it again
		}
		if err != nil {
			// The blocks found so far are complete. A lasting error occurs again in
			// the next poll.
			if len(w.blocks) > 0 || len(w.orphaned) > 0 {
				return w.response(), nil
			}
			return contract.PollResponse{}, err
		}
		if len(w.blocks) >= w.maxBlocks || !more && (len(w.blocks) > 0 || len(w.orphaned) > 0) || w.done() {
			return w.response(), nil
		}
		if ctx.Err() != nil {
			return contract.PollResponse{}, contract.Interrupted(context.Cause(ctx))
		}
		if more && time.Since(begun) < max(req.Wait, catchUpTime) {
			continue
		}
		left := time.Until(deadline)
		if left <= 0 {
			return w.response(), nil
		}
		f.pause(ctx, w.head, min(left, cmp.Or(f.Interval, 2*time.Second)), wake)
	}
}

// pause waits until the chain is to be read again: for the given time, until the next
// announcement, or, with PollDense, until a read of the head returns another block.
func (f *Follower) pause(ctx context.Context, head Header, wait time.Duration, wake <-chan struct{}) {
	for end := time.Now().Add(wait); ; {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		dense := false
		if f.PollDense && (f.LastWake == nil || f.LastWake().Before(head.Time)) {
			if next := f.slots.next(time.Now()); next > 0 && next < left {
				left, dense = next, true
			}
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-wake:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if !dense {
			continue
		}
		now, err := f.Chain.Head(ctx)
		if err != nil {
			return // the next step returns the error
		}
		f.slots.observe(now, time.Now())
		if now.Hash != head.Hash {
			return
		}
	}
}

func (f *Follower) wake() <-chan struct{} {
	if f.Wake == nil {
		return nil
	}
	return f.Wake()
}

func (f *Follower) id(ctx context.Context) (uint64, error) {
	if id := f.chainID.Load(); id != 0 {
		return id, nil
	}
	id, err := f.Chain.ChainID(ctx)
	if err == nil {
		f.chainID.Store(id)
	}
	return id, err
}

func (f *Follower) log() *slog.Logger {
	return cmp.Or(f.Log, slog.Default())
}

// Resolve returns the blocks of the numbers, in their order, without a cursor, and the
// reason for each that is missing or has too few confirmations. The caller limits the
// length of the list.
func (f *Follower) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	chainID, err := f.id(ctx)
	if err != nil {
		return nil, err
	}
	headers, err := f.Chain.Headers(ctx, numbers)
	if err != nil {
		return nil, err
	}
	var head Header // for the reasons
	if f.Confirmations > 0 || slices.Contains(headers, nil) {
		if head, err = f.Chain.Head(ctx); err != nil {
			return nil, err
		}
	}
	answers := make([]contract.Resolution, len(numbers))
	for i, n := range numbers {
		answer := contract.Resolution{Number: n}
		switch {
		case headers[i] == nil && n > head.Number:
			answer.Reason = fmt.Sprintf("block %d does not exist yet: the head is %d", n, head.Number)
		case headers[i] == nil:
			answer.Reason = fmt.Sprintf("the node does not have block %d", n)
		case f.Confirmations > 0 && n+f.Confirmations > head.Number:
			answer.Reason = fmt.Sprintf("block %d has %d of %d confirmations: the head is %d", n, max(head.Number, n)-n, f.Confirmations, head.Number)
		default:
			block := headers[i].Block(chainID)
			answer.Block = &block
		}
		answers[i] = answer
	}
	return answers, nil
}

// errInconsistent means that the headers of a node, or of several nodes behind one
// address, do not form a chain.
var errInconsistent = errors.New("the node's headers do not form a chain")

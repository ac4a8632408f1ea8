package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Chain is what a Follower reads: one node, or several that stand for one.
type Chain interface {
	ChainID(ctx context.Context) (uint64, error)
	// Head returns the newest header.
	Head(ctx context.Context) (Header, error)
	// Headers returns the canonical header of each number, nil where there is
	// none.
	Headers(ctx context.Context, numbers []uint64) ([]*Header, error)
}

// Follower walks along a chain and hands out target blocks. All its state is in
// the cursor that the caller keeps.
type Follower struct {
	Chain Chain
	// Interval is the time between two looks at the head; 2 s.
	Interval time.Duration
	// Confirmations is how many blocks must lie on top of a block before it is
	// handed out; 0 hands out the head itself.
	Confirmations uint64
	// Wake returns a channel that is closed at the next sign of a new block. It
	// shortens the wait for the next look and may be nil; polling goes on
	// whether it says something or not.
	Wake func() <-chan struct{}
	// Woken is when there was such a sign last; nil where there is none.
	Woken func() time.Time
	// Closely looks at the head every denseInterval while the next block is due by the
	// clock of the slots, unless there was a sign of the last one.
	Closely bool
	Log     *slog.Logger // nil for the default logger

	slots slotClock

	chainID atomic.Uint64 // 0 until known
}

// headersPerStep bounds the headers that one step of a poll asks for.
const headersPerStep = 256

// catchUpTime bounds how long one poll looks at blocks that are there already
// without finding a target.
const catchUpTime = 10 * time.Second

// Poll looks at every block from the cursor on and answers the next targets. It
// waits up to the request's Wait for the first one. Hashes that the chain has
// dropped are answered at once. The genesis block is never a target: it has no
// parent, and so no witness.
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
	w := &walk{f: f, cur: cur, chainID: chainID, req: req, most: max(req.Max, 1)}
	for {
		wake := f.wake()
		more, err := w.step(ctx)
		if err == nil {
			f.slots.look(w.head, time.Now())
		}
		if errors.Is(err, errInconsistent) && time.Until(deadline) > 0 && ctx.Err() == nil {
			more, err = false, nil // the chain may have changed between two calls: look again
		}
		if err != nil {
			// What was found so far is complete as it stands; the error will
			// come again if it lasts.
			if len(w.blocks) > 0 || len(w.orphaned) > 0 {
				return w.response(), nil
			}
			return contract.PollResponse{}, err
		}
		if len(w.blocks) >= w.most || !more && (len(w.blocks) > 0 || len(w.orphaned) > 0) || w.done() {
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

// pause waits for the next look at the chain. Where the clock of the slots says so it
// looks itself meanwhile whether the head is another one.
func (f *Follower) pause(ctx context.Context, head Header, wait time.Duration, wake <-chan struct{}) {
	for end := time.Now().Add(wait); ; {
		left := time.Until(end)
		if left <= 0 {
			return
		}
		closely := false
		if f.Closely && (f.Woken == nil || f.Woken().Before(head.Time)) {
			if next := f.slots.next(time.Now()); next > 0 && next < left {
				left, closely = next, true
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
		if !closely {
			continue
		}
		now, err := f.Chain.Head(ctx)
		if err != nil {
			return // the next step says so
		}
		f.slots.look(now, time.Now())
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

// Resolve names the blocks of the numbers, without any cursor. Requests are
// bounded by the caller; the answer has the order of the numbers.
func (f *Follower) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	chainID, err := f.id(ctx)
	if err != nil {
		return nil, err
	}
	headers, err := f.Chain.Headers(ctx, numbers)
	if err != nil {
		return nil, err
	}
	var head *Header // looked up once, to say why a block is missing
	answers := make([]contract.Resolution, len(numbers))
	for i, n := range numbers {
		answers[i].Number = n
		if headers[i] != nil {
			block := headers[i].Block(chainID)
			answers[i].Block = &block
			continue
		}
		if head == nil {
			h, err := f.Chain.Head(ctx)
			if err != nil {
				return nil, err
			}
			head = &h
		}
		answers[i].Reason = fmt.Sprintf("the node does not have block %d", n)
		if n > head.Number {
			answers[i].Reason = fmt.Sprintf("block %d does not exist yet: the head is %d", n, head.Number)
		}
	}
	return answers, nil
}

// errInconsistent is the answer of a node, or of several behind one address,
// whose headers do not form a chain.
var errInconsistent = errors.New("the node's headers do not form a chain")

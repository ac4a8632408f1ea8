package ethnode

import (
	"context"
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
)

// walk is the state of one poll.
type walk struct {
	f         *Follower
	cur       *cursor // nil until the first head is known
	chainID   uint64
	req       contract.PollRequest
	maxBlocks int

	head     Header
	blocks   []contract.Block
	orphaned []contract.Hash
}

func (w *walk) response() contract.PollResponse {
	r := contract.PollResponse{Blocks: w.blocks, Orphaned: w.orphaned, Head: w.head.Number, HeadTime: w.head.Time, Done: w.done()}
	if w.cur != nil {
		r.NextCursor = w.cur.encode()
	}
	return r
}

// done reports whether every number of the selection has been examined.
func (w *walk) done() bool {
	return w.cur != nil && w.req.Selection.To != nil && w.cur.Next > *w.req.Selection.To
}

// step reads the head and the next blocks up to it. more reports that another step can
// go further at once.
func (w *walk) step(ctx context.Context) (more bool, err error) {
	head, err := w.f.Chain.Head(ctx)
	if err != nil {
		return false, err
	}
	w.head = head
	if w.cur == nil {
		if err := w.confirmHead(ctx); err != nil {
			return false, err
		}
	}
	if head.Number < w.f.Confirmations {
		return false, nil
	}
	limit := head.Number - w.f.Confirmations
	w.start(limit)
	end := limit
	if to := w.req.Selection.To; to != nil {
		end = min(end, *to)
	}
	numbers, reachesEnd := w.plan(end)
	// accept detects a reorg by the parent of a header that follows the window. Without
	// such a header the window must be compared with the chain.
	if tip := w.cur.tip(); tip != nil && (len(numbers) == 0 || numbers[0] != tip.Number+1) {
		if reorg, err := w.checkWindow(ctx, limit); reorg || err != nil {
			return reorg, err
		}
	}
	if len(numbers) == 0 {
		return false, nil
	}
	headers, err := w.read(ctx, numbers)
	if err != nil {
		return false, err
	}
	before := w.cur.Next
	if err := w.accept(ctx, headers); err != nil {
		return false, err
	}
	reached := w.cur.Next > numbers[len(numbers)-1]
	return w.cur.Next != before && !(reachesEnd && reached), nil
}

// confirmHead checks that the head is the block that the chain has at its number. It
// is called before a new cursor begins there: with an invented number the cursor would
// wait for ever.
func (w *walk) confirmHead(ctx context.Context) error {
	headers, err := w.f.Chain.Headers(ctx, []uint64{w.head.Number})
	if err != nil {
		return err
	}
	if h := headers[0]; h == nil || h.Hash != w.head.Hash {
		return contract.Retryable(fmt.Errorf("%w: its head is block %d (%v), but it has another block at that number", errInconsistent, w.head.Number, w.head.Hash))
	}
	return nil
}

// start creates the cursor where there is none, and moves it up to the start of the
// selection.
func (w *walk) start(limit uint64) {
	from := w.req.Selection.From
	if w.cur == nil {
		w.cur = &cursor{Version: cursorVersion, ChainID: w.chainID, Next: limit}
		if from != nil {
			w.cur.Next = *from
		}
	}
	if from != nil && w.cur.Next < *from {
		w.cur.Next = *from
	}
}

// checkWindow compares the newest block of the window up to limit with the chain, and
// rolls back to the last common block if they differ. A head below the window means
// that the node lags behind, and is no reorg.
func (w *walk) checkWindow(ctx context.Context, limit uint64) (reorg bool, err error) {
	i := len(w.cur.Window) - 1
	for i >= 0 && w.cur.Window[i].Number > limit {
		i--
	}
	if i < 0 {
		w.f.log().Debug("the node is behind the cursor", "head", w.head.Number, "next", w.cur.Next)
		return false, nil
	}
	hash := w.head.Hash
	if at := w.cur.Window[i].Number; at != w.head.Number {
		headers, err := w.f.Chain.Headers(ctx, []uint64{at})
		if err != nil {
			return false, err
		}
		if headers[0] == nil {
			return false, contract.Retryable(fmt.Errorf("%w: its head is %d, but it does not have block %d", errInconsistent, w.head.Number, at))
		}
		hash = headers[0].Hash
	}
	if hash == w.cur.Window[i].Hash {
		return false, nil
	}
	return true, w.rollBack(ctx, limit)
}

// rollBack drops the blocks of the window that are no longer on the chain. It adds the
// targets among them to orphaned, unless this poll found them itself.
func (w *walk) rollBack(ctx context.Context, limit uint64) error {
	var numbers []uint64
	for _, s := range w.cur.Window {
		if s.Number <= limit {
			numbers = append(numbers, s.Number)
		}
	}
	headers, err := w.f.Chain.Headers(ctx, numbers)
	if err != nil {
		return err
	}
	common := 0
	for i, h := range headers {
		if h != nil && h.Hash == w.cur.Window[i].Hash {
			common = i + 1
		}
	}
	if common == len(w.cur.Window) {
		return contract.Retryable(fmt.Errorf("%w: a header names another parent than block %d has", errInconsistent, w.cur.tip().Number))
	}
	old := w.cur.Next
	dropped := w.cur.rollBack(common)
	for _, hash := range dropped {
		i := slices.IndexFunc(w.blocks, func(b contract.Block) bool { return b.Hash == hash })
		if i < 0 {
			w.orphaned = append(w.orphaned, hash)
			continue
		}
		w.blocks = slices.Delete(w.blocks, i, i+1) // found in this poll, so never returned
	}
	w.f.log().Info("reorg", "from", w.cur.Next, "to", old-1, "orphaned_targets", len(dropped))
	if common == 0 {
		w.f.log().Warn("the reorg reaches beyond the blocks that the cursor remembers", "oldest", w.cur.Next)
	}
	return nil
}

// plan lists the numbers to read next, in ascending order: all numbers close to end,
// where reorgs happen, and only targets before. reachesEnd reports that the list goes
// up to end.
func (w *walk) plan(end uint64) (numbers []uint64, reachesEnd bool) {
	sel := w.req.Selection
	room := w.maxBlocks - len(w.blocks)
	dense := uint64(0)
	if end+1 > windowSize {
		dense = end + 1 - windowSize
	}
	for n := w.cur.Next; n <= end; n++ {
		if n < dense && !sel.Includes(n) {
			next, ok := sel.Next(n)
			if n = dense; ok {
				n = min(next, dense)
			}
		}
		if len(numbers) == headersPerStep {
			return numbers, false
		}
		numbers = append(numbers, n)
		if sel.Includes(n) {
			if room--; room == 0 {
				return numbers, n == end
			}
		}
	}
	return numbers, true
}

// read requests the headers of the numbers, except for the head, which is known.
func (w *walk) read(ctx context.Context, numbers []uint64) ([]*Header, error) {
	last := len(numbers) - 1
	if numbers[last] != w.head.Number {
		return w.f.Chain.Headers(ctx, numbers)
	}
	if last == 0 {
		return []*Header{&w.head}, nil
	}
	headers, err := w.f.Chain.Headers(ctx, numbers[:last])
	if err != nil {
		return nil, err
	}
	return append(headers, &w.head), nil
}

// accept adds headers to the cursor as long as each is the child of the one before. It
// stops at the first that is missing or is not. A first header that does not continue
// the window is a reorg.
func (w *walk) accept(ctx context.Context, headers []*Header) error {
	for i, h := range headers {
		if h == nil {
			w.f.log().Debug("the node lacks a block below its head", "head", w.head.Number, "next", w.cur.Next)
			return nil
		}
		if tip := w.cur.tip(); tip != nil && tip.Number+1 == h.Number && tip.Hash != h.Parent {
			if i > 0 {
				return nil // the chain changed while it was read
			}
			return w.rollBack(ctx, tip.Number)
		}
		target := h.Number > 0 && w.req.Selection.Includes(h.Number) // genesis has no witness
		w.cur.add(seenBlock{Number: h.Number, Hash: h.Hash, Target: target})
		if target {
			w.blocks = append(w.blocks, h.Block(w.chainID))
		}
	}
	return nil
}

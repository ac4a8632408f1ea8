package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Limits of the looks for blocks that do not exist yet.
const (
	resolveMax = 64          // blocks that a source is asked for in one call
	lookAgain  = time.Second // between two looks for one block
	lookForAll = time.Minute // between two looks for all listed blocks
)

// takeListed takes in the listed blocks as they come to exist, until all of them are
// taken in or ctx ends. While some do not exist, the source is asked each lookAgain for
// the lowest one alone, and each lookForAll for all of them, because a node may never
// have the lowest one.
func (e *Engine) takeListed(ctx context.Context) {
	source := e.stages[0]
	defer e.unpauseFeed(&source.listed)
	pending := e.selection().Blocks
	var next time.Time // when all are asked for
	for ctx.Err() == nil && len(pending) > 0 {
		if e.source.Ready(ctx) != nil {
			return
		}
		e.awaitRoom(ctx)
		asked := pending[:1]
		if now := e.clock.Now(); !now.Before(next) {
			asked, next = pending, now.Add(lookForAll)
		}
		missing, err := e.takeExisting(ctx, asked)
		pending = slices.Concat(missing, pending[len(asked):])
		wait := lookAgain
		switch {
		case err != nil && ctx.Err() == nil:
			wait, next = e.pauseFeed(&source.listed, fmt.Errorf("listed blocks: %w", err)), time.Time{}
		case len(missing) == 0:
			wait = 0
		}
		e.clock.Wait(ctx, wait, nil)
	}
}

// takeExisting takes in those of the blocks that exist, and returns the numbers of the
// others. When a call fails the other calls are made all the same, and its numbers are
// returned, too.
func (e *Engine) takeExisting(ctx context.Context, numbers []uint64) (missing []uint64, err error) {
	for part := range slices.Chunk(numbers, resolveMax) {
		absent, failed := e.takePart(ctx, part)
		if failed != nil {
			absent, err = part, failed
		}
		missing = append(missing, absent...)
	}
	if err == nil {
		e.mu.Lock()
		e.resume(e.stages[0], &e.stages[0].listed)
		e.mu.Unlock()
	}
	return missing, err
}

// takePart asks for at most resolveMax blocks, takes in those that exist and returns the
// numbers of the others.
func (e *Engine) takePart(ctx context.Context, numbers []uint64) (missing []uint64, err error) {
	resolved, err := e.source.Resolve(ctx, numbers)
	if err != nil {
		return nil, err
	}
	var blocks []contract.Block
	for _, r := range resolved {
		if r.Block == nil {
			missing = append(missing, r.Number)
			continue
		}
		blocks = append(blocks, *r.Block)
	}
	if len(blocks) == 0 {
		return missing, nil
	}
	t, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer e.write.release()
	for _, block := range blocks {
		if err := e.intake(t, block, record.Listed); err != nil {
			return nil, err
		}
	}
	return missing, t.commit(ctx)
}

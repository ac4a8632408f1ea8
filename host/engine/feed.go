package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Limits of the source's poll.
const (
	pollMax  = 256              // blocks in one answer
	pollWait = 10 * time.Second // that the source may wait for a new block
	// maxBacklog is the number of unfetched blocks at which polling stops while the
	// source is far behind its head.
	maxBacklog = 4 * pollMax
	// nearHead is the distance from the head, in blocks, within which polling goes on
	// whatever waits: there the chain grows only by a block every few seconds.
	nearHead = 256
	// lostHead is the number of blocks by which the head may fall in a reorg. A head
	// that falls further is a node that is behind, or another chain.
	lostHead = 8192
	// minPoll is the shortest interval between two polls without a new block. It slows
	// down a source that answers at once.
	minPoll = time.Second
)

// followChain takes in the targets until there are no more or ctx ends.
func (e *Engine) followChain(ctx context.Context) {
	source := e.stages[0]
	defer e.unpauseFeed(&source.poll)
	paced := false
	for more := e.selection().Targets.Every > 0; more && ctx.Err() == nil; {
		if e.source.Ready(ctx) != nil {
			return
		}
		e.awaitRoom(ctx)
		began, idle, wait := e.clock.Now(), false, time.Duration(0)
		var err error
		more, idle, err = e.pollOnce(ctx)
		switch took := e.clock.Now().Sub(began); {
		case err != nil && ctx.Err() == nil:
			wait = e.pauseFeed(&source.poll, fmt.Errorf("poll: %w", err))
		case idle && took < minPoll:
			if !paced {
				e.log.Warn("the source answers polls at once without a block, although it was asked to wait: it is asked once a second", "stage", source.Name)
			}
			paced, wait = true, minPoll-took
		}
		e.clock.Wait(ctx, wait, nil)
	}
}

// pauseFeed pauses one of the source's two feeds, and returns for how long.
func (e *Engine) pauseFeed(p *pause, err error) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock.Now()
	e.paused(e.stages[0], p, err, now)
	e.broadcast()
	return p.until.Sub(now)
}

// unpauseFeed ends the pause of a feed that has nothing more to do, if there is one.
func (e *Engine) unpauseFeed(p *pause) {
	e.mu.Lock()
	defer e.mu.Unlock()
	*p = pause{}
}

// awaitRoom waits while the source is far behind its head and maxBacklog blocks are
// not fetched yet.
func (e *Engine) awaitRoom(ctx context.Context) {
	source := e.stages[0]
	for ctx.Err() == nil {
		e.mu.Lock()
		newest, any := source.queue.byNumber.Max()
		full := any && source.queue.waiting.Len() >= maxBacklog && newest.number+nearHead < e.head
		changed := e.changed
		e.mu.Unlock()
		if !full {
			return
		}
		e.clock.Wait(ctx, Forever, changed)
	}
}

// pollOnce asks the source for new targets and records them together with the
// cursor and the orphaned jobs. It reports whether the source may name more targets,
// and whether it had nothing new.
func (e *Engine) pollOnce(ctx context.Context) (more, idle bool, err error) {
	targets := e.selection().Targets
	bounds, err := json.Marshal(struct{ From, To *uint64 }{targets.From, targets.To})
	if err != nil {
		return true, false, err
	}
	source := e.stages[0]
	request := contract.PollRequest{Selection: targets, Max: pollMax, Wait: pollWait}
	stored, err := e.store.Cursor(source.Name)
	switch {
	case errors.Is(err, record.ErrNotFound):
		stored = &record.Cursor{}
	case err != nil:
		return true, false, err
	case stored.Selection == string(bounds):
		request.Cursor = stored.Cursor
	}
	answer, err := e.source.Poll(ctx, request)
	if err != nil {
		return true, false, err
	}
	failpoint.Hit(failpoint.Polled)
	if answer.Head > 0 && answer.Head+lostHead < stored.Head {
		return true, false, contract.Environment(
			fmt.Errorf("the newest block of the node is %d, but block %d was seen before: it is behind, or it is another chain", answer.Head, stored.Head),
			"let the node catch up, or give a chain that was begun anew a data directory of its own")
	}
	t, err := e.begin(ctx)
	if err != nil {
		return true, false, err
	}
	defer e.write.release()
	t.change.Cursor = &record.Cursor{
		Stage: source.Name, Cursor: answer.NextCursor, Head: answer.Head, Updated: t.now, Selection: string(bounds),
	}
	e.orphan(t, answer.Orphaned)
	for _, block := range answer.Blocks {
		if err := e.intake(t, block, record.Selected); err != nil {
			return true, false, err
		}
	}
	headTime := headTime(answer, t.now)
	e.dropOld(t, headTime)
	t.done(func() {
		if answer.Head > e.head || e.headTime.IsZero() {
			e.head, e.headTime = max(e.head, answer.Head), headTime
		}
		e.resume(source, &source.poll)
	})
	err = t.commit(ctx)
	if len(answer.Blocks) > 0 {
		failpoint.Hit(failpoint.TakenIn)
	}
	return !answer.Done, len(answer.Blocks) == 0, err
}

// headTime returns the block time of the head that an answer names, or now when the
// answer does not contain it.
func headTime(answer contract.PollResponse, now time.Time) time.Time {
	if !answer.HeadTime.IsZero() {
		return answer.HeadTime
	}
	for _, block := range answer.Blocks {
		if block.Number == answer.Head && !block.Time.IsZero() {
			return block.Time
		}
	}
	return now
}

// intake makes a job of a block. A block that is a job already is left alone, unless
// it was orphaned: then it is on the chain again and its job goes on.
func (e *Engine) intake(t *transition, block contract.Block, origin string) error {
	known, err := e.store.Job(block.JobID())
	if errors.Is(err, record.ErrNotFound) {
		rec := record.New(block, origin, t.now)
		rec.Every = e.selection().Targets.Every
		e.fit(rec)
		t.add(rec)
		return nil
	}
	if err == nil && Orphaned(known) {
		e.revive(t, known)
	}
	return err
}

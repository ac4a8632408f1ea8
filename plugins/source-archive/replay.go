package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode/archive"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// replay returns the blocks of an archive in the order of their numbers. A selection
// without a start begins with the first block, because an archive has no head to wait for.
type replay struct {
	archive  *archive.Blocks
	speed    float64 // multiple of the chain's pace; 0 for as fast as possible
	follow   bool
	interval time.Duration
	log      *slog.Logger

	mu    sync.Mutex
	chain uint64 // 0 until known
}

// cursor is a position in the archive. A paced replay stores the time at which it started,
// so that it goes on at the same pace after a restart.
type cursor struct {
	Version int       `json:"v"`
	Next    uint64    `json:"next"`
	Started time.Time `json:"begun,omitzero"`  // clock time of the first block
	Origin  time.Time `json:"origin,omitzero"` // timestamp of the first block
}

// Poll implements sdk.Source.
func (r *replay) Poll(ctx context.Context, req sdk.PollRequest) (sdk.PollResponse, error) {
	deadline := time.Now().Add(req.Wait)
	cur := cursor{Version: 1}
	if len(req.Cursor) > 0 {
		if err := json.Unmarshal(req.Cursor, &cur); err != nil || cur.Version != 1 {
			return sdk.PollResponse{}, sdk.Permanent(fmt.Errorf("the stored cursor is of version %d or unreadable, this source reads version 1", cur.Version))
		}
	}
	for {
		resp, due, err := r.nextBlocks(ctx, &cur, req)
		if err != nil {
			return sdk.PollResponse{}, err
		}
		now := time.Now()
		if len(resp.Blocks) > 0 || resp.Done || !now.Before(deadline) {
			return resp, nil
		}
		wait := min(deadline.Sub(now), r.interval)
		if !due.IsZero() {
			wait = min(deadline.Sub(now), due.Sub(now))
		}
		select {
		case <-ctx.Done():
			return sdk.PollResponse{}, sdk.Interrupted(context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// nextBlocks returns the blocks that are due and moves the cursor. due is the time at which
// the next block is due, zero where there is none.
func (r *replay) nextBlocks(ctx context.Context, cur *cursor, req sdk.PollRequest) (resp sdk.PollResponse, due time.Time, err error) {
	numbers, err := r.archive.Numbers(ctx)
	if err != nil {
		return resp, due, archiveError(err)
	}
	if len(numbers) > 0 {
		resp.Head = numbers[len(numbers)-1]
	}
	at, _ := slices.BinarySearch(numbers, cur.Next)
	for _, n := range numbers[at:] {
		if n == 0 || !req.Selection.Includes(n) {
			continue
		}
		if len(resp.Blocks) >= max(req.Max, 1) {
			break
		}
		h, err := r.archive.Header(ctx, n)
		if errors.Is(err, fs.ErrNotExist) && r.follow {
			continue // the block may still be copied into the archive
		}
		if class := sdk.ClassOf(err); err != nil && (class == sdk.ClassEnvironment || class == sdk.ClassInterrupted) {
			return resp, due, err
		}
		if err != nil {
			r.log.Warn("a block of the archive is left out", "block", n, "error", err)
			cur.Next = n + 1
			continue
		}
		if r.speed > 0 {
			if cur.Started.IsZero() {
				cur.Started, cur.Origin = time.Now().UTC(), h.Time
			}
			due = cur.Started.Add(time.Duration(float64(h.Time.Sub(cur.Origin)) / r.speed))
			if time.Now().Before(due) {
				break
			}
		}
		id, err := r.id(ctx)
		if err != nil {
			return resp, due, err
		}
		resp.Blocks = append(resp.Blocks, h.Block(id))
		cur.Next = n + 1
		due = time.Time{}
	}
	resp.Done = !r.follow && r.exhausted(numbers, cur.Next, req.Selection) ||
		req.Selection.To != nil && cur.Next > *req.Selection.To
	resp.NextCursor, err = json.Marshal(cur)
	return resp, due, err
}

// exhausted reports whether the archive has no further target.
func (r *replay) exhausted(numbers []uint64, next uint64, sel sdk.Selection) bool {
	at, _ := slices.BinarySearch(numbers, next)
	return !slices.ContainsFunc(numbers[at:], func(n uint64) bool { return n > 0 && sel.Includes(n) })
}

// Resolve implements sdk.Source.
func (r *replay) Resolve(ctx context.Context, numbers []uint64) ([]sdk.Resolution, error) {
	answers := make([]sdk.Resolution, len(numbers))
	for i, n := range numbers {
		answers[i].Number = n
		h, err := r.archive.Header(ctx, n)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			answers[i].Reason = fmt.Sprintf("the archive has no block %d", n)
		case sdk.ClassOf(err) == sdk.ClassEnvironment, sdk.ClassOf(err) == sdk.ClassInterrupted:
			return nil, err
		case err != nil:
			answers[i].Reason = err.Error()
		default:
			id, err := r.id(ctx)
			if err != nil {
				return nil, err
			}
			block := h.Block(id)
			answers[i].Block = &block
		}
	}
	return answers, nil
}

// id returns the chain of the blocks. It reads the archive once.
func (r *replay) id(ctx context.Context) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chain != 0 {
		return r.chain, nil
	}
	id, err := chainID(ctx, r.archive, 0)
	if err != nil {
		return 0, archiveError(err)
	}
	r.chain = id
	return id, nil
}

// archiveError returns an environment error for a fault of the archive as a whole. An error
// that has a class keeps it.
func archiveError(err error) error {
	if _, hasClass := errors.AsType[*contract.Error](err); hasClass {
		return err
	}
	return sdk.Environment(err, "make the archive readable; where nothing in it names the chain, set chain_id in the stage's config")
}

// chainID returns the configured chain, or that of a chain.json, or that of a transaction
// of the first 100 blocks.
func chainID(ctx context.Context, a *archive.Blocks, configured uint64) (uint64, error) {
	if configured != 0 {
		return configured, nil
	}
	numbers, err := a.Numbers(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range numbers[:min(len(numbers), 100)] {
		id, err := chainOf(ctx, a, n)
		if class := sdk.ClassOf(err); err != nil && (class == sdk.ClassEnvironment || class == sdk.ClassInterrupted) {
			return 0, err
		}
		if err == nil && id != 0 {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%s: nothing in the archive names the blocks' chain id", a.Name())
}

// chainOf returns the chain that a block's chain.json or one of its transactions names, 0
// where neither does.
func chainOf(ctx context.Context, a *archive.Blocks, number uint64) (uint64, error) {
	h, err := a.Header(ctx, number)
	if err != nil {
		return 0, err
	}
	var rules, text bytes.Buffer
	if found, err := a.ChainConfig(ctx, &rules, h.Block(0)); err != nil {
		return 0, err
	} else if found {
		var named struct{ ChainID uint64 }
		if json.Unmarshal(rules.Bytes(), &named) == nil && named.ChainID != 0 {
			return named.ChainID, nil
		}
	}
	if err := a.Block(ctx, &text, h.Block(0)); err != nil {
		return 0, err
	}
	var named struct {
		Transactions []struct{ ChainID *string }
	}
	if err := json.Unmarshal(text.Bytes(), &named); err != nil {
		return 0, err
	}
	for _, tx := range named.Transactions {
		if tx.ChainID != nil {
			return strconv.ParseUint(*tx.ChainID, 0, 64)
		}
	}
	return 0, nil
}

package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/sdk/contract"
)

// genesis is the time of the first block. It is a Monday, on which a week of the score
// begins.
var genesis = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

// firstNumber is the number of the first block. Every selection takes it.
const firstNumber = 24_000_000

// chain is an engine.Source over a chain that newChain has made, with one block in each
// slot.
type chain struct {
	clock   engine.Clock
	outages outages
	plan    Plan
	slots   []contract.Block // one in each slot of the chain
	// finalSlot is the slot of the last block of each number, which is not replaced.
	finalSlot map[uint64]int
}

// newChain makes a chain with a number of slots. A reorg replaces the block of the slot
// before by another one with the same number.
func newChain(plan Plan, slots int, clock engine.Clock) *chain {
	c := &chain{clock: clock, outages: plan.Outages, plan: plan, finalSlot: map[uint64]int{}}
	chance := rand.New(rand.NewPCG(plan.Seed, 1))
	reorg := plan.Reorgs * plan.SlotTime.Hours() / 24 // probability for one block
	number := uint64(firstNumber)
	for i := range slots {
		if i > 0 && chance.Float64() >= reorg {
			number++
		}
		block := contract.Block{ChainID: 1, Number: number, Hash: hashAt(i, number), Time: genesis.Add(time.Duration(i) * plan.SlotTime), GasUsed: plan.Gas.gas(i, chance)}
		c.slots = append(c.slots, block)
		c.finalSlot[number] = i
	}
	return c
}

// arrivalTime returns when the node has the block of a slot.
func (c *chain) arrivalTime(slot int) time.Time {
	block := c.slots[slot]
	return block.Time.Add(c.plan.singleStepTime(arrival, block))
}

// isReplaced reports whether a later block replaces the block of a slot.
func (c *chain) isReplaced(slot int) bool { return c.finalSlot[c.slots[slot].Number] != slot }

func (c *chain) Ready(ctx context.Context) error { return ctx.Err() }

// outageError returns the error of a part during an outage.
func outageError(part Part) error {
	return contract.Environment(fmt.Errorf("the %s has an outage", part), "wait until the outage is over")
}

// Poll returns the targets of the slots after the cursor. The cursor is the number of
// slots before.
func (c *chain) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	begin := 0
	if len(request.Cursor) > 0 {
		var err error
		if begin, err = strconv.Atoi(string(request.Cursor)); err != nil {
			return contract.PollResponse{}, err
		}
	}
	until := c.clock.Now().Add(request.Wait)
	for {
		now := c.clock.Now()
		if c.outages.cover(Node, now) {
			return contract.PollResponse{}, outageError(Node)
		}
		answer, end := c.since(begin, request, now)
		if len(answer.Blocks)+len(answer.Orphaned) > 0 || !now.Before(until) {
			return answer, nil
		}
		wait := min(until.Sub(now), c.outages.nextStart(Node, now).Sub(now))
		if end < len(c.slots) {
			wait = min(wait, c.arrivalTime(end).Sub(now))
		}
		c.clock.Wait(ctx, wait, nil)
		if ctx.Err() != nil {
			return contract.PollResponse{}, ctx.Err()
		}
	}
}

// since returns the response for the slots from begin on that have arrived, and the first
// slot that is not part of it.
func (c *chain) since(begin int, request contract.PollRequest, now time.Time) (answer contract.PollResponse, end int) {
	for end = begin; end < len(c.slots) && !c.arrivalTime(end).After(now) && len(answer.Blocks) < request.Max; end++ {
		block := c.slots[end]
		if end > 0 && c.isReplaced(end-1) && request.Selection.Includes(block.Number) {
			old := c.slots[end-1]
			same := func(b contract.Block) bool { return b.Hash == old.Hash }
			if i := slices.IndexFunc(answer.Blocks, same); i >= 0 {
				answer.Blocks = slices.Delete(answer.Blocks, i, i+1)
			} else {
				answer.Orphaned = append(answer.Orphaned, old.Hash)
			}
		}
		if request.Selection.Includes(block.Number) {
			answer.Blocks = append(answer.Blocks, block)
		}
	}
	answer.NextCursor = []byte(strconv.Itoa(end))
	if end > 0 {
		answer.Head, answer.HeadTime = c.slots[end-1].Number, c.slots[end-1].Time
	}
	return answer, end
}

// Resolve returns the blocks with the numbers, as far as they have arrived.
func (c *chain) Resolve(_ context.Context, numbers []uint64) (resolved []contract.Resolution, err error) {
	now := c.clock.Now()
	if c.outages.cover(Node, now) {
		return nil, outageError(Node)
	}
	for _, n := range numbers {
		r := contract.Resolution{Number: n, Reason: "there is no such block yet"}
		slot, known := c.finalSlot[n]
		for ; known && slot >= 0 && c.slots[slot].Number == n; slot-- { // the last that has arrived
			if !c.arrivalTime(slot).After(now) {
				r.Block, r.Reason = &c.slots[slot], ""
				break
			}
		}
		resolved = append(resolved, r)
	}
	return resolved, nil
}

// Do fetches a block and its witness.
func (c *chain) Do(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
	if err := work(ctx, c.clock, c.outages, Node, c.plan.singleStepTime(fetch, task.Block)); err != nil {
		return contract.Result{}, err
	}
	return contract.Result{Outputs: []contract.Artifact{{Name: contract.ArtifactBlock}, {Name: contract.ArtifactWitness}}}, nil
}

// outages are the times in which parts do not work.
type outages []Outage

// cover reports whether a part has an outage at a time.
func (o outages) cover(part Part, now time.Time) bool {
	since := now.Sub(genesis)
	return slices.ContainsFunc(o, func(out Outage) bool { return out.Part == part && since >= out.At && since < out.At+out.For })
}

// nextStart returns when the next outage of a part begins after now, or a time in the far
// future if there is none.
func (o outages) nextStart(part Part, now time.Time) time.Time {
	first := genesis.Add(1 << 62)
	for _, out := range o {
		if begins := genesis.Add(out.At); out.Part == part && begins.After(now) && begins.Before(first) {
			first = begins
		}
	}
	return first
}

// work waits for a time in which a part is needed. It fails when an outage of the part
// begins.
func work(ctx context.Context, clock engine.Clock, o outages, part Part, d time.Duration) error {
	now := clock.Now()
	if o.cover(part, now) {
		return outageError(part)
	}
	until, next := now.Add(d), o.nextStart(part, now)
	sleep(ctx, clock, min(until.Sub(now), next.Sub(now)))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case next.Before(until):
		return outageError(part)
	}
	return nil
}

// sleep waits for a time, or until ctx ends.
func sleep(ctx context.Context, clock engine.Clock, d time.Duration) {
	for until := clock.Now().Add(d); ctx.Err() == nil && clock.Now().Before(until); {
		clock.Wait(ctx, until.Sub(clock.Now()), nil)
	}
}

var errRandomFailure = errors.New("the attempt fails at random")

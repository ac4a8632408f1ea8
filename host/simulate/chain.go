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

// Where the chain begins: a Monday, as weeks of a score do, and a number that every
// selection takes.
var genesis = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

const firstNumber = 24_000_000

// chain is an engine.Source over a chain that is made beforehand, one block in each slot.
type chain struct {
	clock   engine.Clock
	outages outages
	plan    Plan
	slots   []contract.Block // one in each slot of the chain
	// last is the slot of the last block of each number: the one that stays.
	last map[uint64]int
}

// newChain makes a chain of so many slots. A reorg replaces the block of the slot before
// by one of the same number.
func newChain(plan Plan, slots int, clock engine.Clock) *chain {
	c := &chain{clock: clock, outages: plan.Outages, plan: plan, last: map[uint64]int{}}
	chance := rand.New(rand.NewPCG(plan.Seed, 1))
	reorg := plan.Reorgs * plan.SlotTime.Hours() / 24 // of a block
	number := uint64(firstNumber)
	for i := range slots {
		if i > 0 && chance.Float64() >= reorg {
			number++
		}
		block := contract.Block{ChainID: 1, Number: number, Hash: hashAt(i, number), Time: genesis.Add(time.Duration(i) * plan.SlotTime), GasUsed: plan.Gas.gas(i, chance)}
		c.slots = append(c.slots, block)
		c.last[number] = i
	}
	return c
}

// arrives is when the node has the block of a slot.
func (c *chain) arrives(slot int) time.Time {
	block := c.slots[slot]
	return block.Time.Add(c.plan.takesOnce(arrival, block))
}

// replaced reports whether the block of a slot leaves the chain with the next one.
func (c *chain) replaced(slot int) bool { return c.last[c.slots[slot].Number] != slot }

func (c *chain) Ready(ctx context.Context) error { return ctx.Err() }

// errAway is what a part says while an outage has it.
func errAway(part Part) error {
	return contract.Environment(fmt.Errorf("the %s is away", part), "wait until the outage is over")
}

// Poll answers with the targets of the slots behind the cursor, which is the number of
// slots that were answered before.
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
		if c.outages.away(Node, now) {
			return contract.PollResponse{}, errAway(Node)
		}
		answer, end := c.since(begin, request, now)
		if len(answer.Blocks)+len(answer.Orphaned) > 0 || !now.Before(until) {
			return answer, nil
		}
		wait := min(until.Sub(now), c.outages.next(Node, now).Sub(now))
		if end < len(c.slots) {
			wait = min(wait, c.arrives(end).Sub(now))
		}
		c.clock.Wait(ctx, wait, nil)
		if ctx.Err() != nil {
			return contract.PollResponse{}, ctx.Err()
		}
	}
}

// since is what has become of the chain from a slot on, and the first slot that it does
// not tell of.
func (c *chain) since(begin int, request contract.PollRequest, now time.Time) (answer contract.PollResponse, end int) {
	for end = begin; end < len(c.slots) && !c.arrives(end).After(now) && len(answer.Blocks) < request.Max; end++ {
		block := c.slots[end]
		if end > 0 && c.replaced(end-1) && request.Selection.Includes(block.Number) {
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

// Resolve names the blocks that have arrived.
func (c *chain) Resolve(_ context.Context, numbers []uint64) (resolved []contract.Resolution, err error) {
	now := c.clock.Now()
	if c.outages.away(Node, now) {
		return nil, errAway(Node)
	}
	for _, n := range numbers {
		r := contract.Resolution{Number: n, Reason: "there is no such block yet"}
		slot, known := c.last[n]
		for ; known && slot >= 0 && c.slots[slot].Number == n; slot-- { // the last that has arrived
			if !c.arrives(slot).After(now) {
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
	if err := spend(ctx, c.clock, c.outages, Node, c.plan.takesOnce(fetch, task.Block)); err != nil {
		return contract.Result{}, err
	}
	return contract.Result{Outputs: []contract.Artifact{{Name: contract.ArtifactBlock}, {Name: contract.ArtifactWitness}}}, nil
}

// outages are the times in which parts are away.
type outages []Outage

// away reports whether a part is away.
func (o outages) away(part Part, now time.Time) bool {
	since := now.Sub(genesis)
	return slices.ContainsFunc(o, func(out Outage) bool { return out.Part == part && since >= out.At && since < out.At+out.For })
}

// next is when the next outage of a part begins after now; far away where there is none.
func (o outages) next(part Part, now time.Time) time.Time {
	first := genesis.Add(1 << 62)
	for _, out := range o {
		if begins := genesis.Add(out.At); out.Part == part && begins.After(now) && begins.Before(first) {
			first = begins
		}
	}
	return first
}

// spend lets time pass for work that needs a part, unless that goes away.
func spend(ctx context.Context, clock engine.Clock, o outages, part Part, d time.Duration) error {
	now := clock.Now()
	if o.away(part, now) {
		return errAway(part)
	}
	until, next := now.Add(d), o.next(part, now)
	sleep(ctx, clock, min(until.Sub(now), next.Sub(now)))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case next.Before(until):
		return errAway(part)
	}
	return nil
}

// sleep waits for all of a time, or until ctx ends.
func sleep(ctx context.Context, clock engine.Clock, d time.Duration) {
	for until := clock.Now().Add(d); ctx.Err() == nil && clock.Now().Before(until); {
		clock.Wait(ctx, until.Sub(clock.Now()), nil)
	}
}

var errChance = errors.New("the attempt fails by chance")

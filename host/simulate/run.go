package simulate

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/sdk/contract"
)

const (
	// settling is how long the chain goes on behind the blocks that count, so that the
	// last of them are judged like the first.
	settling = 21 * time.Minute
	// stride is how much virtual time passes between two looks at whether the
	// simulation is still wanted.
	stride = 10 * time.Minute
)

// Names of the stages.
const (
	sourceStage  = "source"
	builderStage = "input"
	proverStage  = "prove"
)

// simulation is a plan on its way.
type simulation struct {
	plan   Plan
	clock  engine.Clock
	chain  *chain
	store  *store
	prover *prover
	chance *rand.Rand // of back-off
	end    time.Time  // of the blocks that count
}

// Run simulates a plan. It ends early, with an error, when ctx does.
func Run(ctx context.Context, plan Plan) (Result, error) {
	if err := plan.check(); err != nil {
		return Result{}, err
	}
	clock := newClock(genesis)
	s := newSimulation(plan, clock)
	if err := s.run(ctx, clock); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}

// newSimulation prepares the doubles, which go by a clock, in virtual time or not.
func newSimulation(plan Plan, clock engine.Clock) *simulation {
	plan.Selection.Targets.From, plan.Selection.Targets.To, plan.Selection.Blocks = nil, nil, nil
	s := &simulation{
		plan: plan, clock: clock, store: newStore(),
		chance: rand.New(rand.NewPCG(plan.Seed, 2)),
		end:    genesis.Add(time.Duration(plan.Blocks) * plan.SlotTime),
	}
	s.chain = newChain(plan, plan.Blocks+int(settling/plan.SlotTime), s.clock)
	s.prover = &prover{clock: s.clock, plan: plan, end: s.end, begun: map[string]time.Time{}}
	return s
}

// run lets the engine live until the end, once between any two outages of its machine.
func (s *simulation) run(ctx context.Context, clock *clock) error {
	end := s.end.Add(settling)
	for s.clock.Now().Before(end) {
		until := s.plan.outages().next(Machine, s.clock.Now())
		if until.After(end) {
			until = end
		}
		if !s.plan.outages().away(Machine, s.clock.Now()) {
			if err := s.live(ctx, clock, until); err != nil {
				return err
			}
			continue
		}
		for s.plan.outages().away(Machine, s.clock.Now()) {
			s.clock.Wait(ctx, time.Second, nil)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// live is one life of the engine.
func (s *simulation) live(ctx context.Context, clock *clock, until time.Time) error {
	session := &session{store: s.store}
	e, err := engine.New(s.config(), session, noFiles{})
	if err != nil {
		return err
	}
	living, stop := context.WithCancel(context.Background())
	defer stop()
	s.clock.Go(func() { _ = e.Run(living, living) }) // its last writes fail, as those of a machine that is gone
	for s.clock.Now().Before(until) && ctx.Err() == nil {
		s.clock.Wait(context.Background(), min(stride, until.Sub(s.clock.Now())), nil)
	}
	session.end()
	stop()
	clock.release()
	return ctx.Err()
}

// config is the pipeline: a source, a builder and a prover, with the concurrency that
// files have by default for the first two.
func (s *simulation) config() engine.Config {
	return engine.Config{
		Pipeline: "simulation", Selection: s.plan.Selection, Clock: s.clock, Jitter: s.jitter,
		Stages: []engine.StageConfig{
			{Name: sourceStage, Kind: contract.KindSource, Fingerprint: sourceStage, Concurrency: sourceSlots, Retries: s.plan.Retries, Backoff: s.plan.Backoff, Worker: s.chain},
			{Name: builderStage, Kind: contract.KindBuilder, Fingerprint: builderStage, Needs: []string{sourceStage}, Concurrency: 1, Worker: &builder{s.clock, s.plan}},
			{
				Name: proverStage, Kind: contract.KindProver, Fingerprint: proverStage, Needs: []string{builderStage}, MakesProof: true,
				Verify: s.plan.Times.Verify.Middle > 0, Concurrency: s.plan.Slots(), Retries: s.plan.Retries, Backoff: s.plan.Backoff,
				Timeout: s.plan.Timeout, Worker: s.prover,
			},
		},
		Reporters: []engine.Reporter{{Name: "site", Wants: []contract.EventKind{contract.EventProved}, Proofs: []string{proverStage}}},
	}
}

// sourceSlots is how many blocks a source fetches at a time.
const sourceSlots = 2

// jitter is backoff.Jitter by the simulation's own chance.
func (s *simulation) jitter(pause time.Duration, part int) time.Duration {
	if pause <= 0 {
		return pause
	}
	return pause - time.Duration(s.chance.Int64N(int64(pause)/int64(part)+1))
}

// counted are the targets that count: of the chain in the end, by number.
func (s *simulation) counted() (blocks []contract.Block) {
	for i, block := range s.chain.slots[:s.plan.Blocks] {
		if !s.chain.replaced(i) && s.plan.Selection.Targets.Includes(block.Number) {
			blocks = append(blocks, block)
		}
	}
	return slices.Clip(blocks)
}

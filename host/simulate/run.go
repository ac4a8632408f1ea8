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
	// tailTime is how long the chain continues after the blocks that count, so that the
	// last of them have as much time as the first.
	tailTime = 21 * time.Minute
	// checkInterval is the virtual time between two checks whether ctx has ended.
	checkInterval = 10 * time.Minute
)

// Names of the stages.
const (
	sourceStage  = "source"
	builderStage = "input"
	proverStage  = "prove"
)

// simulation is one run of a plan.
type simulation struct {
	plan   Plan
	clock  engine.Clock
	chain  *chain
	store  *store
	prover *prover
	chance *rand.Rand // for the back-off
	end    time.Time  // end of the slots whose blocks count
}

// Run simulates a plan. It returns an error if the plan is not valid or if ctx ends.
func Run(ctx context.Context, plan Plan) (Result, error) {
	if err := plan.validate(); err != nil {
		return Result{}, err
	}
	clock := newClock(genesis)
	s := newSimulation(plan, clock)
	if err := s.run(ctx, clock); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}

// newSimulation makes the doubles. They use the clock, which may also be a real one.
func newSimulation(plan Plan, clock engine.Clock) *simulation {
	plan.Selection.Targets.From, plan.Selection.Targets.To, plan.Selection.Blocks = nil, nil, nil
	s := &simulation{
		plan: plan, clock: clock, store: newStore(),
		chance: rand.New(rand.NewPCG(plan.Seed, 2)),
		end:    genesis.Add(time.Duration(plan.Blocks) * plan.SlotTime),
	}
	s.chain = newChain(plan, plan.Blocks+int(tailTime/plan.SlotTime), s.clock)
	s.prover = &prover{clock: s.clock, plan: plan, end: s.end, firstStarts: map[string]time.Time{}}
	return s
}

// run runs the engine until the end of the chain. After each outage of the machine it
// starts a new engine.
func (s *simulation) run(ctx context.Context, clock *clock) error {
	end := s.end.Add(tailTime)
	for s.clock.Now().Before(end) {
		until := s.plan.outages().nextStart(Machine, s.clock.Now())
		if until.After(end) {
			until = end
		}
		if !s.plan.outages().cover(Machine, s.clock.Now()) {
			if err := s.runEngine(ctx, clock, until); err != nil {
				return err
			}
			continue
		}
		for s.plan.outages().cover(Machine, s.clock.Now()) {
			s.clock.Wait(ctx, time.Second, nil)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// runEngine starts an engine and ends it at a time.
func (s *simulation) runEngine(ctx context.Context, clock *clock, until time.Time) error {
	session := &session{store: s.store}
	e, err := engine.New(s.config(), session, noFiles{})
	if err != nil {
		return err
	}
	engineCtx, stop := context.WithCancel(context.Background())
	defer stop()
	s.clock.Go(func() { _ = e.Run(engineCtx, engineCtx) }) // its last writes fail, as after a crash of the machine
	for s.clock.Now().Before(until) && ctx.Err() == nil {
		s.clock.Wait(context.Background(), min(checkInterval, until.Sub(s.clock.Now())), nil)
	}
	session.close()
	stop()
	clock.release()
	return ctx.Err()
}

// config returns the configuration of the pipeline: a source, a builder and a prover. The
// first two have the default concurrency of a pipeline file.
func (s *simulation) config() engine.Config {
	return engine.Config{
		Pipeline: "simulation", Selection: s.plan.Selection, Clock: s.clock, Jitter: s.jitter,
		Stages: []engine.StageConfig{
			{Name: sourceStage, Kind: contract.KindSource, Fingerprint: sourceStage, Concurrency: sourceSlots, Retries: s.plan.Retries, Backoff: s.plan.Backoff, Worker: s.chain},
			{Name: builderStage, Kind: contract.KindBuilder, Fingerprint: builderStage, Needs: []string{sourceStage}, Concurrency: 1, Worker: &builder{s.clock, s.plan}},
			{
				Name: proverStage, Kind: contract.KindProver, Fingerprint: proverStage, Needs: []string{builderStage}, MakesProof: true,
				Verify: s.plan.Times.Verify.Median > 0, Concurrency: s.plan.Slots(), Retries: s.plan.Retries, Backoff: s.plan.Backoff,
				Timeout: s.plan.Timeout, Worker: s.prover,
			},
		},
		Reporters: []engine.Reporter{{Name: "site", Wants: []contract.EventKind{contract.EventProved}, Proofs: []string{proverStage}}},
	}
}

// sourceSlots is the number of blocks that a source fetches at a time.
const sourceSlots = 2

// jitter is backoff.Jitter with the random numbers of the simulation.
func (s *simulation) jitter(pause time.Duration, part int) time.Duration {
	if pause <= 0 {
		return pause
	}
	return pause - time.Duration(s.chance.Int64N(int64(pause)/int64(part)+1))
}

// countedTargets returns the targets that count and were not replaced, by number.
func (s *simulation) countedTargets() (blocks []contract.Block) {
	for i, block := range s.chain.slots[:s.plan.Blocks] {
		if !s.chain.isReplaced(i) && s.plan.Selection.Targets.Includes(block.Number) {
			blocks = append(blocks, block)
		}
	}
	return slices.Clip(blocks)
}

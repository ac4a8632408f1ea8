package simulate

import (
	"context"
	"sync"
	"time"

	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/sdk/contract"
)

// builder is the engine.Worker of the input builder.
type builder struct {
	clock engine.Clock
	plan  Plan
}

func (b *builder) Ready(ctx context.Context) error { return ctx.Err() }

func (b *builder) Do(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
	takes := b.plan.takesOnce(build, task.Block)
	sleep(ctx, b.clock, takes)
	if ctx.Err() != nil {
		return contract.Result{}, context.Cause(ctx)
	}
	return contract.Result{WorkTime: takes, Outputs: []contract.Artifact{{Name: contract.ArtifactInput}}}, nil
}

// prover is the engine.Worker of the proof stage, and notes what its slots do.
type prover struct {
	clock engine.Clock
	plan  Plan
	end   time.Time // from here on nothing counts

	mu       sync.Mutex
	begun    map[string]time.Time // by job: the first attempt
	busy     time.Duration        // of all slots
	attempts int
	failed   int // by chance or after the timeout
}

func (p *prover) Ready(ctx context.Context) error { return ctx.Err() }

func (p *prover) Do(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (result contract.Result, err error) {
	began := p.clock.Now()
	p.begin(task.Job, began)
	defer func() { p.ended(began, err) }()
	if p.plan.outages().away(GPUs, began) {
		return result, errAway(GPUs)
	}
	for _, phase := range []string{contract.PhaseAccepted, "PROVING"} {
		if err := sink(contract.WorkEvent{Progress: &contract.Progress{Phase: phase}}); err != nil {
			return result, err
		}
	}
	chance := p.plan.chanceOf(proof, task.Block, task.Attempt)
	takes := p.plan.takes(proof, task.Block, task.Attempt, chance.Float64())
	fails := chance.Float64() < p.plan.Failures
	if part := chance.Float64(); fails {
		takes = time.Duration(part * float64(takes))
	}
	if err := spend(ctx, p.clock, p.plan.outages(), GPUs, takes); err != nil {
		return result, err
	}
	if fails {
		return result, contract.Retryable(errChance)
	}
	return contract.Result{WorkTime: takes, Outputs: []contract.Artifact{{Name: "proof.bin", Role: contract.RoleProof}}}, nil
}

// Verify holds the slot for the time of a verification.
func (p *prover) Verify(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) error {
	began := p.clock.Now()
	sleep(ctx, p.clock, p.plan.takesOnce(verify, task.Block))
	p.count(began)
	return ctx.Err()
}

func (p *prover) begin(job string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.begun[job]; !known {
		p.begun[job] = now
	}
}

func (p *prover) ended(began time.Time, err error) {
	p.count(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !began.Before(p.end) || err != nil && contract.ClassOf(err) == contract.ClassEnvironment {
		return
	}
	p.attempts++
	if err != nil {
		p.failed++
	}
}

// count adds a slot's time until now.
func (p *prover) count(began time.Time) {
	now := p.clock.Now()
	if now.After(p.end) {
		now = p.end
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += max(now.Sub(began), 0)
}

func (p Plan) outages() outages { return p.Outages }

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
	duration := b.plan.singleStepTime(build, task.Block)
	sleep(ctx, b.clock, duration)
	if ctx.Err() != nil {
		return contract.Result{}, context.Cause(ctx)
	}
	return contract.Result{WorkTime: duration, Outputs: []contract.Artifact{{Name: contract.ArtifactInput}}}, nil
}

// prover is the engine.Worker of the proof stage. It counts the work of its slots.
type prover struct {
	clock engine.Clock
	plan  Plan
	end   time.Time // work after it does not count

	mu          sync.Mutex
	firstStarts map[string]time.Time // by job: the first attempt
	busy        time.Duration        // of all slots
	attempts    int
	failed      int // by chance or after the timeout
}

func (p *prover) Ready(ctx context.Context) error { return ctx.Err() }

func (p *prover) Do(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (result contract.Result, err error) {
	began := p.clock.Now()
	p.recordStart(task.Job, began)
	defer func() { p.recordEnd(began, err) }()
	if p.plan.outages().cover(GPUs, began) {
		return result, outageError(GPUs)
	}
	for _, phase := range []string{contract.PhaseAccepted, "PROVING"} {
		if err := sink(contract.WorkEvent{Progress: &contract.Progress{Phase: phase}}); err != nil {
			return result, err
		}
	}
	chance := p.plan.randFor(proof, task.Block, task.Attempt)
	duration := p.plan.stepTime(proof, task.Block, task.Attempt, chance.Float64())
	fails := chance.Float64() < p.plan.Failures
	if part := chance.Float64(); fails {
		duration = time.Duration(part * float64(duration))
	}
	if err := work(ctx, p.clock, p.plan.outages(), GPUs, duration); err != nil {
		return result, err
	}
	if fails {
		return result, contract.Retryable(errRandomFailure)
	}
	return contract.Result{WorkTime: duration, Outputs: []contract.Artifact{{Name: "proof.bin", Role: contract.RoleProof}}}, nil
}

// Verify occupies the slot for the time of a verification.
func (p *prover) Verify(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) error {
	began := p.clock.Now()
	sleep(ctx, p.clock, p.plan.singleStepTime(verify, task.Block))
	p.addBusy(began)
	return ctx.Err()
}

func (p *prover) recordStart(job string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.firstStarts[job]; !known {
		p.firstStarts[job] = now
	}
}

func (p *prover) recordEnd(began time.Time, err error) {
	p.addBusy(began)
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

// addBusy adds the time since began to the busy time of the slots.
func (p *prover) addBusy(began time.Time) {
	now := p.clock.Now()
	if now.After(p.end) {
		now = p.end
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += max(now.Sub(began), 0)
}

func (p Plan) outages() outages { return p.Outages }

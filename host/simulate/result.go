package simulate

import (
	"cmp"
	"slices"
	"time"

	"github.com/proofline/proofline/host/bench"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
)

// Result is the outcome of a plan. Its JSON form is a public interface: fields may be
// added, but are never renamed. Shares are from 0 to 1.
type Result struct {
	Blocks  int           `json:"blocks"`  // of the chain
	Targets int           `json:"targets"` // blocks that the selection takes
	Slots   int           `json:"slots"`   // proofs made at a time
	GPUs    int           `json:"gpus"`
	Every   uint64        `json:"every"`
	Seed    uint64        `json:"seed"`
	Model   Model         `json:"model"`
	Gas     Series        `json:"gas"`
	Replay  bool          `json:"replay,omitempty"` // the recorded times were used
	Times   Times         `json:"times"`
	Slot    time.Duration `json:"slot_time_ns"`

	// Latency is the time from the timestamp of a block until its proof is accepted, and
	// Proving the reported proving time. Both are over the targets that were proved.
	Latency   Quantiles `json:"latency"`
	Proving   Quantiles `json:"proving"`
	Under10s  float64   `json:"under_10s"`     // share of all targets that were accepted within 10 s
	UnderSlot float64   `json:"under_slot"`    // share of all targets that were accepted within a slot
	Load      float64   `json:"load"`          // work of the targets divided by the capacity of the slots; above 1 they fall behind
	Used      float64   `json:"utilisation"`   // share of the slots' time with work
	KeepsUp   bool      `json:"keeps_up"`      // the load is below 1 and the queue does not grow
	Queue     Queue     `json:"queue"`         // blocks that became jobs and wait for the start of their proof
	Proved    int       `json:"proved"`        // targets with an accepted proof
	Misses    Misses    `json:"misses"`        // targets without an accepted proof
	Attempts  int       `json:"attempts"`      // of the prover
	Failed    int       `json:"failed"`        // attempts of the prover that failed
	Reorgs    int       `json:"reorgs"`        // blocks that were replaced, targets or not
	Score     Standing  `json:"score"`         // by EthProofs' rules
	Cost      *Cost     `json:"cost,omitzero"` // nil without prices
	latencies []float64 // ascending
	waiting   []int     // the largest number of waiting blocks in each of queuePoints equal parts of the time
}

// Quantiles summarize times in seconds. All are 0 if there are no times.
type Quantiles struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean_s"`
	P50   float64 `json:"p50_s"`
	P90   float64 `json:"p90_s"`
	P95   float64 `json:"p95_s"`
	P99   float64 `json:"p99_s"`
	Max   float64 `json:"max_s"`
}

// quantilesOf summarizes values in ascending order.
func quantilesOf(values []float64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	q := func(share float64) float64 { return thousandths(bench.Quantile(values, share)) }
	return Quantiles{
		Count: len(values), Mean: thousandths(bench.FiguresOf(values).Mean),
		P50: q(0.5), P90: q(0.9), P95: q(0.95), P99: q(0.99), Max: q(1),
	}
}

// Queue is the number of waiting blocks.
type Queue struct {
	Mean float64 `json:"mean"` // over time
	Max  int     `json:"max"`
	End  int     `json:"end"` // at the end of the blocks that count
}

// Misses are targets without an accepted proof, some 20 minutes after the last block that
// counts.
type Misses struct {
	All     int `json:"all"`
	Waiting int `json:"waiting"` // they wait or are being proved
	Failed  int `json:"failed"`
	Dropped int `json:"dropped"` // because of their age
	Untaken int `json:"untaken"` // they never became jobs
}

// Standing is the score of the targets. If a plan is longer than a week, its last week
// counts.
type Standing struct {
	Rules   score.Rules   `json:"rules"`
	Week    score.Tally   `json:"last_7_days"`
	Verdict score.Verdict `json:"verdict"`
}

// result computes the result from the records in the store. Call it after run.
func (s *simulation) result() Result {
	plan, end := s.plan, s.end
	r := Result{
		Blocks: plan.Blocks, Slots: plan.Slots(), GPUs: plan.GPUs, Every: plan.Selection.Targets.Every, Seed: plan.Seed,
		Model: plan.Model, Gas: plan.Gas, Replay: plan.Replay, Times: plan.Times, Slot: plan.SlotTime, Attempts: s.prover.attempts, Failed: s.prover.failed,
	}
	targets := s.countedTargets()
	r.Targets = len(targets)
	for i := range plan.Blocks {
		if s.chain.isReplaced(i) {
			r.Reorgs++
		}
	}
	var scored []score.Block
	var proving []float64
	site := &score.Site{Times: map[uint64]time.Time{}, Complete: true}
	for _, block := range targets {
		site.Times[block.Number] = block.Time
		rec := s.store.jobs[block.JobID()]
		accepted, proved := s.acceptedAt(rec)
		switch {
		case proved:
			r.Proved++
			latency := accepted.Sub(block.Time).Seconds()
			r.latencies = append(r.latencies, latency)
			proving = append(proving, float64(rec.Stages[proverStage].ProvingMS)/1000)
			if latency < 10 {
				r.Under10s++
			}
			if latency < s.plan.SlotTime.Seconds() {
				r.UnderSlot++
			}
		case rec == nil:
			r.Misses.Untaken++
		case rec.State == status.JobFailed:
			r.Misses.Failed++
		case rec.State == status.JobDropped:
			r.Misses.Dropped++
		default:
			r.Misses.Waiting++
		}
	}
	r.Misses.All = r.Targets - r.Proved
	for _, rec := range s.store.jobs {
		scored = append(scored, s.scoreBlock(rec))
	}
	slices.Sort(r.latencies)
	slices.Sort(proving)
	r.Latency, r.Proving = quantilesOf(r.latencies), quantilesOf(proving)
	if r.Targets > 0 {
		r.Under10s /= float64(r.Targets)
		r.UnderSlot /= float64(r.Targets)
	}
	s.fillQueue(&r)
	s.fillLoad(&r)
	judgement := score.Judge(score.Record{Targets: plan.Selection.Targets, Blocks: scored, Site: site}, end.Add(tailTime))
	r.Score = Standing{judgement.Rules, judgement.Week, judgement.Verdict}
	r.Cost = s.costOf(r)
	return r
}

// acceptedAt returns when a job's proof was accepted. proved is false if there was no
// proof, or if it was accepted after the end of the simulation. rec may be nil.
func (s *simulation) acceptedAt(rec *record.Job) (at time.Time, proved bool) {
	if rec == nil {
		return at, false
	}
	recorded, proved := s.store.proved[rec.ID]
	at = recorded.Add(s.plan.singleStepTime(report, rec.Block))
	return at, proved && !at.After(s.end.Add(tailTime))
}

// scoreBlock returns a job as package score needs it.
func (s *simulation) scoreBlock(rec *record.Job) score.Block {
	b := score.Block{
		Number: rec.Block.Number, Time: rec.Block.Time, Taken: rec.Created, Every: rec.Every,
		Announced: rec.Announced(), Ended: rec.State.Finished(), Orphaned: rec.Orphaned,
		ProvingMS: rec.Stages[proverStage].ProvingMS,
	}
	if _, proved := s.acceptedAt(rec); proved {
		b.Report = score.Accepted
	}
	return b
}

// queuePoints is the number of points of the queue over time.
const queuePoints = 240

// fillQueue fills in the number of waiting blocks.
func (s *simulation) fillQueue(r *Result) {
	type change struct {
		at   time.Time
		by   int
		part int // for the end of a part of the time its index, else -1
	}
	var changes []change
	for _, rec := range s.store.jobs {
		if !rec.Created.Before(s.end) {
			continue
		}
		leftAt, begun := s.prover.firstStarts[rec.ID]
		if !begun && rec.State.Finished() {
			leftAt, begun = rec.Finished, true
		}
		changes = append(changes, change{rec.Created, 1, -1})
		if begun && leftAt.Before(s.end) {
			changes = append(changes, change{leftAt, -1, -1})
		}
	}
	span := s.end.Sub(genesis)
	for i := range queuePoints {
		changes = append(changes, change{genesis.Add(span / queuePoints * time.Duration(i+1)), 0, i})
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.part, b.part), cmp.Compare(a.by, b.by))
	})
	r.waiting = make([]int, queuePoints)
	waiting, highest, since, sum := 0, 0, genesis, 0.0
	for _, c := range changes {
		sum += float64(waiting) * c.at.Sub(since).Seconds()
		since = c.at
		waiting += c.by
		highest = max(highest, waiting)
		r.Queue.Max = max(r.Queue.Max, waiting)
		if c.part >= 0 {
			r.waiting[c.part], highest = highest, waiting
		}
	}
	r.Queue.End = waiting
	r.Queue.Mean = thousandths(sum / span.Seconds())
}

// fillLoad fills in Used, Load and KeepsUp.
func (s *simulation) fillLoad(r *Result) {
	span := s.end.Sub(genesis)
	available := span
	for _, out := range s.plan.Outages {
		if out.Part != Node && out.At < span {
			available -= min(out.For, span-out.At)
		}
	}
	slots := time.Duration(s.plan.Slots())
	r.Used = thousandths(s.prover.busy.Seconds() / (slots * span).Seconds())
	if begun := s.startedBlocks(); begun > 0 && available > 0 {
		each := s.prover.busy.Seconds() / float64(begun)
		r.Load = thousandths(each * float64(r.Targets) / (slots * available).Seconds())
	}
	r.KeepsUp = r.Load < 1 && r.Queue.End <= max(2*s.plan.Slots(), toleratedQueue, r.Targets/100)
}

// toleratedQueue is the number of blocks that may always wait at the end.
const toleratedQueue = 5

// startedBlocks returns the number of blocks whose proof began before the end. A block
// whose proof had not ended by then counts half.
func (s *simulation) startedBlocks() (n float64) {
	for id, at := range s.prover.firstStarts {
		rec := s.store.jobs[id]
		switch ended := rec.Stages[proverStage].Ended; {
		case !at.Before(s.end):
		case ended.IsZero() || ended.After(s.end):
			n += 0.5
		default:
			n++
		}
	}
	return n
}

// thousandths rounds to three decimal places.
func thousandths(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

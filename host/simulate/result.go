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

// Result is what came of a plan. Its JSON form is part of the product: fields are added,
// never renamed. Shares are from 0 to 1.
type Result struct {
	Blocks  int           `json:"blocks"`  // of the chain
	Targets int           `json:"targets"` // of the selection among them
	Slots   int           `json:"slots"`   // proofs made at a time
	GPUs    int           `json:"gpus"`
	Every   uint64        `json:"every"`
	Seed    uint64        `json:"seed"`
	Model   Model         `json:"model"`
	Gas     Series        `json:"gas"`
	Replay  bool          `json:"replay,omitempty"` // of the past, with its times
	Times   Times         `json:"times"`
	Slot    time.Duration `json:"slot_time_ns"`

	// Latency is from the timestamp of a block until its proof is accepted, and Proving
	// the proving time that is reported; both of the targets that were proved.
	Latency   Quantiles `json:"latency"`
	Proving   Quantiles `json:"proving"`
	Under10s  float64   `json:"under_10s"`     // of all targets: accepted within 10 s
	UnderSlot float64   `json:"under_slot"`    // and within a slot
	Load      float64   `json:"load"`          // work that the targets are, by what the slots can do; above 1 they fall behind
	Used      float64   `json:"utilisation"`   // of the slots' time
	KeepsUp   bool      `json:"keeps_up"`      // nothing piles up: see Queue
	Queue     Queue     `json:"queue"`         // blocks that were taken in and wait for their proof to begin
	Proved    int       `json:"proved"`        // targets
	Misses    Misses    `json:"misses"`        // targets that were not
	Attempts  int       `json:"attempts"`      // of the prover
	Failed    int       `json:"failed"`        // of these
	Reorgs    int       `json:"reorgs"`        // blocks that were replaced, targets or not
	Score     Standing  `json:"score"`         // by EthProofs' rules
	Cost      *Cost     `json:"cost,omitzero"` // nil without prices
	latencies []float64 // ascending
	waiting   []int     // blocks in the queue, the highest of each of equal parts of the time
}

// Quantiles sum up times in seconds. All are 0 where there is none.
type Quantiles struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean_s"`
	P50   float64 `json:"p50_s"`
	P90   float64 `json:"p90_s"`
	P95   float64 `json:"p95_s"`
	P99   float64 `json:"p99_s"`
	Max   float64 `json:"max_s"`
}

// quantilesOf sums up ascending values.
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

// Queue is how many blocks were waiting.
type Queue struct {
	Mean float64 `json:"mean"` // over time
	Max  int     `json:"max"`
	End  int     `json:"end"` // when the last block was taken in
}

// Misses are targets without an accepted proof, 20 minutes after the last block.
type Misses struct {
	All     int `json:"all"`
	Waiting int `json:"waiting"` // still: for their turn, or being proved
	Failed  int `json:"failed"`  // for good
	Dropped int `json:"dropped"` // for their age
	Untaken int `json:"untaken"` // never became jobs
}

// Standing is the score of the targets; longer plans than a week are judged by their last.
type Standing struct {
	Rules   score.Rules   `json:"rules"`
	Week    score.Tally   `json:"last_7_days"`
	Verdict score.Verdict `json:"verdict"`
}

// result counts what the store holds in the end.
func (s *simulation) result() Result {
	plan, end := s.plan, s.end
	r := Result{
		Blocks: plan.Blocks, Slots: plan.Slots(), GPUs: plan.GPUs, Every: plan.Selection.Targets.Every, Seed: plan.Seed,
		Model: plan.Model, Gas: plan.Gas, Replay: plan.Replay, Times: plan.Times, Slot: plan.SlotTime, Attempts: s.prover.attempts, Failed: s.prover.failed,
	}
	targets := s.counted()
	r.Targets = len(targets)
	for i := range plan.Blocks {
		if s.chain.replaced(i) {
			r.Reorgs++
		}
	}
	var judged []score.Block
	var proving []float64
	site := &score.Site{Times: map[uint64]time.Time{}, Complete: true}
	for _, block := range targets {
		site.Times[block.Number] = block.Time
		rec := s.store.jobs[block.JobID()]
		accepted, proved := s.accepted(rec)
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
		judged = append(judged, s.judged(rec))
	}
	slices.Sort(r.latencies)
	slices.Sort(proving)
	r.Latency, r.Proving = quantilesOf(r.latencies), quantilesOf(proving)
	if r.Targets > 0 {
		r.Under10s /= float64(r.Targets)
		r.UnderSlot /= float64(r.Targets)
	}
	s.queue(&r)
	s.load(&r)
	judgement := score.Judge(score.Record{Targets: plan.Selection.Targets, Blocks: judged, Site: site}, end.Add(settling))
	r.Score = Standing{judgement.Rules, judgement.Week, judgement.Verdict}
	r.Cost = s.cost(r)
	return r
}

// accepted is when a job's proof was accepted, of one that was in time to be known.
func (s *simulation) accepted(rec *record.Job) (at time.Time, proved bool) {
	if rec == nil {
		return at, false
	}
	recorded, proved := s.store.proved[rec.ID]
	at = recorded.Add(s.plan.takesOnce(report, rec.Block))
	return at, proved && !at.After(s.end.Add(settling))
}

// judged is what a job has to show for a score.
func (s *simulation) judged(rec *record.Job) score.Block {
	b := score.Block{
		Number: rec.Block.Number, Time: rec.Block.Time, Taken: rec.Created, Every: rec.Every,
		Announced: rec.Announced(), Ended: rec.State.Finished(), Orphaned: rec.Orphaned,
		ProvingMS: rec.Stages[proverStage].ProvingMS,
	}
	if _, proved := s.accepted(rec); proved {
		b.Report = score.Accepted
	}
	return b
}

// parts is how many points the course of the queue has.
const parts = 240

// queue fills in how many blocks waited.
func (s *simulation) queue(r *Result) {
	type change struct {
		at   time.Time
		by   int
		part int // of a mark, else -1
	}
	var changes []change
	for _, rec := range s.store.jobs {
		if !rec.Created.Before(s.end) {
			continue
		}
		left, begun := s.prover.begun[rec.ID]
		if !begun && rec.State.Finished() {
			left, begun = rec.Finished, true
		}
		changes = append(changes, change{rec.Created, 1, -1})
		if begun && left.Before(s.end) {
			changes = append(changes, change{left, -1, -1})
		}
	}
	span := s.end.Sub(genesis)
	for i := range parts {
		changes = append(changes, change{genesis.Add(span / parts * time.Duration(i+1)), 0, i})
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.part, b.part), cmp.Compare(a.by, b.by))
	})
	r.waiting = make([]int, parts)
	waiting, most, since, sum := 0, 0, genesis, 0.0
	for _, c := range changes {
		sum += float64(waiting) * c.at.Sub(since).Seconds()
		since = c.at
		waiting += c.by
		most = max(most, waiting)
		r.Queue.Max = max(r.Queue.Max, waiting)
		if c.part >= 0 {
			r.waiting[c.part], most = most, waiting
		}
	}
	r.Queue.End = waiting
	r.Queue.Mean = thousandths(sum / span.Seconds())
}

// load fills in how busy the slots were and would have to be.
func (s *simulation) load(r *Result) {
	span := s.end.Sub(genesis)
	there := span
	for _, out := range s.plan.Outages {
		if out.Part != Node && out.At < span {
			there -= min(out.For, span-out.At)
		}
	}
	slots := time.Duration(s.plan.Slots())
	r.Used = thousandths(s.prover.busy.Seconds() / (slots * span).Seconds())
	if begun := s.beganBeforeEnd(); begun > 0 && there > 0 {
		each := s.prover.busy.Seconds() / float64(begun)
		r.Load = thousandths(each * float64(r.Targets) / (slots * there).Seconds())
	}
	r.KeepsUp = r.Load < 1 && r.Queue.End <= max(2*s.plan.Slots(), tolerated, r.Targets/100)
}

// tolerated is how many blocks may wait at the end without counting as piled up.
const tolerated = 5

// beganBeforeEnd is how many blocks the prover began to work on while they counted. Those
// that it is at in the end count half.
func (s *simulation) beganBeforeEnd() (n float64) {
	for id, at := range s.prover.begun {
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

func thousandths(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }

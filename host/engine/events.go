package engine

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/sdk/contract"
)

// events returns an event for each reporter that wants the kind.
func (e *Engine) events(rec *job.Job, s *stage, kind contract.EventKind, outputs []contract.Artifact, facts map[string]string, now time.Time) (events []job.Event) {
	all := map[string]string{}
	for _, st := range e.stages {
		maps.Copy(all, rec.Stages[st.Name].Facts)
	}
	all[contract.FactGasUsed] = strconv.FormatUint(rec.Block.GasUsed, 10)
	all[contract.FactTxCount] = strconv.FormatUint(uint64(rec.Block.TxCount), 10)
	maps.Copy(all, facts)
	for _, r := range e.cfg.Reporters {
		if !slices.Contains(r.Wants, kind) {
			continue
		}
		block := rec.Block
		events = append(events, job.Event{
			Reporter: r.Name, Kind: kind, Job: rec.ID, Stage: s.Name, Block: &block,
			Facts: all, Outputs: outputs, At: now, Expires: now.Add(phaseLife),
		})
	}
	return events
}

// Alerts returns an event about a stage, and a block or nil, for each reporter
// that wants the kind.
func Alerts(reporters []Reporter, kind contract.EventKind, stage string, block *contract.Block, facts map[string]string, now time.Time) (events []job.Event) {
	for _, r := range reporters {
		if slices.Contains(r.Wants, kind) {
			events = append(events, job.Event{
				Reporter: r.Name, Kind: kind, Stage: stage, Block: block, Facts: facts, At: now, Expires: now.Add(alertLife),
			})
		}
	}
	return events
}

// Accepted returns an event for each of the others that wants to hear that the
// named reporter's other side has taken a proof: of a proved event that came to
// such an outcome, with its facts and those of the answer. Anything else that was
// delivered, as by a dry run, gives rise to none.
func Accepted(others []Reporter, reporter string, proved job.Event, answer map[string]string, now time.Time) (events []job.Event) {
	outcome := answer[contract.FactOutcome]
	if proved.Kind != contract.EventProved || outcome != contract.OutcomeAccepted && outcome != contract.OutcomeAcceptedBefore {
		return nil
	}
	facts := map[string]string{}
	maps.Copy(facts, proved.Facts)
	maps.Copy(facts, answer)
	facts[contract.FactReporter] = reporter
	events = Alerts(others, contract.EventAccepted, proved.Stage, proved.Block, facts, now)
	for i := range events {
		events[i].Job = proved.Job
	}
	return events
}

func (e *Engine) makesProof() bool {
	return slices.ContainsFunc(e.stages, func(s *stage) bool { return s.MakesProof })
}

// provingMS is the proving time as EthProofs defines it, in milliseconds: making
// the guest input and the proof, by the tools' own figures; no queueing, gates,
// verification or failed attempts. It is at least 1.
func (e *Engine) provingMS(rec *job.Job, s *stage) int64 {
	total := rec.Stages[s.Name].WorkTime
	for _, b := range e.stages[:s.index] {
		if b.Kind == contract.KindBuilder {
			total += rec.Stages[b.Name].WorkTime
		}
	}
	return max(total.Milliseconds(), 1)
}

// describe fills in what a fetched block has told of itself.
func describe(block *contract.Block, facts map[string]string) {
	if gas, err := strconv.ParseUint(facts[contract.FactGasUsed], 10, 64); err == nil && block.GasUsed == 0 {
		block.GasUsed = gas
	}
	if count, err := strconv.ParseUint(facts[contract.FactTxCount], 10, 32); err == nil && block.TxCount == 0 {
		block.TxCount = uint32(count)
	}
}

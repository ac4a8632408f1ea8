package engine

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Lifetimes of events that could not be delivered.
const (
	phaseLife = 168 * time.Hour // EthProofs still counts a proof that is a week late
	alertLife = time.Hour
)

// Alerts returns an event about a stage, and a block or nil, for each reporter
// that wants the kind.
func Alerts(reporters []Reporter, kind contract.EventKind, stage string, block *contract.Block, facts map[string]string, now time.Time) (events []record.Event) {
	for _, r := range reporters {
		if slices.Contains(r.Wants, kind) {
			events = append(events, record.Event{
				Reporter: r.Name, Kind: kind, Stage: stage, Block: block, Facts: facts, At: now, Expires: now.Add(alertLife),
			})
		}
	}
	return events
}

// Accepted returns an event for each of the others that wants to hear that the
// named reporter's other side has taken a proof: of a proved event that came to
// such an outcome, with its facts and those of the answer. Anything else that was
// delivered, as by a dry run, gives rise to none. A whole reporter gets what was
// published on the way, too.
func Accepted(others []Reporter, reporter string, proved record.Event, answer map[string]string, published []contract.Artifact, now time.Time) (events []record.Event) {
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
		if slices.ContainsFunc(others, func(r Reporter) bool { return r.Whole && r.Name == events[i].Reporter }) {
			events[i].Outputs = published
		}
	}
	return events
}

// provingMS is the proving time as EthProofs defines it, in milliseconds: making
// the guest input and the proof, by the tools' own figures; no queueing, gates,
// verification or failed attempts. It is at least 1.
func provingMS(rec *record.Job, s *stage) int64 {
	total := rec.Stages[s.Name].WorkTime
	for _, b := range s.before {
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

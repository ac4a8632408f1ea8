package engine

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Times after which an undelivered event expires.
const (
	phaseLife = 168 * time.Hour // EthProofs still counts a proof that is a week late
	alertLife = time.Hour
)

// Alerts returns one event about a stage for each reporter that wants the kind. The
// block may be nil.
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

// Accepted returns the events which announce to the other reporters that the service
// behind the named reporter has accepted a proof. The event proved was delivered and
// answer holds the facts of the reporter's answer; the new events carry the facts of
// both. There are none when proved is of another kind or when the answer's outcome is
// no acceptance, as after a dry run. Reporters with AllArtifacts also receive the
// published artifacts.
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
		if slices.ContainsFunc(others, func(r Reporter) bool { return r.AllArtifacts && r.Name == events[i].Reporter }) {
			events[i].Outputs = published
		}
	}
	return events
}

// provingMS returns the proving time as EthProofs defines it, in milliseconds. It is
// the time that the tools state for making the guest input and the proof, without
// queueing, gates, verification and failed attempts. It is at least 1.
func provingMS(rec *record.Job, s *stage) int64 {
	total := rec.Stages[s.Name].WorkTime
	for _, b := range s.before {
		if b.Kind == contract.KindBuilder {
			total += rec.Stages[b.Name].WorkTime
		}
	}
	return max(total.Milliseconds(), 1)
}

// fillBlock sets the gas and the number of transactions of a block from the facts of
// the stage that fetched it, where they are not known yet.
func fillBlock(block *contract.Block, facts map[string]string) {
	if gas, err := strconv.ParseUint(facts[contract.FactGasUsed], 10, 64); err == nil && block.GasUsed == 0 {
		block.GasUsed = gas
	}
	if count, err := strconv.ParseUint(facts[contract.FactTxCount], 10, 32); err == nil && block.TxCount == 0 {
		block.TxCount = uint32(count)
	}
}

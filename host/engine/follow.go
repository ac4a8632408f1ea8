package engine

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// follow brings an edited record into a consistent state: it marks the stages that are
// blocked, takes over the results that are still valid, and derives the state of the
// job. It returns the events that are to be reported.
func (e *Engine) follow(rec *record.Job, now time.Time) []record.Event {
	for _, s := range e.stages { // each stage comes after those that it needs
		r, known := rec.Stages[s.Name]
		if r.Unpublished && anyFailed(rec, s.confirm) {
			r.Unpublished = false // a gate has refused the block
			rec.Stages[s.Name] = r
		}
		if !known || !r.State.Open() {
			continue
		}
		switch {
		case anyFailed(rec, s.needs), anyFailed(rec, s.confirm):
			r.State, r.Ended, r.Resume = record.StageBlocked, now, nil
			r.Error = errRefused.Error()
		case r.State == record.StageWaiting && complete(rec, s.needs) && takesOver(rec, s, r):
			r.State = record.StageDone
		default:
			continue
		}
		rec.Stages[s.Name] = r
	}
	before := rec.State
	rec.Derive(now)
	return e.announce(rec, before, now)
}

// anyFailed reports whether one of the stages has failed, or cannot be done because a
// stage that it needs has failed.
func anyFailed(rec *record.Job, stages []*stage) bool {
	return slices.ContainsFunc(stages, func(s *stage) bool {
		state := rec.Stages[s.Name].State
		return state == record.StageFailed || state == record.StageBlocked
	})
}

// anyOpen reports whether one of the stages is at work or has yet to work.
func anyOpen(rec *record.Job, stages []*stage) bool {
	return slices.ContainsFunc(stages, func(s *stage) bool { return rec.Stages[s.Name].State.Open() })
}

// takesOver reports whether the earlier result of a waiting stage is still valid: it
// was made with the same fingerprint and from the same inputs, and no other stage has
// complained about it.
func takesOver(rec *record.Job, s *stage, r record.Stage) bool {
	return len(r.Outputs)+len(r.Facts) > 0 && r.Stale == "" && r.Fingerprint == s.tuning().Fingerprint && r.Inputs == inputsDigest(rec, s)
}

// reset makes a stage run anew, and the stages behind it check their results again.
func (e *Engine) reset(rec *record.Job, s *stage) {
	rec.Stages[s.Name] = rec.Stages[s.Name].Reset()
	e.reconsider(rec, s)
}

// reconsider makes the stages behind s wait again. They keep their results, which
// follow takes over where they are still valid. A proof that was announced as made is
// never made again.
func (e *Engine) reconsider(rec *record.Job, s *stage) {
	for _, behind := range e.stages[s.index+1:] {
		if !slices.Contains(behind.before, s) {
			continue
		}
		r, known := rec.Stages[behind.Name]
		if !known || r.State == record.StageSkipped || r.Announced == contract.EventProved {
			continue
		}
		r.State = record.StageWaiting
		rec.Stages[behind.Name] = r
	}
}

// fit adapts the record of a job to the stages of the current pipeline. Stages that
// were added wait, stages that were removed no longer count, and work that was done by
// another plugin or configuration is done again. It returns a sorted list of messages
// that name the changes; it is empty when the record fits already.
func (e *Engine) fit(rec *record.Job) (changes []string) {
	fresh := len(rec.Stages) == 0 // the block has just become a job
	for name, r := range rec.Stages {
		if !slices.ContainsFunc(e.stages, func(s *stage) bool { return s.Name == name }) &&
			(r.State.Open() || r.State == record.StageFailed || r.State == record.StageBlocked) {
			r.State, r.Resume = record.StageRemoved, nil
			rec.Stages[name] = r
			changes = append(changes, "stage "+name+" is gone from the file")
		}
	}
	ended := rec.State.Finished()
	for _, s := range e.stages {
		r, known := rec.Stages[s.Name]
		if !known || r.State == record.StageRemoved {
			switch {
			case known:
				changes = append(changes, "stage "+s.Name+" is back")
			case !fresh:
				changes = append(changes, "stage "+s.Name+" is new in the file")
			}
			r = record.Stage{State: record.StageWaiting, Attempt: r.Attempt, Announced: r.Announced}
			switch {
			case ended:
				r.State, r.Error = record.StageSkipped, errAddedLate.Error()
			case !s.takes(rec):
				r.State, r.Error = record.StageSkipped, errNotTaken.Error()
			case s.Shadow && s.Sample > 1 && rec.Block.Number/max(e.selection().Targets.Every, 1)%s.Sample != 0:
				r.State, r.Error = record.StageSkipped, "not in the sample"
			}
		}
		if known && !ended && s.fitWindow(rec, &r) {
			changes = append(changes, "stage "+s.Name+" takes other blocks than before")
		}
		if shadow := s.Shadow || ended && r.Shadow; shadow != r.Shadow {
			r.Shadow = shadow
			if known {
				changes = append(changes, "stage "+s.Name+map[bool]string{true: " is a shadow now", false: " is no shadow any more"}[shadow])
			}
		}
		if s.MakesProof && !s.Shadow && rec.Phase != "" && r.Announced == "" {
			r.Announced, r.Phase, rec.Phase = rec.Phase, rec.Phase, ""
		}
		rec.Stages[s.Name] = r
		if r.State == record.StageDone && r.Announced != contract.EventProved && r.Fingerprint != s.tuning().Fingerprint {
			e.reset(rec, s)
			changes = append(changes, "stage "+s.Name+" has another plugin or configuration")
		}
	}
	for _, s := range e.stages {
		r := rec.Stages[s.Name]
		if r.State != record.StageDone || r.Announced == contract.EventProved || r.Inputs == "" {
			continue
		}
		if !complete(rec, s.needs) || r.Inputs != inputsDigest(rec, s) {
			r.State = record.StageWaiting
			rec.Stages[s.Name] = r
			changes = append(changes, "stage "+s.Name+" depends on others than before")
		}
	}
	slices.Sort(changes)
	return slices.Compact(changes)
}

// takes reports whether the stage takes the block of the job. A job with a given guest
// input is taken whatever the window of the stage, because the operator chose the stage.
func (s *stage) takes(rec *record.Job) bool {
	return rec.Origin == record.Given || s.Blocks.Has(rec.Block)
}

// fitWindow skips a stage whose window no longer contains the block, and makes a stage
// wait whose window contains it now. It reports whether it changed the record. Work that
// is done stays.
func (s *stage) fitWindow(rec *record.Job, r *record.Stage) bool {
	takes := s.takes(rec)
	switch {
	case !takes && (r.State == record.StageWaiting || r.State == record.StageFailed || r.State == record.StageBlocked):
		r.State, r.Error, r.Resume = record.StageSkipped, errNotTaken.Error(), nil
	case takes && r.State == record.StageSkipped && r.Error == errNotTaken.Error():
		r.State, r.Error = record.StageWaiting, ""
	default:
		return false
	}
	return true
}

// announce returns the events that are due for a job and notes in the record that they
// were announced. Nothing is announced about a proof before its gates have succeeded.
// before is the state of the job before the change.
func (e *Engine) announce(rec *record.Job, before status.JobState, now time.Time) (events []record.Event) {
	if rec.Orphaned {
		return nil
	}
	for _, s := range e.stages {
		r := rec.Stages[s.Name]
		if !s.MakesProof || r.Shadow {
			continue
		}
		if complete(rec, s.confirm) {
			for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved} {
				if record.Rank(kind) > record.Rank(r.Phase) || record.Rank(kind) <= record.Rank(r.Announced) {
					continue
				}
				var outputs []contract.Artifact
				facts := map[string]string{}
				if kind == contract.EventProved {
					outputs = r.Outputs
					facts[contract.FactProvingTimeMS] = strconv.FormatInt(r.ProvingMS, 10)
				}
				events = append(events, e.phases(rec, s, kind, outputs, facts, now)...)
				r.Announced = kind
			}
		}
		if (anyFailed(rec, []*stage{s}) || anyFailed(rec, s.confirm)) && record.Rank(r.Announced) < record.Rank(contract.EventFailed) {
			events = append(events, e.failures(rec, s, events, now)...)
			r.Announced = contract.EventFailed
		}
		rec.Stages[s.Name] = r
	}
	if e.makesProof() || before.Finished() || record.Rank(rec.Phase) >= record.Rank(contract.EventChecked) {
		return events
	}
	switch rec.State {
	case status.JobDone:
		last := e.stages[len(e.stages)-1]
		rec.Phase = contract.EventChecked
		events = append(events, e.phases(rec, last, contract.EventChecked, rec.Stages[last.Name].Outputs, nil, now)...)
	case status.JobFailed:
		rec.Phase = contract.EventFailed
		events = append(events, e.failures(rec, nil, nil, now)...)
	}
	return events
}

// failures returns the events that announce a failed branch of a job, one for each
// reporter. proof is the proof stage of the branch, or nil when the pipeline makes no
// proof. A failure that is among the announced events of the same transition is not
// announced again.
func (e *Engine) failures(rec *record.Job, proof *stage, announced []record.Event, now time.Time) []record.Event {
	failed := e.stages[0]
	for _, s := range e.stages {
		if rec.Stages[s.Name].State == record.StageFailed && (proof == nil || s == proof || slices.Contains(proof.before, s) || slices.Contains(proof.confirm, s)) {
			failed = s
			break
		}
	}
	r := rec.Stages[failed.Name]
	facts := map[string]string{
		contract.FactReason: r.Error, contract.FactError: r.Error,
		contract.FactClass: string(r.Class), contract.FactAttempts: strconv.FormatUint(uint64(r.Attempt), 10),
	}
	branch := proof
	if branch == nil {
		branch = failed
	}
	events := e.phases(rec, branch, contract.EventFailed, nil, facts, now)
	for i := range events {
		events[i].Stage = failed.Name
	}
	return slices.DeleteFunc(events, func(event record.Event) bool {
		return slices.ContainsFunc(announced, func(other record.Event) bool {
			return other.Kind == contract.EventFailed && other.Reporter == event.Reporter && other.Stage == event.Stage
		})
	})
}

// phases returns one event for each reporter that wants the kind and reports the proofs
// of stage s. The events carry the given facts and those of s, of the stages before it
// and of the gates that confirm it.
func (e *Engine) phases(rec *record.Job, s *stage, kind contract.EventKind, outputs []contract.Artifact, facts map[string]string, now time.Time) (events []record.Event) {
	all := map[string]string{}
	for _, st := range append(slices.Clone(s.before), s) {
		maps.Copy(all, rec.Stages[st.Name].Facts)
	}
	for _, gate := range s.confirm {
		maps.Copy(all, rec.Stages[gate.Name].Facts)
	}
	all[contract.FactGasUsed] = strconv.FormatUint(rec.Block.GasUsed, 10)
	all[contract.FactTxCount] = strconv.FormatUint(uint64(rec.Block.TxCount), 10)
	maps.Copy(all, facts)
	for _, r := range e.reporters() {
		if !slices.Contains(r.Wants, kind) {
			continue
		}
		proofs := e.reports(r)
		if s.MakesProof && !slices.Contains(proofs, s) {
			continue
		}
		lane := ""
		if len(proofs) > 1 {
			lane = s.Name
		}
		var additional []contract.Artifact
		if r.AllArtifacts && record.Rank(kind) == record.Rank(contract.EventProved) {
			additional = otherArtifacts(rec, s, outputs)
		}
		block := rec.Block
		events = append(events, record.Event{
			Reporter: r.Name, Kind: kind, Job: rec.ID, Stage: s.Name, Lane: lane, Block: &block,
			Facts: all, Outputs: outputs, Additional: additional, At: now, Expires: now.Add(phaseLife),
		})
	}
	return events
}

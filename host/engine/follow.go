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

// follow works out what an edited record means for the rest of the job: which
// stages are blocked, which results can be taken over, where the job stands, and
// what is to be reported of it. It returns the events.
func (e *Engine) follow(rec *record.Job, now time.Time) []record.Event {
	for _, s := range e.stages { // in an order of the graph
		r, known := rec.Stages[s.Name]
		if r.Unpublished && lost(rec, s.confirm) {
			r.Unpublished = false // a gate has refused the block
			rec.Stages[s.Name] = r
		}
		if !known || !r.State.Open() {
			continue
		}
		switch {
		case lost(rec, s.needs), lost(rec, s.confirm):
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

// lost reports whether one of the stages has failed, or never will be done because
// another has.
func lost(rec *record.Job, stages []*stage) bool {
	return slices.ContainsFunc(stages, func(s *stage) bool {
		state := rec.Stages[s.Name].State
		return state == record.StageFailed || state == record.StageBlocked
	})
}

// takesOver reports whether the result that a waiting stage still has is what it
// would make again.
func takesOver(rec *record.Job, s *stage, r record.Stage) bool {
	return len(r.Outputs)+len(r.Facts) > 0 && r.Stale == "" && r.Fingerprint == s.tuning().Fingerprint && r.Inputs == inputsDigest(rec, s)
}

// reset makes a stage run anew and lets everything behind it look again whether
// its own work still holds.
func (e *Engine) reset(rec *record.Job, s *stage) {
	rec.Stages[s.Name] = rec.Stages[s.Name].Again()
	e.reconsider(rec, s)
}

// reconsider makes the stages behind s wait again, with what they have made: see
// takesOver. A proof that was announced as made is never made again.
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

// fit brings the record of a job to today's graph: stages that were added wait,
// stages that were removed count no more, and work that was done by another plugin
// or configuration is done again. It returns what has changed, in words; nothing
// where the record fits already.
func (e *Engine) fit(rec *record.Job) (changes []string) {
	fresh := len(rec.Stages) == 0 // it has just become a job
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
		if known && !ended && s.windowed(rec, &r) {
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

// takes reports whether the block is one of the stage's. An operator who hands in a
// guest input names the stage, whatever blocks it takes.
func (s *stage) takes(rec *record.Job) bool {
	return rec.Origin == record.Given || s.Blocks.Has(rec.Block)
}

// windowed brings the record of a stage in line with the blocks that it takes today,
// and reports whether that changed it. Work that is done stays.
func (s *stage) windowed(rec *record.Job, r *record.Stage) bool {
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

// announce returns the events that are due for a job, and notes them in the
// record. Nothing is announced of a proof before the gates that confirm it.
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
		if (lost(rec, []*stage{s}) || lost(rec, s.confirm)) && record.Rank(r.Announced) < record.Rank(contract.EventFailed) {
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

// failures returns the events that tell of a failed branch of a job, once to each
// reporter that tells of it: by is the branch's proof stage, or nil where the
// pipeline makes no proof, and told are the events of the same transition.
func (e *Engine) failures(rec *record.Job, by *stage, told []record.Event, now time.Time) []record.Event {
	failed := e.stages[0]
	for _, s := range e.stages {
		if rec.Stages[s.Name].State == record.StageFailed && (by == nil || s == by || slices.Contains(by.before, s) || slices.Contains(by.confirm, s)) {
			failed = s
			break
		}
	}
	r := rec.Stages[failed.Name]
	facts := map[string]string{
		contract.FactReason: r.Error, contract.FactError: r.Error,
		contract.FactClass: string(r.Class), contract.FactAttempts: strconv.FormatUint(uint64(r.Attempt), 10),
	}
	at := by
	if at == nil {
		at = failed
	}
	events := e.phases(rec, at, contract.EventFailed, nil, facts, now)
	for i := range events {
		events[i].Stage = failed.Name
	}
	return slices.DeleteFunc(events, func(event record.Event) bool {
		return slices.ContainsFunc(told, func(other record.Event) bool {
			return other.Kind == contract.EventFailed && other.Reporter == event.Reporter && other.Stage == event.Stage
		})
	})
}

// phases returns an event for each reporter that wants the kind and tells of the
// proof stage s.
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
		var beside []contract.Artifact
		if r.Whole && record.Rank(kind) == record.Rank(contract.EventProved) {
			beside = besides(rec, s, outputs)
		}
		block := rec.Block
		events = append(events, record.Event{
			Reporter: r.Name, Kind: kind, Job: rec.ID, Stage: s.Name, Lane: lane, Block: &block,
			Facts: all, Outputs: outputs, Beside: beside, At: now, Expires: now.Add(phaseLife),
		})
	}
	return events
}

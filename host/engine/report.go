package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Report puts the proof of a finished stage into the outbox once more, by the same
// rules: for the reporter named to, or for all that tell of it where that is empty.
// It returns how many events that are.
func (e *Engine) Report(ctx context.Context, id, to string) (int, error) {
	t, err := e.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer e.write.release()
	rec, err := e.store.Job(id)
	switch {
	case errors.Is(err, record.ErrNotFound):
		return 0, contract.Permanent(fmt.Errorf("there is no job %s", id))
	case err != nil:
		return 0, err
	case rec.Orphaned:
		return 0, contract.Permanent(fmt.Errorf("job %s is of a block that is not on the chain any more", id))
	}
	for _, s := range e.stages {
		r := rec.Stages[s.Name]
		if !s.MakesProof || s.Shadow || r.State != record.StageDone || r.Phase != contract.EventProved {
			continue
		}
		facts := map[string]string{
			contract.FactProvingTimeMS: fmt.Sprint(r.ProvingMS), contract.FactAgain: "true",
		}
		for _, event := range e.phases(rec, s, contract.EventProved, r.Outputs, facts, t.now) {
			if to == "" || to == event.Reporter {
				t.change.Events = append(t.change.Events, event)
			}
		}
	}
	if len(t.change.Events) == 0 {
		return 0, contract.Permanent(fmt.Errorf("job %s has no proof that a reporter%s tells of", id, named(to)))
	}
	for i := range t.change.Events {
		if t.change.Events[i].Outputs, err = e.restore(rec, t.change.Events[i]); err != nil {
			return 0, err
		}
	}
	return len(t.change.Events), t.commitOnce()
}

func named(to string) string {
	if to == "" {
		return ""
	}
	return " called " + to
}

// restore makes sure that the files of an event are there: those that were tidied
// away come back from the output directory.
func (e *Engine) restore(rec *record.Job, event record.Event) ([]contract.Artifact, error) {
	s, err := e.stageNamed(event.Stage)
	if err != nil {
		return nil, err
	}
	restored := slices.Clone(event.Outputs)
	for i, a := range restored {
		found, err := e.files.Restore(rec.ID, event.Stage, a, Folder(rec.Block, rec.Orphaned), s.folder)
		if err != nil {
			return nil, fmt.Errorf("the proof of block %d: %w", rec.Block.Number, err)
		}
		restored[i] = found
	}
	return restored, nil
}

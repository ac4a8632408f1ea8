package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Report puts the proofs of a job into the outbox once more, by the same rules as the
// first time. They go to the named reporter, or to all reporters of the proofs when the
// name is empty. It returns the number of events.
func (e *Engine) Report(ctx context.Context, id, reporter string) (int, error) {
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
			if reporter == "" || reporter == event.Reporter {
				t.change.Events = append(t.change.Events, event)
			}
		}
	}
	if len(t.change.Events) == 0 {
		named := ""
		if reporter != "" {
			named = " called " + reporter
		}
		return 0, contract.Permanent(fmt.Errorf("job %s has no proof that a reporter%s reports", id, named))
	}
	for i := range t.change.Events {
		if t.change.Events[i].Outputs, err = e.restore(rec, t.change.Events[i]); err != nil {
			return 0, err
		}
	}
	return len(t.change.Events), t.commitOnce()
}

// restore returns the outputs of an event and makes sure that their files exist. Files
// that were removed are copied back from the output directory.
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

package engine

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// Pauses of the publisher.
const (
	publishDelay    = 250 * time.Millisecond // after the commit, so that the disk serves reporters first
	publishPause    = time.Second            // between two batches, so that many records share a commit
	maxPublishPause = time.Minute            // between two batches that fail
)

// publish copies finished files to the output directory and moves the files of orphans
// aside, until ctx ends. The copies are for people. They are made after the record is
// committed, delay no stage, and are tried again until they succeed.
func (e *Engine) publish(ctx context.Context) {
	pause := publishPause
	for ctx.Err() == nil {
		watch := e.watch()
		e.mu.Lock()
		pending := len(e.publishing) > 0
		e.mu.Unlock()
		if !pending {
			e.clock.Wait(ctx, Forever, watch)
			continue
		}
		if e.clock.Wait(ctx, publishDelay, nil); ctx.Err() != nil {
			return // Run publishes the rest when it ends
		}
		if e.publishOnce(ctx) {
			pause = publishPause
		} else {
			pause = min(2*pause, maxPublishPause)
		}
		e.clock.Wait(ctx, pause, nil)
	}
}

// publishOnce publishes everything that is due now and reports whether all of it
// succeeded.
func (e *Engine) publishOnce(ctx context.Context) bool {
	var records []*record.Job
	e.mu.Lock()
	for id := range e.publishing {
		records = append(records, e.jobs[id].rec)
	}
	e.mu.Unlock()
	if len(records) == 0 {
		return true
	}
	// The files of an orphan are moved before the block with its number is published.
	slices.SortFunc(records, func(a, b *record.Job) int { return compareBool(!a.Aside, !b.Aside) })
	published := map[string][]string{} // the published stages of each job
	var failed error                   // the last
	for _, rec := range records {
		stages, err := e.publishJob(rec)
		if err == nil || len(stages) > 0 {
			published[rec.ID] = stages
		}
		if err != nil {
			failed = err
		}
	}
	failpoint.Hit(failpoint.Published)
	e.mu.Lock()
	switch {
	case failed == nil:
		e.publishError = ""
	case e.publishError != failed.Error():
		e.publishError = failed.Error()
		e.log.Warn("files cannot be published; the proofs are safe, and it is tried again", "error", failed)
	}
	e.mu.Unlock()
	if err := e.notePublished(ctx, published); err != nil {
		e.log.Debug("what was published is not recorded and will be published again", "error", err)
		return false
	}
	return failed == nil
}

// publishJob publishes or moves the files of one job and returns the stages whose files
// are published.
func (e *Engine) publishJob(rec *record.Job) (stages []string, err error) {
	if rec.Aside {
		if err := e.files.SetAside(Folder(rec.Block, false), Folder(rec.Block, true)); err != nil {
			return nil, err
		}
	}
	for _, s := range e.stages {
		r := rec.Stages[s.Name]
		if !r.Unpublished || !complete(rec, s.confirm) {
			continue
		}
		folder := Folder(rec.Block, rec.Orphaned)
		if s.folder != "" {
			folder += "/" + s.folder
		}
		switch err := e.files.Publish(folder, published(s, r.Outputs)); {
		case errors.Is(err, fs.ErrNotExist):
			e.log.Warn("files of a block are gone and cannot be published", "block", rec.Block.Number, "stage", s.Name, "error", err)
		case err != nil:
			return stages, err
		}
		stages = append(stages, s.Name)
	}
	return stages, nil
}

// published returns the outputs of a stage that are published: all outputs of a proof
// stage, but only the result and the execution report of any other stage.
func published(s *stage, outputs []contract.Artifact) (public []contract.Artifact) {
	for _, a := range outputs {
		if s.MakesProof || a.Name == contract.ArtifactExecution || a.Name == contract.ArtifactResult {
			public = append(public, a)
		}
	}
	return public
}

// notePublished records that the stages of the jobs are published. Stages that the
// pipeline no longer has count as published.
func (e *Engine) notePublished(ctx context.Context, published map[string][]string) error {
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	for id, stages := range published {
		e.mu.Lock()
		a := e.jobs[id]
		e.mu.Unlock()
		if a == nil {
			continue
		}
		rec := t.edit(a)
		rec.Aside = false
		for name, r := range rec.Stages {
			_, err := e.stageNamed(name)
			if r.Unpublished && (slices.Contains(stages, name) || err != nil) {
				r.Unpublished = false
				rec.Stages[name] = r
			}
		}
	}
	if len(t.jobs) == 0 {
		return nil
	}
	return t.commitOnce()
}

// publishable reports whether any files of the job are to be published now. The files
// of a proof wait for the gates that confirm it. A stage that the pipeline no longer
// has is to be noted as published.
func (e *Engine) publishable(rec *record.Job) bool {
	for name, r := range rec.Stages {
		if s, err := e.stageNamed(name); r.Unpublished && (err != nil || complete(rec, s.confirm)) {
			return true
		}
	}
	return false
}

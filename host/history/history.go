// Package history reads from a checkpoint what people are shown of the past: lists of
// jobs, one block's way, and the record that a score is made of.
package history

import (
	"cmp"
	"slices"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Stages lists the working stages of a pipeline. A stage whose kind is not known
// counts as one.
func Stages(p *pipeline.Pipeline) (stages []engine.StageRef) {
	for _, s := range p.Stages {
		if s.Kind != contract.KindReporter {
			stages = append(stages, engine.StageRef{Name: s.Name, Kind: s.Kind})
		}
	}
	return stages
}

// List reads jobs from a checkpoint: the unfinished ones, then the finished ones
// by the time of their end, all sorted by number.
func List(store *checkpoint.Store, stages []engine.StageRef, query control.Query) ([]status.Job, error) {
	records, err := store.Active()
	if err != nil {
		return nil, err
	}
	most := query.Limit
	if most <= 0 {
		most = maxListed
	}
	recent, err := store.History(most, query.States...)
	if err != nil {
		return nil, err
	}
	jobs := []status.Job{}
	records = slices.DeleteFunc(records, func(rec *record.Job) bool { return rec.State.Finished() }) // only a shadow works on it
	for _, rec := range append(records, recent...) {
		if len(query.States) == 0 || slices.Contains(query.States, rec.State) {
			jobs = append(jobs, engine.Describe(rec, stages))
		}
	}
	slices.SortStableFunc(jobs, func(a, b status.Job) int { return cmp.Compare(b.Block.Number, a.Block.Number) })
	if query.Limit > 0 && len(jobs) > query.Limit {
		jobs = jobs[:query.Limit]
	}
	return jobs, WithReports(store, jobs)
}

// maxListed bounds how far a list reads into the past.
const maxListed = 100_000

// Show reads the jobs of a number, with what became of their events.
func Show(store *checkpoint.Store, stages []engine.StageRef, number uint64) ([]status.Job, error) {
	records, err := store.ByNumber(number)
	return described(store, stages, records, err)
}

// described shows records that were read, with what became of their events.
func described(store *checkpoint.Store, stages []engine.StageRef, records []*record.Job, err error) ([]status.Job, error) {
	if err != nil {
		return nil, err
	}
	jobs := []status.Job{}
	for _, rec := range records {
		jobs = append(jobs, engine.Describe(rec, stages))
	}
	return jobs, WithReports(store, jobs)
}

// shownRecent is how many finished jobs are shown beside the live state.
const shownRecent = 50

// Recent reads the jobs that ended last, with what became of their events.
func Recent(store *checkpoint.Store, stages []engine.StageRef) ([]status.Job, error) {
	records, err := store.Recent(shownRecent)
	return described(store, stages, records, err)
}

// WithReports fills in what became of the jobs' events.
func WithReports(store *checkpoint.Store, jobs []status.Job) (err error) {
	for i := range jobs {
		if jobs[i].Reports, err = store.Reports(jobs[i].ID); err != nil {
			return err
		}
		if jobs[i].State == status.JobDone {
			jobs[i].Unreported = jobs[i].DebtText()
		}
	}
	return nil
}

// Package history reads the past of a pipeline from its checkpoint: lists of jobs, the
// jobs of one block, comparisons of provers, and the record from which a score is
// computed. It turns durable records into the types of package status and score, and
// changes nothing.
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

// Stages returns the working stages of a pipeline. A stage of an unknown kind counts as a
// working stage.
func Stages(p *pipeline.Pipeline) (stages []engine.StageRef) {
	for _, s := range p.Stages {
		if s.Kind != contract.KindReporter {
			stages = append(stages, engine.StageRef{Name: s.Name, Kind: s.Kind})
		}
	}
	return stages
}

// List returns jobs in the order of their block numbers, the highest first: all that are
// unfinished and those that finished last, within the limits of the query.
func List(store *checkpoint.Store, stages []engine.StageRef, query control.Query) ([]status.Job, error) {
	records, err := store.Active()
	if err != nil {
		return nil, err
	}
	limit := query.Limit
	if limit <= 0 {
		limit = maxListed
	}
	recent, err := store.History(limit, query.States...)
	if err != nil {
		return nil, err
	}
	jobs := []status.Job{}
	records = slices.DeleteFunc(records, func(rec *record.Job) bool { return rec.State.Finished() }) // finished, but a shadow still works on it
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

// maxListed is the largest number of finished jobs in a list.
const maxListed = 100_000

// Show returns the jobs of a block number with their reports.
func Show(store *checkpoint.Store, stages []engine.StageRef, number uint64) ([]status.Job, error) {
	records, err := store.ByNumber(number)
	return described(store, stages, records, err)
}

// described returns the status of records with their reports. It returns the error of
// reading the records, if any.
func described(store *checkpoint.Store, stages []engine.StageRef, records []*record.Job, err error) ([]status.Job, error) {
	if err != nil {
		return nil, err
	}
	jobs := make([]status.Job, 0, len(records))
	for _, rec := range records {
		jobs = append(jobs, engine.Describe(rec, stages))
	}
	return jobs, WithReports(store, jobs)
}

// shownRecent is the number of finished jobs in a snapshot.
const shownRecent = 50

// Recent returns the jobs that finished last, with their reports.
func Recent(store *checkpoint.Store, stages []engine.StageRef) ([]status.Job, error) {
	records, err := store.Recent(shownRecent)
	return described(store, stages, records, err)
}

// WithReports sets the reports of the jobs.
func WithReports(store *checkpoint.Store, jobs []status.Job) (err error) {
	for i := range jobs {
		if jobs[i].Reports, err = store.Reports(jobs[i].ID); err != nil {
			return err
		}
		if jobs[i].State == status.JobDone {
			jobs[i].Unreported = jobs[i].UnsettledText()
		}
	}
	return nil
}

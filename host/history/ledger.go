package history

import (
	"errors"
	"sync"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

const (
	// scorePeriod is the period before now that counts for a score.
	scorePeriod = 7 * 24 * time.Hour
	// clockSlack is the time before the last update from which records are read again,
	// because the clock may have been set back.
	clockSlack = 10 * time.Minute
)

// Ledger holds the blocks from which the score of a pipeline is computed. It reads each
// finished job from the checkpoint only once, because a week of every block is 50,400
// records. The zero value is ready. It is safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	finished map[string]score.Block // by job id
	read     time.Time              // of the last update
}

// Judge updates the ledger and returns the score at now.
func (l *Ledger) Judge(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) (score.Report, error) {
	rec, err := l.Record(store, p, now)
	if err != nil {
		return score.Report{}, err
	}
	return score.Judge(rec, now), nil
}

// Record updates the ledger and returns the record from which a score is computed.
func (l *Ledger) Record(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) (score.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := score.Record{Pipeline: p.Name, Targets: p.Select.Targets, Unsent: map[string]int{}}
	blocks, err := l.blocks(store, p, now)
	if err != nil {
		return rec, err
	}
	rec.Blocks = blocks
	for _, s := range p.Stages { // the kind does not matter: only a source has a cursor, only a reporter an outbox
		switch cursor, err := store.Cursor(s.Name); {
		case err == nil:
			rec.Followed = cursor.Updated
		case !errors.Is(err, record.ErrNotFound):
			return rec, err
		}
		unsent, err := unsentProofs(store, s.Name)
		if err != nil {
			return rec, err
		}
		if unsent > 0 {
			rec.Unsent[s.Name] = unsent
		}
	}
	return rec, nil
}

// unsentProofs returns the number of proofs that wait for a reporter.
func unsentProofs(store *checkpoint.Store, reporter string) (n int, err error) {
	events, err := store.Outbox(reporter)
	for _, e := range events {
		if e.Kind == contract.EventProved {
			n++
		}
	}
	return n, err
}

// blocks returns the targets of the score period. A job finishes after the time of its
// block, so that jobs which finished before the period are not needed.
func (l *Ledger) blocks(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) ([]score.Block, error) {
	oldest := now.Add(-scorePeriod)
	since := oldest
	if l.read.After(since) {
		since = l.read
	}
	// Active jobs are read first: a job that finishes in between is then read twice, and
	// not missed.
	active, err := store.Active()
	if err != nil {
		return nil, err
	}
	finished, err := store.FinishedSince(since.Add(-clockSlack))
	if err != nil {
		return nil, err
	}
	if l.finished == nil {
		l.finished = map[string]score.Block{}
	}
	isTarget := func(rec *record.Job) bool {
		return rec.Origin == record.Selected || p.Select.Targets.Includes(rec.Block.Number)
	}
	for _, rec := range active {
		delete(l.finished, rec.ID) // it was queued again
	}
	for id, b := range l.finished { // the proof may have been accepted since the last update
		if b.Report == score.Accepted || b.Report == score.DryRun || !b.Announced {
			continue
		}
		rec, err := store.Job(id)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		finished = append(finished, rec)
	}
	for _, rec := range finished {
		if isTarget(rec) {
			if l.finished[rec.ID], err = scoreBlock(store, rec); err != nil {
				return nil, err
			}
		}
	}
	l.read = now
	list := make([]score.Block, 0, len(l.finished)+len(active))
	for id, b := range l.finished {
		if b.Time.Before(oldest) {
			delete(l.finished, id)
			continue
		}
		list = append(list, b)
	}
	for _, rec := range active {
		if _, ended := l.finished[rec.ID]; !ended && isTarget(rec) {
			b, err := scoreBlock(store, rec)
			if err != nil {
				return nil, err
			}
			list = append(list, b)
		}
	}
	return list, nil
}

// scoreBlock returns what a job counts for a score.
func scoreBlock(store *checkpoint.Store, rec *record.Job) (score.Block, error) {
	b := score.Block{
		Number: rec.Block.Number, Time: rec.Block.Time, Taken: rec.Created, Every: rec.Every,
		Ended: rec.State.Finished(), Orphaned: engine.Orphaned(rec), Checked: rec.Phase == contract.EventChecked,
	}
	proved := false
	for _, r := range rec.Stages {
		if r.Shadow {
			continue
		}
		switch r.Announced {
		case contract.EventProved:
			if !proved || r.ProvingMS < b.ProvingMS {
				b.Announced, b.ProvingMS = true, r.ProvingMS
			}
			proved = true
		case contract.EventQueued, contract.EventProving:
			b.Announced = true
		}
		b.Announced = b.Announced || r.Announced == contract.EventFailed && r.Phase != ""
	}
	if b.Time.IsZero() { // the operator named the block while the source did not run
		b.Time = rec.Created
	}
	if !proved {
		return b, nil
	}
	reports, err := store.Reports(rec.ID)
	b.Report = reported(reports)
	return b, err
}

// reported returns the outcome of a proof's reports by the rules of a score. A proof that
// no reporter sends to a site counts as a dry run.
func reported(reports []status.Report) score.Outcome {
	switch status.Proof(reports).State {
	case status.ProofAccepted:
		return score.Accepted
	case status.ProofDryRun, status.ProofDelivered, status.ProofUnreported:
		return score.DryRun
	case status.ProofRefused:
		return score.Rejected
	}
	return score.Unsent
}

// NoRecord returns the score of a pipeline that has no checkpoint yet.
func NoRecord(p *pipeline.Pipeline, now time.Time) score.Report {
	return score.Judge(score.Record{Pipeline: p.Name, Targets: p.Select.Targets}, now)
}

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
	// judged is how far back a score looks.
	judged = 7 * 24 * time.Hour
	// clockSlack is how much of what was read is read again, because the clock
	// may have been set back.
	clockSlack = 10 * time.Minute
)

// Ledger is the part of a pipeline's record that its score is made of. It reads
// the past only once: a week of every block is 50,400 records. The zero value is
// ready, and safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	finished map[string]score.Block // by job
	read     time.Time              // up to here
}

// Judge brings the ledger up to date and reports the standing at now.
func (l *Ledger) Judge(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) (score.Report, error) {
	standing, err := l.Record(store, p, now)
	if err != nil {
		return score.Report{}, err
	}
	return score.Judge(standing, now), nil
}

// Record brings the ledger up to date and returns what a score is made of.
func (l *Ledger) Record(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) (score.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	standing := score.Record{Pipeline: p.Name, Targets: p.Select.Targets, Unsent: map[string]int{}}
	blocks, err := l.blocks(store, p, now)
	if err != nil {
		return standing, err
	}
	standing.Blocks = blocks
	for _, s := range p.Stages { // of any kind: only a source has a cursor, only a reporter an outbox
		switch cursor, err := store.Cursor(s.Name); {
		case err == nil:
			standing.Followed = cursor.Updated
		case !errors.Is(err, record.ErrNotFound):
			return standing, err
		}
		unsent, err := unsentProofs(store, s.Name)
		if err != nil {
			return standing, err
		}
		if unsent > 0 {
			standing.Unsent[s.Name] = unsent
		}
	}
	return standing, nil
}

func unsentProofs(store *checkpoint.Store, reporter string) (n int, err error) {
	events, err := store.Outbox(reporter)
	for _, e := range events {
		if e.Kind == contract.EventProved {
			n++
		}
	}
	return n, err
}

// blocks returns the targets of the last 7 days. A block is no older than the
// end of its job, so that jobs that ended before are not needed.
func (l *Ledger) blocks(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) ([]score.Block, error) {
	oldest := now.Add(-judged)
	since := oldest
	if l.read.After(since) {
		since = l.read
	}
	// In this order: a job that ends in between is seen twice, not never.
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
		delete(l.finished, rec.ID) // queued again
	}
	for id, b := range l.finished { // whose proof may have been taken meanwhile
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
			if l.finished[rec.ID], err = judgedBlock(store, rec); err != nil {
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
			b, err := judgedBlock(store, rec)
			if err != nil {
				return nil, err
			}
			list = append(list, b)
		}
	}
	return list, nil
}

// judgedBlock is what a job has to show.
func judgedBlock(store *checkpoint.Store, rec *record.Job) (score.Block, error) {
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
	if b.Time.IsZero() { // named by the operator while the source was away
		b.Time = rec.Created
	}
	if !proved {
		return b, nil
	}
	reports, err := store.Reports(rec.ID)
	b.Report = reported(reports)
	return b, err
}

// reported is what the reports of a proof have come to by the rules of a score. A proof
// that no reporter sends anywhere counts as in a dry run.
func reported(reports []status.Report) score.Outcome {
	switch status.Proof(reports).State {
	case status.ProofAccepted:
		return score.Accepted
	case status.ProofDryRun, status.ProofTold, status.ProofOwed:
		return score.DryRun
	case status.ProofRefused:
		return score.Rejected
	}
	return score.Unsent
}

// NoRecord is the standing of a pipeline that has no checkpoint yet.
func NoRecord(p *pipeline.Pipeline, now time.Time) score.Report {
	return score.Judge(score.Record{Pipeline: p.Name, Targets: p.Select.Targets}, now)
}

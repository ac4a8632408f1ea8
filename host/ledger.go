package host

import (
	"sync"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/sdk/contract"
)

const (
	// judged is how far back a score looks.
	judged = 7 * 24 * time.Hour
	// clockSlack is how much of what was read is read again, because the clock
	// may have been set back.
	clockSlack = 10 * time.Minute
)

// ledger is the part of a pipeline's record that its score is made of. It reads
// the past only once: a week of every block is 50,400 records. The zero value is
// ready, and safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	finished map[string]score.Block // by job
	read     time.Time              // up to here
}

// judge brings the ledger up to date and reports the standing at now.
func (l *ledger) judge(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) (score.Report, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	record := score.Record{Pipeline: p.Name, Targets: p.Select.Selection, Unsent: map[string]int{}}
	blocks, err := l.blocks(store, p, now)
	if err != nil {
		return score.Report{}, err
	}
	record.Blocks = blocks
	for _, s := range p.Stages { // of any kind: only a source has a cursor, only a reporter an outbox
		cursor, err := store.Cursor(s.Name)
		if err != nil {
			return score.Report{}, err
		}
		if cursor != nil {
			record.Followed = cursor.Updated
		}
		unsent, err := unsentProofs(store, s.Name)
		if err != nil {
			return score.Report{}, err
		}
		if unsent > 0 {
			record.Unsent[s.Name] = unsent
		}
	}
	return score.Judge(record, now), nil
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
func (l *ledger) blocks(store *checkpoint.Store, p *pipeline.Pipeline, now time.Time) ([]score.Block, error) {
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
	isTarget := func(rec *job.Job) bool {
		return rec.Origin == job.Selected || p.Select.Includes(rec.Block.Number)
	}
	for _, rec := range active {
		delete(l.finished, rec.ID) // queued again
	}
	for _, rec := range finished {
		if isTarget(rec) {
			l.finished[rec.ID] = judgedBlock(rec)
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
			list = append(list, judgedBlock(rec))
		}
	}
	return list, nil
}

// judgedBlock is what a job has to show.
func judgedBlock(rec *job.Job) score.Block {
	b := score.Block{
		Number: rec.Block.Number, Time: rec.Block.Time, Taken: rec.Created,
		ProvingMS: rec.ProvingMS,
		Ended:     rec.State.Finished(), Orphaned: engine.Orphaned(rec),
		Checked: rec.Announced == contract.EventChecked,
	}
	if rec.Announced == contract.EventProved {
		b.Report = score.Accepted
	}
	switch rec.Announced {
	case contract.EventQueued, contract.EventProving, contract.EventProved:
		b.Announced = true
	}
	if b.Time.IsZero() { // named by the operator while the source was away
		b.Time = rec.Created
	}
	return b
}

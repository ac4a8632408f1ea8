package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// checkRecords checks whether the records agree with each other and counts them. Every
// transaction preserves these invariants, so that a crash cannot violate them.
func checkRecords(t tx, counts *Counts, report func(where, what string)) {
	c := &checker{t: t, report: report, counts: counts, jobs: map[string]indexed{}}
	c.checkJobs()
	c.checkActive()
	c.checkNumbers()
	c.checkHistory()
	c.checkOutboxes()
	c.checkOwing()
	c.checkReached()
	c.checkReports()
	c.checkRest()
}

// checker is the state of checkRecords.
type checker struct {
	t      tx
	report func(where, what string)
	counts *Counts
	jobs   map[string]indexed // by id
	owing  int                // events of jobs in outboxes
}

// indexed holds what the indexes must contain about a job.
type indexed struct {
	number  uint64
	state   status.JobState
	open    bool
	history []byte // its key in the history; nil while it is not finished
}

// every visits the records of a bucket and reports those that cannot be decoded.
func every[T any](c *checker, b bucket, visit func(key []byte, value T)) {
	_ = b.b.ForEach(func(key, sealed []byte) error {
		if sealed == nil {
			c.report(b.name(key), "a bucket where a record belongs")
			return nil
		}
		value, err := decode[T](b, key, sealed)
		if err != nil {
			c.report(b.name(key), err.Error())
			return nil
		}
		visit(key, value)
		return nil
	})
}

// children visits the buckets in a bucket and reports records beside them.
func (c *checker) children(name []byte, visit func(name string, b bucket)) {
	b := top(c.t, name)
	_ = b.b.ForEach(func(key, sealed []byte) error {
		if child, ok := b.child(key); ok {
			visit(string(key), child)
		} else {
			c.report(b.name(key), "a record where a bucket belongs")
		}
		return nil
	})
}

// last returns the last number that was assigned in a bucket.
func (c *checker) last(b bucket) uint64 {
	n, _, err := read[uint64](top(c.t, bucketLast), []byte(b.path))
	if err != nil {
		c.report(string(bucketLast)+"/"+b.path, err.Error())
	}
	return n
}

// closedStates are the states of a stage that has no work left.
var closedStates = []record.StageState{
	record.StageDone, record.StageFailed, record.StageBlocked, record.StageSkipped, record.StageCancelled, record.StageRemoved,
}

func (c *checker) checkJobs() {
	b := top(c.t, bucketJobs)
	every(c, b, func(key []byte, j record.Job) {
		k := indexed{number: j.Block.Number, state: j.State, open: j.Open()}
		if k.open {
			c.counts.Active++
		}
		switch j.State {
		case status.JobWaiting, status.JobRunning:
		case status.JobDone, status.JobFailed, status.JobDropped, status.JobCancelled:
			if k.history = historyKey(&j); j.Finished.IsZero() {
				c.report(b.name(key), fmt.Sprintf("it is %s, but has no time of its end", j.State))
			}
		default:
			c.report(b.name(key), fmt.Sprintf("its state %q is unknown", j.State))
		}
		for name, stage := range j.Stages {
			if !stage.State.Open() && !slices.Contains(closedStates, stage.State) {
				c.report(b.name(key), fmt.Sprintf("the state %q of its stage %s is unknown", stage.State, name))
			}
		}
		if j.ID != string(key) {
			c.report(b.name(key), fmt.Sprintf("it says that it is job %s", j.ID))
		}
		c.jobs[string(key)] = k
		c.counts.Jobs++
	})
}

// index visits the keys of an index.
func (c *checker) index(name []byte, visit func(b bucket, key, sealed []byte)) {
	b := top(c.t, name)
	_ = b.b.ForEach(func(key, sealed []byte) error {
		visit(b, key, sealed)
		return nil
	})
}

func (c *checker) checkActive() {
	c.index(bucketActive, func(b bucket, key, _ []byte) {
		switch k, ok := c.jobs[string(key)]; {
		case !ok:
			c.report(b.name(key), "there is no record of this job")
		case !k.open:
			c.report(b.name(key), fmt.Sprintf("the job is %s, and nothing of it is left to do", k.state))
		}
	})
	active := top(c.t, bucketActive)
	for id, k := range c.jobs {
		if k.open && active.b.Get([]byte(id)) == nil {
			c.report("jobs/"+id, fmt.Sprintf("it is %s and open, but not listed as active", k.state))
		}
	}
}

func (c *checker) checkNumbers() {
	c.index(bucketNumbers, func(b bucket, key, _ []byte) {
		if len(key) < 8 {
			c.report(b.name(key), "its key is too short")
			return
		}
		switch k, ok := c.jobs[string(key[8:])]; {
		case !ok:
			c.report(b.name(key), "there is no record of this job")
		case k.number != binary.BigEndian.Uint64(key):
			c.report(b.name(key), fmt.Sprintf("the job is of block %d", k.number))
		}
	})
	numbers := top(c.t, bucketNumbers)
	for id, k := range c.jobs {
		if numbers.b.Get(append(be8(k.number), id...)) == nil {
			c.report("jobs/"+id, "it is not listed by its number")
		}
	}
}

func (c *checker) checkHistory() {
	c.index(bucketHistory, func(b bucket, key, sealed []byte) {
		if len(key) < 8 {
			c.report(b.name(key), "its key is too short")
			return
		}
		state, err := b.unseal(key, sealed)
		switch k, ok := c.jobs[string(key[8:])]; {
		case err != nil:
			c.report(b.name(key), err.Error())
		case !ok:
			c.report(b.name(key), "there is no record of this job")
		case !bytes.Equal(k.history, key):
			c.report(b.name(key), "the job did not end at this time")
		case string(k.state) != string(state):
			c.report(b.name(key), fmt.Sprintf("it is listed as %s, and is %s", state, k.state))
		}
	})
	history := top(c.t, bucketHistory)
	for id, k := range c.jobs {
		if k.history != nil && history.b.Get(k.history) == nil {
			c.report("jobs/"+id, fmt.Sprintf("it is %s, but not listed by the time of its end", k.state))
		}
	}
}

func (c *checker) checkOutboxes() {
	c.children(bucketOutbox, func(reporter string, b bucket) {
		last, owing := c.last(b), c.t.Bucket(bucketOwing)
		every(c, b, func(key []byte, e record.Event) {
			c.counts.Events++
			if e.Job != "" {
				if c.owing++; owing.Get(owingKey(&e)) == nil {
					c.report(b.name(key), "it is not listed as owed by job "+e.Job)
				}
			}
			_, ok := c.jobs[e.Job]
			switch {
			case !bytes.Equal(key, be8(e.Seq)) || e.Reporter != reporter:
				c.report(b.name(key), fmt.Sprintf("it says that it is event %d of %s", e.Seq, e.Reporter))
			case e.Seq > last:
				c.report(b.name(key), fmt.Sprintf("the last number given out is %d", last))
			case e.Kind.IsPhase() && !ok:
				c.report(b.name(key), fmt.Sprintf("it is a phase of job %q, of which there is no record", e.Job))
			case e.Kind.IsPhase() && e.Block == nil:
				c.report(b.name(key), "it is a phase of no block")
			}
		})
	})
}

// checkOwing checks that the index by job lists no other events than those in outboxes.
// It runs after checkOutboxes, which checks that every event is listed.
func (c *checker) checkOwing() {
	listed := 0
	c.index(bucketOwing, func(bucket, []byte, []byte) { listed++ })
	if listed > c.owing {
		c.report(string(bucketOwing), fmt.Sprintf("%d events are listed as owed, of which there are %d", listed, c.owing))
	}
}

func (c *checker) checkReached() {
	numbers := top(c.t, bucketNumbers).b.Cursor()
	c.children(bucketReached, func(_ string, b bucket) {
		every(c, b, func(key []byte, r record.Reached) {
			next, _ := numbers.Seek(key[:min(8, len(key))])
			switch {
			case len(key) < 8 || !bytes.HasPrefix(next, key[:8]):
				c.report(b.name(key), "no job has this number")
			case r.Rank < 1 || r.Rank > record.Rank(contract.EventProved):
				c.report(b.name(key), fmt.Sprintf("there is no phase %d", r.Rank))
			}
		})
	})
}

func (c *checker) checkReports() {
	c.children(bucketReports, func(id string, b bucket) {
		if _, ok := c.jobs[id]; !ok {
			c.report(b.path, "there is no record of this job")
		}
		every(c, b, func(key []byte, r status.Report) {
			box, ok := top(c.t, bucketOutbox).child([]byte(r.Reporter))
			switch {
			case len(key) < 8 || string(key[8:]) != r.Reporter:
				c.report(b.name(key), fmt.Sprintf("it says that it is of %s", r.Reporter))
			case !ok || binary.BigEndian.Uint64(key) > c.last(box):
				c.report(b.name(key), "this event was never in the outbox")
			}
		})
	})
}

func (c *checker) checkRest() {
	cursors, runs, requests := top(c.t, bucketCursors), top(c.t, bucketRuns), top(c.t, bucketRequests)
	every(c, cursors, func(key []byte, v record.Cursor) {
		if v.Stage != string(key) {
			c.report(cursors.name(key), fmt.Sprintf("it says that it is of stage %s", v.Stage))
		}
	})
	lastRun := c.last(runs)
	every(c, runs, func(key []byte, v record.Run) {
		if !bytes.Equal(key, be8(v.Seq)) || v.Seq > lastRun {
			c.report(runs.name(key), fmt.Sprintf("it says that it is run %d, the last number given out is %d", v.Seq, lastRun))
		}
	})
	last := c.last(requests)
	every(c, requests, func(key []byte, v record.Request) {
		c.counts.Requests++
		switch {
		case !bytes.Equal(key, be8(v.ID)):
			c.report(requests.name(key), fmt.Sprintf("it says that it is request %d", v.ID))
		case v.ID > last:
			c.report(requests.name(key), fmt.Sprintf("the last number given out is %d", last))
		}
	})
}

package checkpoint

import (
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

func TestFinishedSince(t *testing.T) {
	s := newStore(t)
	var all []*record.Job
	for n := range uint64(5) { // finished n seconds after noon
		all = append(all, block(n, 0, status.JobDone))
	}
	all = append(all, block(9, 0, status.JobWaiting))
	commit(t, s, record.Change{Jobs: all})
	for since, want := range map[time.Time]int{
		noon: 5, noon.Add(2 * time.Second): 3, noon.Add(2*time.Second + 1): 2, noon.Add(time.Minute): 0, {}: 5,
	} {
		jobs, err := s.FinishedSince(since)
		if err != nil || len(jobs) != want {
			t.Errorf("since %v: %d jobs, %v; want %d", since, len(jobs), err, want)
		}
		for i, j := range jobs {
			if number := uint64(5 - want + i); j.Block.Number != number {
				t.Errorf("since %v: job %d is block %d, want %d", since, i, j.Block.Number, number)
			}
		}
	}
	again := all[3].Clone()
	set(again, status.JobWaiting, time.Time{})
	commit(t, s, record.Change{Jobs: []*record.Job{again}})
	if jobs, err := s.FinishedSince(noon); err != nil || len(jobs) != 4 {
		t.Errorf("%d jobs, %v; want 4: one is queued again", len(jobs), err)
	}
}

package checkpoint

import (
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// churnUp writes and deletes records, so that the file gets branch pages, values longer
// than a page, buckets with their own pages, and free pages.
func churnUp(t testing.TB, s *Store) {
	t.Helper()
	var jobs []*record.Job
	for n := range uint64(300) {
		j := block(5000+n, 7, status.JobDone)
		j.Finished = noon.Add(time.Duration(n) * time.Second)
		if n%50 == 7 {
			j.Reason = strings.Repeat("long ", 3000)
		}
		jobs = append(jobs, j)
	}
	for i := 0; i < len(jobs); i += 60 {
		if err := s.Commit(record.Change{Jobs: jobs[i : i+60]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prune(noon.Add(time.Minute), noon.Add(time.Minute), 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(record.Change{Jobs: jobs[100:110]}); err != nil {
		t.Fatal(err)
	}
}

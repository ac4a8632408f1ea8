package checkpoint

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// BenchmarkOpenWithCheck measures the opening of a checkpoint with 100,000 finished blocks.
func BenchmarkOpenWithCheck(b *testing.B) {
	path := filepath.Join(b.TempDir(), "checkpoint.db")
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	s.db.NoSync = true
	const jobs, batch = 100_000, 5_000
	for n := uint64(0); n < jobs; n += batch {
		var change record.Change
		for i := range uint64(batch) {
			j := block(n+i, 0, status.JobDone)
			j.Finished = noon.Add(time.Duration(n+i) * time.Second)
			for k := range 4 {
				stage := j.Stages["prove"]
				stage.Facts = map[string]string{}
				for f := range 7 {
					stage.Facts[fmt.Sprintf("fact-%d", f)] = fmt.Sprintf("%064d", n+i)
				}
				j.Stages[fmt.Sprintf("stage-%d", k)] = stage
			}
			change.Jobs = append(change.Jobs, j)
		}
		if err := s.Commit(change); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(s.db.Stats().FreePageN), "free")
		if info, err := s.file.Stat(); err == nil {
			b.ReportMetric(float64(info.Size())/(1<<20), "MiB")
		}
		s.Close()
	}
}

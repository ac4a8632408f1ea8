package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// TestScoreCountsWhatWasReported: two blocks are proved in time, then the prover becomes
// slow. Checkpoint, running host and monitor have the same score, from the proving times
// that EthProofs has received.
func TestScoreCountsWhatWasReported(t *testing.T) {
	t.Parallel()
	s, tool, server := operator(t, "", zisktest.Scenario{Seconds: 4.5})
	address := freeAddress(t)
	s.write(swap(t, proving(t), "LISTEN", address))
	s.must("run", "--blocks", "2")
	var report score.Report
	if err := json.Unmarshal([]byte(s.must("score", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if w := report.Week; w.Under != 2 || w.Stunners+w.Paralyzers != 0 || report.Rules != score.RealTime {
		t.Errorf("after two fast blocks: %+v", report)
	}

	tool.Set(t, zisktest.Scenario{Seconds: 10})
	p := s.start("run")
	// A proof counts once EthProofs has accepted it, which is later than the end of its block.
	s.until(p, "a slow proof is accepted", func(status.Snapshot) bool {
		if err := json.Unmarshal([]byte(s.must("score", "--json")), &report); err != nil {
			t.Fatal(err)
		}
		return report.Week.Stunners > 0
	})
	if w := report.Week; w.Under != 2 || w.Blocks != 2+w.Stunners {
		t.Errorf("after a slow block: %+v", w)
	}
	res, err := http.Get("http://" + address + "/api/v1/score")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	var shown score.Report
	if err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(body, &shown) != nil || shown.Week.Under != 2 || shown.Week.Stunners < report.Week.Stunners {
		t.Errorf("the monitor answers %s %v: %s", res.Status, err, body)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	recorded, reported := map[uint64]int64{}, map[uint64]int64{}
	var jobs []status.Job
	if err := json.Unmarshal([]byte(s.must("blocks", "list", "--state", "done", "--json")), &jobs); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		recorded[j.Block.Number] = j.ProvingMS
	}
	for _, r := range server.Requests() {
		var call struct {
			Number uint64 `json:"block_number"`
			MS     int64  `json:"proving_time"`
		}
		if strings.HasSuffix(r.Path, "/proved") && json.Unmarshal(r.Body, &call) == nil {
			reported[call.Number] = call.MS
		}
	}
	for number := range recorded {
		if _, sent := reported[number]; !sent { // the last may still wait
			t.Logf("block %d was not reported yet", number)
			delete(recorded, number)
		}
	}
	if diff := cmp.Diff(reported, recorded); diff != "" || len(reported) < 2 {
		t.Errorf("reported (-) and recorded (+) proving times differ:\n%s", diff)
	}
}

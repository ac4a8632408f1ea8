package e2e

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/proofline/proofline/host/bench"
	"github.com/proofline/proofline/host/simulate"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// simulated is a pipeline of real processes with a prover that only waits. Its time is a
// line over the gas, on average two thirds of the time between two blocks, so that blocks
// have to wait.
const simulated = `version: 1
name: simulated
data: ./data
output: ./output
log: {level: warning}
monitor: {listen: "LISTEN"}
select: {every: 1}
stages:
  - {name: source, plugin: source-devchain, config: {period: 2s, transactions: 12}}
  - {name: input, plugin: builder-ethrex, config: {format: g8, network: auto}}
  - name: prove
    plugin: prover-exec
    config:
      command: [sh, -c, 'sleep "$(awk -v gas="$1" "BEGIN {print 0.3 + 1.2*gas/1e6}")"; echo proof > "$2"', prove, "{fact:gas_used}", "{proof}"]
      proof: proof.txt
  - {name: ethproofs, plugin: reporter-ethproofs, config: {url: "", api_key: "", cluster_id: ""}}
`

// TestSimulateAgreesWithAPipeline runs 200 blocks through real processes. Then simulate
// learns from their history and runs the same gas in virtual time. The median and the 95th
// percentile of the latency differ by less than 5 %.
func TestSimulateAgreesWithAPipeline(t *testing.T) {
	if os.Getenv("PROOFLINE_SIMULATE_REAL") == "" {
		t.Skip("takes seven minutes; make test-simulate")
	}
	t.Parallel()
	s := newSite(t, simulated)
	p := s.start("run", "--blocks", "200")
	<-p.done
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, p.out, p.log)
	}
	var jobs []status.Job
	if err := json.Unmarshal([]byte(s.must("blocks", "list", "-n", "0", "--state", "done", "--json")), &jobs); err != nil {
		t.Fatal(err)
	}
	var latencies []float64
	for _, j := range jobs {
		for _, r := range j.Reports {
			if r.Kind == contract.EventProved && r.State == status.ReportSent {
				latencies = append(latencies, r.At.Sub(j.Block.Time).Seconds())
			}
		}
	}
	slices.Sort(latencies)
	var virtual simulate.Result
	text := s.must("simulate", "--json", "--blocks", "200", "--slot", "2s", "--model", "history", "--gas", "history", "pipeline.yaml")
	if err := json.Unmarshal([]byte(text), &virtual); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v, load %g, queue %+v", virtual.Model.Name, virtual.Latency, virtual.Load, virtual.Queue)
	if len(latencies) != 200 || virtual.Proved != 200 {
		t.Errorf("%d accepted, %d in virtual time", len(latencies), virtual.Proved)
	}
	for _, c := range []struct {
		name          string
		real, virtual float64
	}{
		{"half", bench.Quantile(latencies, 0.5), virtual.Latency.P50},
		{"95 of 100", bench.Quantile(latencies, 0.95), virtual.Latency.P95},
	} {
		off := 100 * (c.virtual/c.real - 1)
		t.Logf("%s: %.3f s in real processes, %.3f s in virtual time: %.1f %% off", c.name, c.real, c.virtual, off)
		if math.Abs(off) > 5 {
			t.Errorf("%s is %.1f %% off", c.name, off)
		}
	}
}

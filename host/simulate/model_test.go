package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/host/bench"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestMeasuredIsWhatWasMeasured: the built-in model and gas have the distribution of the
// 500 proofs from which they were made:
// eth-act/zkevm-benchmark-runs:data/proving/8x5090/mainnet-23533500-23533999,
// ethrex-33695e2, zisk-v0.16.1, at 9d6375e9.
func TestMeasuredIsWhatWasMeasured(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	var seconds, mgas []float64
	for i := range 20_000 {
		gas := Mainnet.gas(i, chance)
		mgas = append(mgas, float64(gas)/1e6)
		seconds = append(seconds, Measured.Time(gas, chance.Float64()).Seconds())
	}
	slices.Sort(seconds)
	for _, c := range []struct {
		name                  string
		got, recorded, within float64
	}{
		{"mean gas", bench.FiguresOf(mgas).Mean, 22.43, 0.02},
		{"mean", bench.FiguresOf(seconds).Mean, 17.07, 0.02},
		{"median", bench.Quantile(seconds, 0.5), 17.02, 0.02},
		{"95 of 100", bench.Quantile(seconds, 0.95), 25.82, 0.04},
		{"99 of 100", bench.Quantile(seconds, 0.99), 29.83, 0.05},
	} {
		if math.Abs(c.got/c.recorded-1) > c.within {
			t.Errorf("%s: %.2f, recorded %.2f", c.name, c.got, c.recorded)
		}
	}
	under12 := 0
	for _, s := range seconds {
		if s <= 12 {
			under12++
		}
	}
	if share := float64(under12) / float64(len(seconds)); math.Abs(share-0.122) > 0.03 {
		t.Errorf("%.3f within 12 s, recorded 0.122", share)
	}
}

// past returns the history of a pipeline whose proving times follow a known model.
func past(n int) (jobs []status.Job) {
	chance := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		at := genesis.Add(time.Duration(i) * MainnetSlot)
		gas := uint64(10e6 + chance.Float64()*20e6)
		work := time.Duration((2 + 0.5*float64(gas)/1e6 + chance.NormFloat64()) * float64(time.Second))
		taken := at.Add(1500 * time.Millisecond)
		fetched := taken.Add(400 * time.Millisecond)
		if i%10 == 0 {
			fetched = taken.Add(2 * time.Second)
		}
		built := fetched.Add(80 * time.Millisecond)
		done := built.Add(work + 15*time.Millisecond)
		jobs = append(jobs, status.Job{
			Block: contract.Block{Number: uint64(10_000 - i), GasUsed: gas, Time: at}, Origin: "selected", Created: taken,
			Stages: []status.JobStage{
				{Stage: "source", Kind: contract.KindSource, State: "done", Started: taken, Ended: fetched},
				{Stage: "input", Kind: contract.KindBuilder, State: "done", Started: fetched, Ended: built, WorkTime: 70 * time.Millisecond},
				{Stage: "prove", Kind: contract.KindProver, State: "done", Started: built, Ended: done, WorkTime: work, ProvingMS: work.Milliseconds() + 70},
				{Stage: "next", Kind: contract.KindProver, State: "done", Shadow: true, Started: done, Ended: done.Add(time.Second), WorkTime: time.Second, ProvingMS: 1000},
			},
			Reports: []status.Report{{Stage: "prove", Kind: contract.EventProved, State: status.ReportSent, At: done.Add(90 * time.Millisecond)}},
		})
	}
	return jobs
}

func TestLearn(t *testing.T) {
	l, err := Learn(past(2000), "", DefaultTimes)
	if err != nil {
		t.Fatal(err)
	}
	if l.Stage != "prove" || l.Proof != 2000 || math.Abs(l.Model.PerMgas-0.5) > 0.02 || math.Abs(l.Model.Base-2) > 0.4 {
		t.Errorf("%s", l.Model.Name)
	}
	// The residuals are those of a normal distribution of deviation 1.
	if low, high := l.Model.residuals.at(0.159), l.Model.residuals.at(0.841); low > -0.85 || low < -1.15 || high < 0.85 || high > 1.15 {
		t.Errorf("residuals from %g to %g", low, high)
	}
	for _, c := range []struct {
		name string
		got  Span
		want time.Duration
	}{
		{"arrival", l.Times.Arrival, 1500 * time.Millisecond}, {"build", l.Times.Build, 80 * time.Millisecond},
		{"verify", l.Times.Verify, 15 * time.Millisecond}, {"report", l.Times.Report, 90 * time.Millisecond},
	} {
		if c.got.Median != c.want {
			t.Errorf("%s takes %s", c.name, c.got.Median)
		}
	}
	// One of ten fetches takes 2 s, in the history and in the random times.
	slow, drawn := 0, Plan{Times: l.Times, Model: l.Model, Gas: l.Gas}
	for i := range 2000 {
		if drawn.singleStepTime(fetch, contract.Block{Hash: hashAt(i, 0)}) > time.Second {
			slow++
		}
	}
	if l.Times.Fetch.Median != 400*time.Millisecond || slow < 150 || slow > 250 {
		t.Errorf("a fetch takes %s, and %d of 2000 more than a second", l.Times.Fetch.Median, slow)
	}
	if first := past(2000)[1999].Block.GasUsed; len(l.Gas.blocks) != 2000 || l.Gas.blocks[0] != first {
		t.Error("the gas is not in the order of the chain")
	}
	// In a replay every block takes its recorded times, except for times that the command
	// line sets and for further attempts.
	replay := drawn
	replay.Replay = true
	for i, j := range past(2000) {
		block := contract.Block{Hash: hashAt(1999-i, 0), GasUsed: j.Block.GasUsed} // past counts downwards
		if got := replay.stepTime(proof, block, 1, 0.5); got != j.Stages[2].WorkTime {
			t.Fatalf("block %d takes %s, and took %s", i, got, j.Stages[2].WorkTime)
		}
		if got := replay.singleStepTime(fetch, block); got != j.Stages[0].Duration() {
			t.Fatalf("block %d is fetched in %s, and was in %s", i, got, j.Stages[0].Duration())
		}
		if got, want := replay.stepTime(proof, block, 2, 0.5), l.Model.Time(block.GasUsed, 0.5); got != want {
			t.Fatalf("the second attempt at block %d takes %s, by the model %s", i, got, want)
		}
	}
	replay.Times.Fetch = Constant(time.Minute)
	if got := replay.singleStepTime(fetch, contract.Block{}); got != time.Minute {
		t.Errorf("a fetch that was set takes %s", got)
	}
	// A block without transactions uses no gas, as its source reports. A block whose gas is
	// not known is ignored.
	jobs := past(60)
	for i := range 40 {
		jobs[i].Block.GasUsed = 0
	}
	for i := range 30 {
		jobs[i].Stages[0].Facts = map[string]string{contract.FactGasUsed: "0"}
	}
	if empty, err := Learn(jobs, "", DefaultTimes); err != nil || empty.Proof != 50 || slices.Min(empty.Gas.blocks) != 0 || len(empty.Gas.blocks) != 50 {
		t.Errorf("%d proofs, %d blocks, %v", empty.Proof, len(empty.Gas.blocks), err)
	}
	shadow, err := Learn(past(30), "next", DefaultTimes)
	if err != nil || shadow.Model.Time(20e6, 0.5) != time.Second {
		t.Errorf("%s, %v", shadow.Model.Name, err)
	}
	for _, none := range []func() (Learned, error){
		func() (Learned, error) { return Learn(past(minProofs-1), "", DefaultTimes) },
		func() (Learned, error) { return Learn(past(100), "nowhere", DefaultTimes) },
		func() (Learned, error) { return Learn(nil, "", DefaultTimes) },
	} {
		if l, err := none(); err == nil {
			t.Errorf("learned %s", l.Model.Name)
		}
	}
}

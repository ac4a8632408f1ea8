package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Learned is what a pipeline's own past says.
type Learned struct {
	Model Model
	Gas   Series
	Times Times
	Stage string // the proof stage
	Proof int    // how many proofs it is learned from
}

// minProofs is how many proofs a model is learned from at least.
const minProofs = 20

// Learn fits a model to the proofs of a stage, or of the first proof stage that is no
// shadow where that is empty: the least-squares line of the work time over the gas, of
// which the residuals are drawn again, as are the times of the other steps. Times that the
// past does not tell stay as they are in times.
func Learn(jobs []status.Job, stage string, times Times) (Learned, error) {
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b status.Job) int { return cmp.Compare(a.Block.Number, b.Block.Number) })
	l := Learned{Stage: stage, Times: times}
	var mgas, seconds []float64
	seen := map[step][]time.Duration{}
	for _, j := range jobs {
		if !gasKnown(j) {
			continue
		}
		took, stage := timesOf(j, l.Stage)
		l.Gas.used, l.Gas.own = append(l.Gas.used, j.Block.GasUsed), append(l.Gas.own, took)
		if took[proof] != unknown {
			l.Stage = stage
			mgas, seconds = append(mgas, float64(j.Block.GasUsed)/1e6), append(seconds, took[proof].Seconds())
		}
		for s, d := range took {
			if d != unknown {
				seen[step(s)] = append(seen[step(s)], d)
			}
		}
	}
	if l.Proof = len(seconds); l.Proof < minProofs {
		what := "any stage"
		if l.Stage != "" {
			what = "the stage " + l.Stage
		}
		return l, fmt.Errorf("the history holds %d proofs of %s with their gas; a model needs %d", l.Proof, what, minProofs)
	}
	l.Model = fit(mgas, seconds)
	l.Model.Name = fmt.Sprintf("%d proofs of %s: %.2f+%.3f/Mgas, with what blocks differ by", l.Proof, l.Stage, l.Model.Base, l.Model.PerMgas)
	l.Gas.Name = fmt.Sprintf("%d blocks of the history, over and over", len(l.Gas.used))
	for s, to := range map[step]*Span{arrival: &l.Times.Arrival, fetch: &l.Times.Fetch, build: &l.Times.Build, verify: &l.Times.Verify, report: &l.Times.Report} {
		if len(seen[s]) > 0 {
			*to = seenSpan(seen[s])
		}
	}
	return l, nil
}

// timesOf are the times of a job, and the stage whose proof is among them: the one that is
// named, or else the first that is no shadow.
func timesOf(j status.Job, of string) (took own, stage string) {
	for i := range took {
		took[i] = unknown
	}
	for _, s := range j.Stages {
		if s.State != "done" {
			continue
		}
		switch {
		case s.Kind == contract.KindSource && j.Origin == record.Selected:
			took[fetch] = s.Duration()
			if late := j.Created.Sub(j.Block.Time); !j.Block.Time.IsZero() && late < lateArrival {
				took[arrival] = max(late, 0)
			}
		case s.Kind == contract.KindBuilder:
			took[build] = s.Duration()
		case s.ProvingMS > 0 && took[proof] == unknown && (s.Stage == of || of == "" && !s.Shadow):
			stage = s.Stage
			took[proof] = cmp.Or(s.WorkTime, s.Duration())
			took[verify] = max(s.Duration()-took[proof], 0)
			for _, r := range j.Reports {
				if r.Kind == contract.EventProved && r.State == status.ReportSent && (r.Stage == s.Stage || r.Stage == "") {
					took[report] = max(r.At.Sub(s.Ended), 0)
				}
			}
		}
	}
	return took, stage
}

// gasKnown reports whether somebody has said how much gas the block used, which may be
// none.
func gasKnown(j status.Job) bool {
	return j.Block.GasUsed > 0 || slices.ContainsFunc(j.Stages, func(s status.JobStage) bool { return s.Facts[contract.FactGasUsed] != "" })
}

// lateArrival is after which a block was not taken in as it came, but after an outage.
const lateArrival = time.Minute

// fit is the least-squares line through the points, with its residuals.
func fit(mgas, seconds []float64) Model {
	n := float64(len(mgas))
	var sumX, sumY float64
	for i := range mgas {
		sumX, sumY = sumX+mgas[i], sumY+seconds[i]
	}
	meanX, meanY := sumX/n, sumY/n
	var above, below float64
	for i := range mgas {
		above += (mgas[i] - meanX) * (seconds[i] - meanY)
		below += (mgas[i] - meanX) * (mgas[i] - meanX)
	}
	m := Model{Floor: slices.Min(seconds)}
	if below > 0 {
		m.PerMgas = above / below
	}
	m.Base = meanY - m.PerMgas*meanX
	var residuals []float64
	for i := range mgas {
		residuals = append(residuals, seconds[i]-m.Base-m.PerMgas*mgas[i])
	}
	slices.Sort(residuals)
	m.residuals = sampled(residuals)
	return m
}

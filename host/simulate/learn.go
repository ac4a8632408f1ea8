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

// Learned is what the history of a pipeline says about its times.
type Learned struct {
	Model Model
	Gas   Series
	Times Times
	Stage string // the proof stage
	Proof int    // number of proofs in the history
}

// minProofs is the smallest number of proofs for a model.
const minProofs = 20

// Learn fits a model to the proofs of a stage. If stage is empty, it takes the first proof
// stage that is not a shadow. The model is the least-squares line of the work time over the
// gas with the residuals of the proofs. The times of the other steps are drawn from the
// recorded ones. Steps without recorded times have those of the argument times.
func Learn(jobs []status.Job, stage string, times Times) (Learned, error) {
	jobs = slices.Clone(jobs)
	slices.SortFunc(jobs, func(a, b status.Job) int { return cmp.Compare(a.Block.Number, b.Block.Number) })
	l := Learned{Stage: stage, Times: times}
	var mgas, seconds []float64
	samples := map[step][]time.Duration{}
	for _, j := range jobs {
		if !gasKnown(j) {
			continue
		}
		took, stage := timesOf(j, l.Stage)
		l.Gas.blocks, l.Gas.times = append(l.Gas.blocks, j.Block.GasUsed), append(l.Gas.times, took)
		if took[proof] != unknown {
			l.Stage = stage
			mgas, seconds = append(mgas, float64(j.Block.GasUsed)/1e6), append(seconds, took[proof].Seconds())
		}
		for s, d := range took {
			if d != unknown {
				samples[step(s)] = append(samples[step(s)], d)
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
	l.Model = fitModel(mgas, seconds)
	l.Model.Name = fmt.Sprintf("%d proofs of %s: %.2f+%.3f/Mgas, with what blocks differ by", l.Proof, l.Stage, l.Model.Base, l.Model.PerMgas)
	l.Gas.Name = fmt.Sprintf("%d blocks of the history, over and over", len(l.Gas.blocks))
	for s, to := range map[step]*Span{arrival: &l.Times.Arrival, fetch: &l.Times.Fetch, build: &l.Times.Build, verify: &l.Times.Verify, report: &l.Times.Report} {
		if len(samples[s]) > 0 {
			*to = spanOf(samples[s])
		}
	}
	return l, nil
}

// timesOf returns the times of a job and the stage of the proof among them. This is the
// stage with the name, or the first that is not a shadow if name is empty.
func timesOf(j status.Job, name string) (took pastTimes, stage string) {
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
		case s.ProvingMS > 0 && took[proof] == unknown && (s.Stage == name || name == "" && !s.Shadow):
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

// gasKnown reports whether the gas of a job's block is known. It may be known to be 0.
func gasKnown(j status.Job) bool {
	return j.Block.GasUsed > 0 || slices.ContainsFunc(j.Stages, func(s status.JobStage) bool { return s.Facts[contract.FactGasUsed] != "" })
}

// lateArrival is the delay from which on a block was probably taken after an outage.
const lateArrival = time.Minute

// fitModel returns the least-squares line through the points, with its residuals.
func fitModel(mgas, seconds []float64) Model {
	n := float64(len(mgas))
	var sumX, sumY float64
	for i := range mgas {
		sumX, sumY = sumX+mgas[i], sumY+seconds[i]
	}
	meanX, meanY := sumX/n, sumY/n
	var covariance, variance float64
	for i := range mgas {
		covariance += (mgas[i] - meanX) * (seconds[i] - meanY)
		variance += (mgas[i] - meanX) * (mgas[i] - meanX)
	}
	m := Model{Floor: slices.Min(seconds)}
	if variance > 0 {
		m.PerMgas = covariance / variance
	}
	m.Base = meanY - m.PerMgas*meanX
	var residuals []float64
	for i := range mgas {
		residuals = append(residuals, seconds[i]-m.Base-m.PerMgas*mgas[i])
	}
	slices.Sort(residuals)
	m.residuals = sampleDistribution(residuals)
	return m
}

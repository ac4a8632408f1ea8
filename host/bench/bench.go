// Package bench summarises how long blocks took in a pipeline: for each block and stage,
// and over all blocks. It measures only memory itself. The times are those that the host
// records for every attempt.
package bench

import (
	"cmp"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Report is a benchmark. Times are in milliseconds.
type Report struct {
	Pipeline string    `json:"pipeline"`
	Version  string    `json:"version"`
	Machine  string    `json:"machine"`
	Archive  string    `json:"archive"`
	Began    time.Time `json:"began"`
	TookMS   float64   `json:"took_ms"` // from the start of the first block to the end of the last one
	Blocks   []Block   `json:"blocks"`  // ordered by number
	Stages   []Summary `json:"stages"`  // in the order of the pipeline
	Total    Figures   `json:"total"`   // of the time from the start of a block to its end
	// Memory is the largest sampled memory in bytes, by stage for all its processes
	// together, and for the host.
	Memory map[string]int64 `json:"memory"`
}

// Block holds the times of one block.
type Block struct {
	Number  uint64  `json:"number"`
	Hash    string  `json:"hash"`
	State   string  `json:"state"`
	Gas     uint64  `json:"gas"`
	Txs     uint32  `json:"txs"`
	TotalMS float64 `json:"total_ms"`
	Stages  []Stage `json:"stages"`
	// ReportMS is the time from the end of the block's work until the last reporter has
	// delivered its event; 0 without such an event.
	ReportMS float64 `json:"report_ms"`
}

// Stage holds the times of one stage for a block.
type Stage struct {
	Name string `json:"name"`
	// WaitMS is the time from the end of the stages that it needs until it began.
	WaitMS float64 `json:"wait_ms"`
	RunMS  float64 `json:"run_ms"`  // duration of the last attempt
	WorkMS float64 `json:"work_ms"` // the part of RunMS that the plugin states as its work
	// HostMS is the other part of RunMS: starting the attempt, hashing and syncing its
	// files, and verifying.
	HostMS   float64 `json:"host_ms"`
	Attempts uint32  `json:"attempts"`
	start    time.Time
}

// Summary holds the figures of one stage over all blocks.
type Summary struct {
	Name string        `json:"name"`
	Kind contract.Kind `json:"kind"`
	Wait Figures       `json:"wait"`
	Run  Figures       `json:"run"`
	Work Figures       `json:"work"`
	Host Figures       `json:"host"`
}

// Figures summarise values in milliseconds. All are 0 without values.
type Figures struct {
	Count  int     `json:"count"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
}

// FiguresOf summarises values, which may be in any order. See Quantile for the quantiles.
func FiguresOf(values []float64) Figures {
	if len(values) == 0 {
		return Figures{}
	}
	values = slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return Figures{
		Count: len(values), Min: values[0], Median: Quantile(values, 0.5), P95: Quantile(values, 0.95), Max: values[len(values)-1], Mean: sum / float64(len(values)),
	}
}

// Quantile returns the quantile of ascending values by the nearest rank, which is always
// one of the values; 0 without values. share is between 0 and 1.
func Quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	i := int(share*float64(len(values))+0.999999) - 1
	return values[min(max(i, 0), len(values)-1)]
}

// Of summarises finished jobs. needs maps each stage to the stages that it needs.
func Of(jobs []status.Job, needs map[string][]string) Report {
	r := Report{Blocks: []Block{}, Stages: []Summary{}, Memory: map[string]int64{}}
	var total []float64
	var first, last time.Time
	byStage := map[string][]Stage{}
	var order []Summary
	for _, j := range jobs {
		b := blockOf(j, needs)
		r.Blocks = append(r.Blocks, b)
		if j.State != status.JobDone {
			continue
		}
		total = append(total, b.TotalMS)
		for _, s := range b.Stages {
			if first.IsZero() || s.start.Before(first) {
				first = s.start
			}
			byStage[s.Name] = append(byStage[s.Name], s)
		}
		if j.Finished.After(last) {
			last = j.Finished
		}
		for _, s := range j.Stages {
			if !slices.ContainsFunc(order, func(known Summary) bool { return known.Name == s.Stage }) {
				order = append(order, Summary{Name: s.Stage, Kind: s.Kind})
			}
		}
	}
	if !first.IsZero() {
		r.Began, r.TookMS = first, ms(last.Sub(first))
	}
	for _, s := range order {
		pick := func(value func(Stage) float64) Figures {
			var values []float64
			for _, at := range byStage[s.Name] {
				values = append(values, value(at))
			}
			return FiguresOf(values)
		}
		s.Wait, s.Run = pick(func(s Stage) float64 { return s.WaitMS }), pick(func(s Stage) float64 { return s.RunMS })
		s.Work, s.Host = pick(func(s Stage) float64 { return s.WorkMS }), pick(func(s Stage) float64 { return s.HostMS })
		r.Stages = append(r.Stages, s)
	}
	r.Total = FiguresOf(total)
	slices.SortFunc(r.Blocks, func(a, b Block) int { return cmp.Compare(a.Number, b.Number) })
	return r
}

// blockOf returns the times of one job.
func blockOf(j status.Job, needs map[string][]string) Block {
	b := Block{Number: j.Block.Number, Hash: j.Block.Hash.String(), State: string(j.State), Gas: j.Block.GasUsed, Txs: j.Block.TxCount, Stages: []Stage{}}
	ended := map[string]time.Time{}
	for _, s := range j.Stages {
		ended[s.Stage] = s.Ended
	}
	var begun time.Time
	for _, s := range j.Stages {
		if s.State != "done" {
			continue
		}
		ready := j.Created
		for _, n := range needs[s.Stage] {
			if ended[n].After(ready) {
				ready = ended[n]
			}
		}
		run := s.Duration()
		work := min(s.WorkTime, run)
		if work == 0 {
			work = run
		}
		b.Stages = append(b.Stages, Stage{Name: s.Stage, WaitMS: max(0, ms(s.Started.Sub(ready))), RunMS: ms(run), WorkMS: ms(work), HostMS: ms(run - work), Attempts: s.Attempt, start: s.Started})
		if begun.IsZero() || s.Started.Before(begun) {
			begun = s.Started
		}
	}
	if !begun.IsZero() && !j.Finished.IsZero() {
		b.TotalMS = ms(j.Finished.Sub(begun))
	}
	for _, report := range j.Reports {
		if report.State == "sent" && report.At.After(j.Finished) {
			b.ReportMS = max(b.ReportMS, ms(report.At.Sub(j.Finished)))
		}
	}
	return b
}

// ms returns a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

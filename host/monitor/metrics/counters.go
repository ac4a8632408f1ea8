package metrics

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// endpointNameLimit is the largest number of values of a label that come from plugins. All
// further values become "other".
const endpointNameLimit = 32

// Upper bounds of the histograms' buckets.
var (
	seconds = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600}
	bytes   = []float64{1e3, 1e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 2.5e8, 5e8, 1e9}
	cycles  = []float64{1e6, 1e7, 5e7, 1e8, 2e8, 3e8, 5e8, 7.5e8, 1e9, 1.5e9, 2e9, 4e9, 1e10}
	commits = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10}
)

// eventCounters counts the events of a model.
type eventCounters struct {
	blocks     *prometheus.CounterVec
	stages     *prometheus.HistogramVec
	proving    *prometheus.HistogramVec
	cycles     *prometheus.HistogramVec
	attempts   *prometheus.HistogramVec
	acceptance prometheus.Histogram
	artifacts  *prometheus.HistogramVec
	fetches    *prometheus.CounterVec
	commits    prometheus.Histogram

	mu    sync.Mutex
	names map[string]bool // the names of endpoints so far
}

var _ live.Observer = (*eventCounters)(nil)

// histogram returns the options of a histogram with classic buckets and, for scrapers that
// accept them, native ones.
func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: "proofline_" + name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}
}

func newEventCounters() *eventCounters {
	return &eventCounters{
		blocks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "proofline_blocks_total", Help: "Blocks that have come to an outcome; stage is where one failed, else empty.",
		}, []string{"outcome", "stage"}),
		stages:     prometheus.NewHistogramVec(histogram("stage_duration_seconds", "Time of the attempt in which the stage has done its work for a block.", seconds), []string{"stage"}),
		proving:    prometheus.NewHistogramVec(histogram("proving_time_seconds", "Proving time of a block as it is reported: the builder's work and the tool's own figure.", seconds), []string{"stage"}),
		cycles:     prometheus.NewHistogramVec(histogram("proving_cycles", "Steps that the guest program executed, as the prover tells them.", cycles), []string{"stage"}),
		attempts:   prometheus.NewHistogramVec(histogram("block_attempts", "Attempts of the stage that took most of them, of a block that has come to an outcome.", []float64{1, 2, 3, 5, 10, 20}), []string{"outcome"}),
		acceptance: prometheus.NewHistogram(histogram("block_acceptance_seconds", "Time from a block's timestamp until a reporter's other side has accepted its proof.", seconds)),
		artifacts:  prometheus.NewHistogramVec(histogram("artifact_size_bytes", "Size of what stages make of a block.", bytes), []string{"artifact"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "proofline_endpoint_answers_total", Help: "Blocks and witnesses that an execution client has given.",
		}, []string{"stage", "endpoint", "artifact"}),
		commits: prometheus.NewHistogram(histogram("checkpoint_commit_duration_seconds", "Time of a transaction of the checkpoint, waiting for the one before included.", commits)),
		names:   map[string]bool{},
	}
}

func (c *eventCounters) register(r prometheus.Registerer) {
	r.MustRegister(c.blocks, c.stages, c.proving, c.cycles, c.attempts, c.acceptance, c.artifacts, c.fetches, c.commits)
	for _, outcome := range []string{live.Accepted, live.Late, live.Done, live.Failed, live.Rejected, live.Skipped} {
		c.blocks.WithLabelValues(outcome, "") // a series from 0 on, so that the first block is an increase
	}
}

// artifacts are the values of the label artifact by the name of the artifact.
var artifacts = map[string]string{contract.ArtifactBlock: "block", contract.ArtifactWitness: "witness", contract.ArtifactInput: "input"}

// endpointFacts are the facts of a source with the endpoint that returned an artifact
// (plugins/internal/ethnode, Facts of a fetch).
var endpointFacts = map[string]string{"block_endpoint": "block", "witness_endpoint": "witness"}

// StageDone implements live.Observer.
func (c *eventCounters) StageDone(_ status.Job, s status.JobStage) {
	c.blocks.WithLabelValues(live.Failed, s.Stage) // a series from 0 on, so that the first failure is an increase
	c.stages.WithLabelValues(s.Stage).Observe(max(0, s.Duration().Seconds()))
	if s.ProvingMS > 0 {
		c.proving.WithLabelValues(s.Stage).Observe(float64(s.ProvingMS) / 1000)
	}
	if n, err := strconv.ParseUint(s.Facts[contract.FactCycles], 10, 64); err == nil && s.Kind == contract.KindProver {
		c.cycles.WithLabelValues(s.Stage).Observe(float64(n))
	}
	for _, a := range s.Outputs {
		name := artifacts[a.Name]
		if a.Role == contract.RoleProof {
			name = "proof"
		}
		if name != "" {
			c.artifacts.WithLabelValues(name).Observe(float64(a.Size))
		}
	}
	for fact, artifact := range endpointFacts {
		if endpoint := s.Facts[fact]; endpoint != "" && s.Kind == contract.KindSource {
			c.fetches.WithLabelValues(s.Stage, c.limitName(endpoint), artifact).Inc()
		}
	}
}

// Settled implements live.Observer.
func (c *eventCounters) Settled(j status.Job, t live.Target) {
	stage := ""
	if t.Outcome == live.Failed {
		stage = j.Stage
	}
	c.blocks.WithLabelValues(t.Outcome, stage).Inc()
	c.attempts.WithLabelValues(t.Outcome).Observe(float64(t.Attempts))
	if t.Outcome == live.Accepted || t.Outcome == live.Late {
		c.acceptance.Observe(float64(t.TotalMS) / 1000)
	}
}

// Committed implements live.Observer.
func (c *eventCounters) Committed(took time.Duration) { c.commits.Observe(took.Seconds()) }

// limitName returns the name if it is among the first endpointNameLimit ones, and "other"
// if not.
func (c *eventCounters) limitName(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.names[name] && len(c.names) == endpointNameLimit {
		return "other"
	}
	c.names[name] = true
	return name
}

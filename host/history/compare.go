package history

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Prover identifies one side of a comparison.
type Prover struct {
	Stage       string
	Fingerprint string // prefix of the fingerprint of the stage's work; empty for any
}

// ParseProver parses "STAGE" or "STAGE@FINGERPRINT".
func ParseProver(text string) Prover {
	stage, fingerprint, _ := strings.Cut(text, "@")
	return Prover{Stage: stage, Fingerprint: fingerprint}
}

func (p Prover) String() string {
	if p.Fingerprint == "" {
		return p.Stage
	}
	return p.Stage + "@" + p.Fingerprint
}

// Side is the result of one prover in a comparison. Times are proving times as they are
// reported.
type Side struct {
	Prover   string `json:"prover"`
	Proofs   int    `json:"proofs"`
	Failures int    `json:"failures"`
	// Proofless counts the blocks that the stage has done without making a proof.
	Proofless int           `json:"proofless,omitempty"`
	Median    time.Duration `json:"median_ns"`
	P95       time.Duration `json:"p95_ns"`
	// Cycles and ProofBytes are medians; zero when the prover does not state them.
	Cycles     uint64 `json:"cycles,omitempty"`
	ProofBytes int64  `json:"proof_bytes,omitempty"`
	// PerMgas is the slope of the least-squares line of proving time over gas, per
	// million gas; zero for fewer than three proofs.
	PerMgas time.Duration `json:"per_mgas_ns,omitempty"`
}

// Comparison is the result of comparing two provers.
type Comparison struct {
	A Side `json:"a"`
	B Side `json:"b"`
	// Pairs is the number of blocks that both have proved. The ratios are those of B's
	// time to A's for the same block, or those of the medians when there are no pairs.
	Pairs       int     `json:"pairs"`
	MedianRatio float64 `json:"median_ratio,omitempty"`
	P95Ratio    float64 `json:"p95_ratio,omitempty"`
	Blocks      []Pair  `json:"blocks"`
	Verdict     string  `json:"verdict"`
}

// Pair is one block that both have proved.
type Pair struct {
	Number  uint64        `json:"number"`
	GasUsed uint64        `json:"gas_used"`
	A       time.Duration `json:"a_ns"`
	B       time.Duration `json:"b_ns"`
}

// Compare compares two provers by their work in the given jobs.
func Compare(jobs []status.Job, a, b Prover) Comparison {
	var c Comparison
	c.Blocks = []Pair{}
	var samplesA, samplesB samples
	for _, j := range jobs {
		timeA, provedA := samplesA.add(j, a)
		timeB, provedB := samplesB.add(j, b)
		if provedA && provedB && a.Stage != b.Stage {
			c.Blocks = append(c.Blocks, Pair{Number: j.Block.Number, GasUsed: j.Block.GasUsed, A: timeA, B: timeB})
		}
	}
	c.A, c.B = samplesA.side(a), samplesB.side(b)
	c.Pairs = len(c.Blocks)
	var ratios []float64
	for _, p := range c.Blocks {
		ratios = append(ratios, float64(p.B)/float64(p.A))
	}
	c.MedianRatio, c.P95Ratio = quantile(ratios, 0.5), quantile(ratios, 0.95)
	if c.Pairs == 0 && c.A.Median > 0 && c.B.Median > 0 {
		c.MedianRatio, c.P95Ratio = float64(c.B.Median)/float64(c.A.Median), float64(c.B.P95)/float64(c.A.P95)
	}
	c.Verdict = c.verdict()
	return c
}

// verdict returns the result in one sentence, with the number of blocks it is based on.
func (c Comparison) verdict() string {
	for _, side := range []Side{c.A, c.B} {
		if side.Proofs == 0 && side.Proofless > 0 {
			return fmt.Sprintf("nothing to compare: %s makes no proof, it has done %d blocks without one", side.Prover, side.Proofless)
		}
	}
	switch {
	case c.A.Proofs == 0 || c.B.Proofs == 0:
		return fmt.Sprintf("nothing to compare yet: %s has %d proofs, %s has %d", c.A.Prover, c.A.Proofs, c.B.Prover, c.B.Proofs)
	case c.MedianRatio == 0:
		return "nothing to compare"
	}
	ratio := fmt.Sprintf("%s takes %.2f × the time of %s", c.B.Prover, c.MedianRatio, c.A.Prover)
	basis := fmt.Sprintf("median of %d blocks that both have proved", c.Pairs)
	if c.Pairs == 0 {
		basis = fmt.Sprintf("medians of %d and %d proofs of different blocks", c.A.Proofs, c.B.Proofs)
	}
	failures := "neither has failed"
	if c.A.Failures+c.B.Failures > 0 {
		failures = fmt.Sprintf("%s failed %d times, %s %d times", c.A.Prover, c.A.Failures, c.B.Prover, c.B.Failures)
	}
	few := ""
	if n := max(c.Pairs, min(c.A.Proofs, c.B.Proofs)); n < 20 {
		few = "; that is few"
	}
	return fmt.Sprintf("%s (%s%s); %s", ratio, basis, few, failures)
}

// samples are the figures of one prover. times and gas have one entry for each proof.
type samples struct {
	times     []float64 // nanoseconds
	gas       []float64 // million gas
	cycles    []float64
	bytes     []float64
	failures  int
	proofless int // blocks that were done without a proof
}

// add adds the work of the prover on a job. It returns the proving time, and whether the
// prover has made a proof.
func (s *samples) add(j status.Job, p Prover) (took time.Duration, proved bool) {
	for _, r := range j.Stages {
		if r.Stage != p.Stage || !strings.HasPrefix(r.Fingerprint, p.Fingerprint) {
			continue
		}
		switch r.State {
		case string(record.StageFailed):
			s.failures++
		case string(record.StageDone):
			if r.ProvingMS == 0 {
				s.proofless++
				return 0, false
			}
			took = time.Duration(r.ProvingMS) * time.Millisecond
			s.times = append(s.times, float64(took))
			s.gas = append(s.gas, float64(j.Block.GasUsed)/1e6)
			if cycles, err := strconv.ParseFloat(r.Facts[contract.FactCycles], 64); err == nil {
				s.cycles = append(s.cycles, cycles)
			}
			for _, a := range r.Outputs {
				if a.Role == contract.RoleProof {
					s.bytes = append(s.bytes, float64(a.Size))
				}
			}
			return took, true
		}
	}
	return 0, false
}

// side returns the result of the prover.
func (s *samples) side(p Prover) Side {
	return Side{
		Prover: p.String(), Proofs: len(s.times), Failures: s.failures, Proofless: s.proofless, PerMgas: time.Duration(slope(s.gas, s.times)),
		Median: time.Duration(quantile(s.times, 0.5)), P95: time.Duration(quantile(s.times, 0.95)),
		Cycles: uint64(quantile(s.cycles, 0.5)), ProofBytes: int64(quantile(s.bytes, 0.5)),
	}
}

// quantile returns the q-quantile of values by the nearest rank; 0 without values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// slope returns the slope of the least-squares line; 0 for fewer than three points and
// for points with the same x.
func slope(x, y []float64) float64 {
	n := float64(len(x))
	if n < 3 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

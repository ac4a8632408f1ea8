package simulate

import (
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Times are those of the steps beside the proof.
type Times struct {
	Arrival Span `json:"arrival_ns"` // from the timestamp of a block until the node has it
	Fetch   Span `json:"fetch_ns"`   // block and witness
	Build   Span `json:"build_ns"`   // the guest input; counts as proving time
	Verify  Span `json:"verify_ns"`  // of the slot's time, beside the proof
	Report  Span `json:"report_ns"`  // from the proof's record until it is accepted
}

// DefaultTimes are those of a node beside the prover: ethrex answers for a witness in 242 ms
// on average (lambdaclass/ethrex:docs/l2/fundamentals/execution_witness_measurements.md) and
// ZisK's proofs verify in 10 ms (see Measured). When a block arrives in its slot, how long an
// input is built and a report takes are guesses: a history tells them of a pipeline.
var DefaultTimes = Times{
	Arrival: Always(2 * time.Second), Fetch: Always(242 * time.Millisecond), Build: Always(50 * time.Millisecond),
	Verify: Always(10 * time.Millisecond), Report: Always(300 * time.Millisecond),
}

// Span is how long a step takes. Its JSON form is the middle in nanoseconds.
type Span struct {
	Middle time.Duration // half of all take no longer
	seen   distribution  // in seconds; empty for one that is always the same
}

// Always is the time of a step that always takes as long.
func Always(d time.Duration) Span { return Span{Middle: d} }

// seenSpan is drawn from times that were seen, of which there is one at least.
func seenSpan(times []time.Duration) Span {
	times = slices.Sorted(slices.Values(times))
	seconds := make([]float64, len(times))
	for i, d := range times {
		seconds[i] = d.Seconds()
	}
	return Span{times[len(times)/2], sampled(seconds)}
}

func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.Middle) }

func (s *Span) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &s.Middle) }

// of is how long the step takes for a block: the same whenever it is asked.
func (s Span) of(block contract.Block, step string, seed uint64) time.Duration {
	if len(s.seen.share) == 0 {
		return s.Middle
	}
	return time.Duration(s.seen.at(chanceOf(block, step, seed).Float64()) * float64(time.Second))
}

// chanceOf is the chance of a step of a block, which does not depend on the order in which
// anything happens.
func chanceOf(block contract.Block, step string, seed uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write(block.Hash[:])
	h.Write([]byte(step))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

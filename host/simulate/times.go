package simulate

import (
	"encoding/binary"
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
	Build   Span `json:"build_ns"`   // the guest input; all of it counts as proving time
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

// step is one of the steps of a block.
type step int

// The steps.
const (
	arrival step = iota
	fetch
	build
	proof
	verify
	report
	steps
)

// own are the times that one block of the past took, unknown where nobody has recorded it.
type own [steps]time.Duration

const unknown = -1

// takes is how long a step takes for a block; chance is from 0 to 1. A block of the past
// that is replayed takes its own time, for the first attempt at its proof.
func (p Plan) takes(s step, block contract.Block, attempt uint32, chance float64) time.Duration {
	span := [steps]Span{arrival: p.Times.Arrival, fetch: p.Times.Fetch, build: p.Times.Build, verify: p.Times.Verify, report: p.Times.Report}[s]
	learned := len(span.seen.share) > 0 || s == proof
	if past := p.Gas.own; p.Replay && len(past) > 0 && attempt <= 1 && learned {
		if took := past[slotOf(block)%len(past)][s]; took != unknown {
			return took
		}
	}
	switch {
	case s == proof:
		return p.Model.Time(block.GasUsed, chance)
	case learned:
		return time.Duration(span.seen.at(chance) * float64(time.Second))
	}
	return span.Middle
}

// takesOnce is takes for a step that has no attempts: the same whenever it is asked.
func (p Plan) takesOnce(s step, block contract.Block) time.Duration {
	return p.takes(s, block, 1, p.chanceOf(s, block, 1).Float64())
}

// chanceOf is the chance of a step of a block, which does not depend on the order in which
// anything happens.
func (p Plan) chanceOf(s step, block contract.Block, attempt uint32) *rand.Rand {
	h := fnv.New64a()
	h.Write(block.Hash[:])
	h.Write([]byte{byte(s), byte(attempt), byte(attempt >> 8)})
	return rand.New(rand.NewPCG(p.Seed, h.Sum64()))
}

// hashAt is the hash of a block, which tells its slot, and slotOf reads it.
func hashAt(slot int, number uint64) (h contract.Hash) {
	binary.BigEndian.PutUint64(h[:], uint64(slot)<<32|number&0xffffffff)
	return h
}

func slotOf(block contract.Block) int { return int(binary.BigEndian.Uint32(block.Hash[:])) }

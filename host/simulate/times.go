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

// Times are the times of the steps other than the proof.
type Times struct {
	Arrival Span `json:"arrival_ns"` // from the timestamp of a block until the node has it
	Fetch   Span `json:"fetch_ns"`   // block and witness
	Build   Span `json:"build_ns"`   // the guest input; all of it counts as proving time
	Verify  Span `json:"verify_ns"`  // occupies the slot after the proof
	Report  Span `json:"report_ns"`  // from the record of the proof until it is accepted
}

// DefaultTimes are the times with a node on the prover's machine. ethrex returns a witness
// in 242 ms on average
// (lambdaclass/ethrex:docs/l2/fundamentals/execution_witness_measurements.md), and ZisK's
// proofs verify in 10 ms (see Measured). The times of Arrival, Build and Report are guesses.
// Learn takes all of them from the history of a pipeline.
var DefaultTimes = Times{
	Arrival: Constant(2 * time.Second), Fetch: Constant(242 * time.Millisecond), Build: Constant(50 * time.Millisecond),
	Verify: Constant(10 * time.Millisecond), Report: Constant(300 * time.Millisecond),
}

// Span is how long a step takes. Its JSON form is the median in nanoseconds.
type Span struct {
	Median  time.Duration
	samples distribution // in seconds; empty for a constant time
}

// Constant returns the span of a step that always takes the same time.
func Constant(d time.Duration) Span { return Span{Median: d} }

// spanOf returns a span that is drawn at random from measured times. There must be at
// least one.
func spanOf(times []time.Duration) Span {
	times = slices.Sorted(slices.Values(times))
	seconds := make([]float64, len(times))
	for i, d := range times {
		seconds[i] = d.Seconds()
	}
	return Span{times[len(times)/2], sampleDistribution(seconds)}
}

func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.Median) }

func (s *Span) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &s.Median) }

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

// pastTimes are the times of the steps of one block of the past. A time that was not
// recorded is unknown.
type pastTimes [steps]time.Duration

const unknown = -1

// stepTime returns how long a step takes for a block. chance is a random number from 0 to
// 1. With Replay, a block of the past takes its recorded time. For the proof this holds
// for the first attempt only.
func (p Plan) stepTime(s step, block contract.Block, attempt uint32, chance float64) time.Duration {
	span := [steps]Span{arrival: p.Times.Arrival, fetch: p.Times.Fetch, build: p.Times.Build, verify: p.Times.Verify, report: p.Times.Report}[s]
	learned := len(span.samples.shares) > 0 || s == proof
	if past := p.Gas.times; p.Replay && len(past) > 0 && attempt <= 1 && learned {
		if took := past[slotOf(block)%len(past)][s]; took != unknown {
			return took
		}
	}
	switch {
	case s == proof:
		return p.Model.Time(block.GasUsed, chance)
	case learned:
		return time.Duration(span.samples.at(chance) * float64(time.Second))
	}
	return span.Median
}

// singleStepTime is stepTime for a step without attempts. It always returns the same time
// for a block.
func (p Plan) singleStepTime(s step, block contract.Block) time.Duration {
	return p.stepTime(s, block, 1, p.randFor(s, block, 1).Float64())
}

// randFor returns the random numbers for a step of a block. They do not depend on the
// order of events.
func (p Plan) randFor(s step, block contract.Block, attempt uint32) *rand.Rand {
	h := fnv.New64a()
	h.Write(block.Hash[:])
	h.Write([]byte{byte(s), byte(attempt), byte(attempt >> 8)})
	return rand.New(rand.NewPCG(p.Seed, h.Sum64()))
}

// hashAt returns the hash of the block in a slot. It contains the slot, for slotOf.
func hashAt(slot int, number uint64) (h contract.Hash) {
	binary.BigEndian.PutUint64(h[:], uint64(slot)<<32|number&0xffffffff)
	return h
}

// slotOf returns the slot of a block from its hash.
func slotOf(block contract.Block) int { return int(binary.BigEndian.Uint32(block.Hash[:])) }

package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/selection"
)

// Plan is the input of a simulation.
type Plan struct {
	Blocks    int // number of blocks of the chain, whether they are targets or not
	SlotTime  time.Duration
	Seed      uint64
	Selection selection.Selection // selects the targets; its first and last number are ignored
	GPUs      int
	// GPUsPerProof is the number of GPUs that make one proof together. They are one slot
	// of the prover, and Model is the time of one slot.
	GPUsPerProof int
	Model        Model
	Gas          Series
	// Replay makes the blocks of a learned Series take their recorded times, in their
	// order, instead of random ones.
	Replay   bool
	Times    Times
	Retries  int // retry.max of the prover
	Backoff  time.Duration
	Timeout  time.Duration // of one attempt; 0 for none
	Failures float64       // share of the prover's attempts that fail, from 0 to 1
	Reorgs   float64       // replaced blocks in a day
	Outages  []Outage
	Prices   Prices
}

// Prices are the prices and the power of GPUs. All prices are in one currency.
type Prices struct {
	GPUHour   float64 `json:"gpu_hour"`   // price of an hour of one GPU, working or not
	KWh       float64 `json:"kwh"`        // price of a kilowatt hour
	Watts     float64 `json:"watts"`      // power of one GPU that proves
	IdleWatts float64 `json:"idle_watts"` // power of one GPU that does not prove
}

// MainnetSlot is the time between two blocks of mainnet.
const MainnetSlot = 12 * time.Second

// Bounds of a plan.
const (
	maxBlocks = 400_000
	maxGPUs   = 4096
	minSlot   = 100 * time.Millisecond
)

// Slots returns the number of proofs that are made at a time.
func (p Plan) Slots() int { return p.GPUs / p.GPUsPerProof }

// validate returns an error if the plan is not valid.
func (p Plan) validate() error {
	switch {
	case p.Blocks < 1 || p.Blocks > maxBlocks:
		return fmt.Errorf("%d blocks: it must be 1 to %d", p.Blocks, maxBlocks)
	case p.SlotTime < minSlot || p.SlotTime > time.Hour:
		return fmt.Errorf("a slot of %s: it must be %s to an hour", p.SlotTime, minSlot)
	case p.GPUs < 1 || p.GPUs > maxGPUs:
		return fmt.Errorf("%d GPUs: it must be 1 to %d", p.GPUs, maxGPUs)
	case p.GPUsPerProof < 1 || p.GPUs%p.GPUsPerProof != 0:
		return fmt.Errorf("%d GPUs cannot be divided into sets of %d", p.GPUs, p.GPUsPerProof)
	case p.Selection.Targets.Every < 1:
		return fmt.Errorf("the selection follows no blocks: give every=1, 10 or 100")
	case p.Failures < 0 || p.Failures > 1:
		return fmt.Errorf("a share of failures of %g", p.Failures)
	case p.Reorgs < 0 || p.Reorgs > 7200:
		return fmt.Errorf("%g reorgs in a day: there are 7200 blocks", p.Reorgs)
	}
	return nil
}

// Part is a part of the pipeline that can have an outage.
type Part string

// The parts.
const (
	Machine Part = "machine" // the host and all that it runs; it recovers from its checkpoint
	GPUs    Part = "gpus"    // attempts of the prover fail with an error of class environment
	Node    Part = "node"    // polls and fetches fail
)

// Outage is a time in which a part does not work.
type Outage struct {
	Part Part          `json:"part"`
	At   time.Duration `json:"at_ns"` // since the first block
	For  time.Duration `json:"for_ns"`
}

// ParseOutage parses "10m@14:00", or "10m@14:00=node" with a part. The time counts from
// midnight of the first day, so that 38:00 is 14:00 on the second day.
func ParseOutage(text string) (Outage, error) {
	wrong := fmt.Errorf(`%q is no outage; write it as 10m@14:00, or 10m@14:00=node (machine, gpus or node)`, text)
	span, rest, ok := strings.Cut(text, "@")
	at, part, named := strings.Cut(rest, "=")
	hours, minutes, timed := strings.Cut(at, ":")
	length, err := time.ParseDuration(span)
	if !ok || !timed || err != nil || length <= 0 {
		return Outage{}, wrong
	}
	h, err := strconv.ParseUint(hours, 10, 16)
	if err != nil {
		return Outage{}, wrong
	}
	m, err := strconv.ParseUint(minutes, 10, 16)
	if err != nil || m > 59 {
		return Outage{}, wrong
	}
	o := Outage{Part: Machine, At: time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, For: length}
	if named {
		o.Part = Part(part)
	}
	if o.Part != Machine && o.Part != GPUs && o.Part != Node {
		return Outage{}, wrong
	}
	return o, nil
}

// ParseReorgs parses "1/day", "0.5/day", "2/hour" or "1/week" and returns the number in a
// day.
func ParseReorgs(text string) (float64, error) {
	number, per, _ := strings.Cut(text, "/")
	days := map[string]float64{"day": 1, "": 1, "hour": 1.0 / 24, "week": 7}[per]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || days == 0 || !(n >= 0) || n > 1e6 {
		return 0, fmt.Errorf(`%q is no rate of reorgs; write it as 1/day, 2/hour or 1/week`, text)
	}
	return n / days, nil
}

// ParseShare parses "0.5%" or "0.005".
func ParseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf(`%q is no share; write it as 0.5%%`, text)
	}
	return v, nil
}

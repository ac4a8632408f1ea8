package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/selection"
)

// Plan is what is simulated.
type Plan struct {
	Blocks    int // of the chain; targets or not
	SlotTime  time.Duration
	Seed      uint64
	Selection selection.Selection // of its targets, bounds do not count
	GPUs      int
	// GPUsPerProof is how many of them make one proof together: so many are one slot of
	// the prover, and Model is the time of one slot.
	GPUsPerProof int
	Model        Model
	Gas          Series
	// Replay has the blocks of a learned Series take the times that they took, in their
	// order, instead of ones that are drawn by chance.
	Replay   bool
	Times    Times
	Retries  int // of the prover, as retry.max
	Backoff  time.Duration
	Timeout  time.Duration // of one attempt; 0 for none
	Failures float64       // the share of the prover's attempts that fail
	Reorgs   float64       // blocks that are replaced, in a day
	Outages  []Outage
	Prices   Prices
}

// Prices are what GPUs cost. Currency is whatever they are given in.
type Prices struct {
	GPUHour   float64 `json:"gpu_hour"`   // of one GPU, working or not
	KWh       float64 `json:"kwh"`        // of a kilowatt hour
	Watts     float64 `json:"watts"`      // of one GPU that proves
	IdleWatts float64 `json:"idle_watts"` // of one that does not
}

// MainnetSlot is the time between two blocks of mainnet.
const MainnetSlot = 12 * time.Second

// Bounds of a plan.
const (
	maxBlocks = 400_000
	maxGPUs   = 4096
	minSlot   = 100 * time.Millisecond
)

// Slots is how many proofs are made at a time.
func (p Plan) Slots() int { return p.GPUs / p.GPUsPerProof }

// check returns what is wrong with the plan.
func (p Plan) check() error {
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

// Part is what an outage takes away.
type Part string

// The parts.
const (
	Machine Part = "machine" // the host with all that it runs; it recovers from its checkpoint
	GPUs    Part = "gpus"    // the prover's environment
	Node    Part = "node"    // polls and fetches
)

// Outage is a time in which a part is away.
type Outage struct {
	Part Part          `json:"part"`
	At   time.Duration `json:"at_ns"` // from the beginning
	For  time.Duration `json:"for_ns"`
}

// ParseOutage reads "10m@14:00", after which a part may follow: "10m@14:00=node". The time
// counts from midnight of the first day, so that 38:00 is 14:00 on the second.
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

// ParseReorgs reads "1/day", "0.5/day", "2/hour" or "1/week" as a number in a day.
func ParseReorgs(text string) (float64, error) {
	number, per, _ := strings.Cut(text, "/")
	days := map[string]float64{"day": 1, "": 1, "hour": 1.0 / 24, "week": 7}[per]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || days == 0 || !(n >= 0) || n > 1e6 {
		return 0, fmt.Errorf(`%q is no rate of reorgs; write it as 1/day, 2/hour or 1/week`, text)
	}
	return n / days, nil
}

// ParseShare reads "0.5%" or "0.005".
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

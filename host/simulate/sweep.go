package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// Sweep varies one number of a plan.
type Sweep struct {
	Vary   string   `json:"vary"` // "gpus" or "every"
	Values []uint64 `json:"values"`
}

// maxPoints is the largest number of values of a sweep.
const maxPoints = 64

// ParseSweep parses "gpus=1..16", "gpus=8..64/8" for steps of 8, "gpus=1,2,4,8", or the
// same with every.
func ParseSweep(text string) (Sweep, error) {
	wrong := fmt.Errorf(`%q is no sweep; write it as gpus=1..16, gpus=8..64/8 or every=1,2,5,10, with %d values at most`, text, maxPoints)
	name, list, _ := strings.Cut(text, "=")
	s := Sweep{Vary: name}
	if name != "gpus" && name != "every" {
		return s, wrong
	}
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "..")
		step := "1"
		if isRange {
			if before, after, stepped := strings.Cut(last, "/"); stepped {
				last, step = before, after
			}
		} else {
			last = first
		}
		var bounds [3]uint64
		for i, number := range []string{first, last, step} {
			n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
			if err != nil || n == 0 {
				return s, wrong
			}
			bounds[i] = n
		}
		if bounds[0] > bounds[1] {
			return s, wrong
		}
		for n := bounds[0]; n <= bounds[1]; n += bounds[2] {
			if s.Values = append(s.Values, n); len(s.Values) > maxPoints {
				return s, wrong
			}
		}
	}
	return s, nil
}

// plans returns a plan for each value. It skips numbers of GPUs that are not a multiple of
// GPUsPerProof.
func (s Sweep) plans(base Plan) (plans []Plan) {
	for _, n := range s.Values {
		p := base
		if s.Vary == "every" {
			p.Selection.Targets.Every = n
		} else if p.GPUs = int(n); p.GPUsPerProof > 0 && p.GPUs%p.GPUsPerProof != 0 {
			continue
		}
		plans = append(plans, p)
	}
	return plans
}

// Table is the result of a sweep.
type Table struct {
	Sweep
	Points []Result `json:"points"` // in the order of the values
	// Enough is the index of the first point that keeps up and reaches EthProofs' bar for
	// liveness. Fast is the index of the first such point that also reaches the bar for
	// performance. Each is -1 if there is none.
	Enough int `json:"enough"`
	Fast   int `json:"fast"`
}

// Run simulates the plans of all values, as many at a time as there are processors.
func (s Sweep) Run(ctx context.Context, base Plan) (Table, error) {
	plans := s.plans(base)
	table := Table{Sweep: s, Points: make([]Result, len(plans)), Enough: -1, Fast: -1}
	if len(plans) == 0 {
		return table, fmt.Errorf("none of these numbers of GPUs can be divided into sets of %d", base.GPUsPerProof)
	}
	errs := make([]error, len(plans))
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	var points sync.WaitGroup
	for i, p := range plans {
		limit <- struct{}{}
		points.Go(func() {
			defer func() { <-limit }()
			table.Points[i], errs[i] = Run(ctx, p)
		})
	}
	points.Wait()
	if err := errors.Join(errs...); err != nil {
		return table, err
	}
	for i, r := range table.Points {
		enough := r.KeepsUp && r.Score.Verdict.Liveness
		if enough && table.Enough < 0 {
			table.Enough = i
		}
		if enough && r.Score.Verdict.Performance && table.Fast < 0 {
			table.Fast = i
		}
	}
	return table, nil
}

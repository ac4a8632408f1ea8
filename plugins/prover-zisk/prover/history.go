package prover

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/files"
)

// observation is the duration of a finished run.
type observation struct {
	Kind string        `json:"kind"`
	Gas  uint64        `json:"gas"`
	Wall time.Duration `json:"wall_ns"`
	At   time.Time     `json:"at"`
}

// history holds the last finished runs of a stage, from which it estimates the duration of
// the next. It is stored in the state directory. Its methods may be called concurrently,
// also on a nil history, which is empty.
type history struct {
	path   string
	saving sync.Mutex // held while the file is written

	mu   sync.Mutex
	runs []observation
}

const (
	historyFile = "history.json"
	// historyLimit is the number of runs that are kept.
	historyLimit = 200
	// fitLimit is the largest number of runs of a kind that an estimate uses.
	fitLimit = 50
	// minForEstimate is the number of runs of a kind that an estimate needs, and
	// minForDeadline the number that a learned deadline needs.
	minForEstimate = 3
	minForDeadline = 20
)

// openHistory reads the history. If the file cannot be read, it returns an empty history
// with the error.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &h.runs)
	}
	if err != nil {
		h.runs = nil
	}
	return h, err
}

// learn adds a finished run. It does not write the file; save does.
func (h *history) learn(o observation) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.runs = append(h.runs, o)
	if over := len(h.runs) - historyLimit; over > 0 {
		h.runs = slices.Delete(h.runs, 0, over)
	}
}

// save writes the file. An estimate for the next run does not wait for it.
func (h *history) save() error {
	if h == nil {
		return nil
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	h.mu.Lock()
	runs := slices.Clone(h.runs)
	h.mu.Unlock()
	return files.WriteJSON(h.path, 0o600, runs)
}

// last returns the last runs of a kind, at most fitLimit.
func (h *history) last(kind string) []observation {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var runs []observation
	for _, o := range slices.Backward(h.runs) {
		if o.Kind == kind && len(runs) < fitLimit {
			runs = append(runs, o)
		}
	}
	return runs
}

// expect estimates the duration of a run of the kind for a block with this gas. It fits a
// straight line through the last runs. The estimate is at least half of the shortest of
// them. The second result is false if there are too few runs.
func (h *history) expect(kind string, gas uint64) (time.Duration, bool) {
	runs := h.last(kind)
	if len(runs) < minForEstimate {
		return 0, false
	}
	var n, sx, sy, sxx, sxy float64
	shortest := runs[0].Wall
	for _, o := range runs {
		x, y := float64(o.Gas), float64(o.Wall)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		shortest = min(shortest, o.Wall)
	}
	mean := time.Duration(sy / n)
	spread := sxx - sx*sx/n
	if gas == 0 || spread < 1 {
		return mean, true
	}
	slope := (sxy - sx*sy/n) / spread
	if slope < 0 { // noise, because more gas never makes a proof faster
		return mean, true
	}
	estimate := time.Duration(sy/n + slope*(float64(gas)-sx/n))
	return max(estimate, shortest/2), true
}

// deadline returns the learned time limit of a run for a block with this gas. It is factor
// times the longest of the last runs of the kind or, if that is more, times the estimate
// for the block. The second result is false if the factor is 0 or there are too few runs.
func (h *history) deadline(kind string, gas uint64, factor float64) (time.Duration, bool) {
	if factor <= 0 {
		return 0, false
	}
	runs := h.last(kind)
	if len(runs) < minForDeadline {
		return 0, false
	}
	longest := slices.MaxFunc(runs, func(a, b observation) int { return int(a.Wall - b.Wall) })
	limit := longest.Wall
	if expected, ok := h.expect(kind, gas); ok {
		limit = max(limit, expected)
	}
	return time.Duration(factor * float64(limit)), true
}

// gasOf returns the gas that the task's block has used, or 0 if it is not known.
func gasOf(t *sdk.Task) uint64 { return t.Block.GasUsed }

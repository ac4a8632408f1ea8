package zisk

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Summary holds the figures that a run prints at its end.
type Summary struct {
	ProofID     string        // blake3 of the proof in hexadecimal; only up to 0.16
	Steps       uint64        // number of executed steps of the guest
	ProvingTime time.Duration // the tool's own figure without its start; 0 where it printed none
	Instances   int
	Speed       string // speed of the assembly services, for example "512 MHz"
}

var (
	proofIDPattern  = regexp.MustCompile(`^Proof ID: ([0-9a-f]{64})$`)
	proofSeconds    = regexp.MustCompile(`^(?:Proof Time:|Proof generated in) ([0-9.]{1,20})\s?s`)
	timeSteps       = regexp.MustCompile(`^time: ([0-9.]{1,24}) seconds, steps: (\d{1,19})$`)
	executedSteps   = regexp.MustCompile(`^(?:Execution completed in|Proof generated in) ([0-9.]{1,20})\s?(ns|µs|us|ms|s), (?:executed )?steps: (\d{1,19})`)
	assemblySpeed   = regexp.MustCompile(`Assembly execution speed: (?:[0-9.]+ms \()?([0-9.]{1,12} MHz)`)
	rootHashPattern = regexp.MustCompile(`Root hash: \[(\d{1,20}), (\d{1,20}), (\d{1,20}), (\d{1,20})\]`)
)

// Line reads one line of standard output.
func (s *Summary) Line(line string) {
	text := Text(line)
	if m := proofIDPattern.FindStringSubmatch(text); m != nil {
		s.ProofID = m[1]
	}
	if m := proofSeconds.FindStringSubmatch(text); m != nil {
		s.ProvingTime = parseSeconds(m[1])
	}
	if m := timeSteps.FindStringSubmatch(text); m != nil {
		s.ProvingTime = parseSeconds(m[1])
		s.Steps, _ = strconv.ParseUint(m[2], 10, 64)
	}
	if m := executedSteps.FindStringSubmatch(text); m != nil {
		s.Steps, _ = strconv.ParseUint(m[3], 10, 64)
		if d, err := time.ParseDuration(m[1] + m[2]); err == nil && s.ProvingTime == 0 {
			s.ProvingTime = d
		}
	}
	s.readMetrics(text)
	if m := assemblySpeed.FindStringSubmatch(text); m != nil {
		s.Speed = m[1]
	}
	if m := instancePattern.FindStringSubmatch(text); m != nil {
		s.Instances, _ = strconv.Atoi(m[1])
	}
}

func parseSeconds(text string) time.Duration {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0
	}
	return time.Duration(math.Round(f * 1e9))
}

// RootHash reads the program's verification key from a line that a setup prints.
func RootHash(line string) (words [4]uint64, ok bool) {
	m := rootHashPattern.FindStringSubmatch(line)
	if m == nil {
		return words, false
	}
	for i := range words {
		w, err := strconv.ParseUint(m[i+1], 10, 64)
		if err != nil {
			return words, false
		}
		words[i] = w
	}
	return words, true
}

// Verified reports whether the line is the tool's verdict on a proof, and whether the
// proof is valid. valid is meaningless where verdict is false.
func Verified(line string) (valid, verdict bool) {
	text := Text(line)
	if strings.Contains(text, "proof was not verified") {
		return false, true
	}
	return true, strings.Contains(text, "✓") && strings.Contains(text, "proof was verified")
}

// Result is the content of result.json of 0.14 and 0.15.
// Source: 0xPolygonHermez/zisk:common/src/proof_log.rs@v0.14.0.
type Result struct {
	Cycles uint64  `json:"cycles"`
	ID     string  `json:"id"`
	Time   float64 `json:"time"` // seconds
}

// maxResult is the largest accepted size of result.json in bytes.
const maxResult = 64 << 10

// ReadResult reads and checks result.json.
func ReadResult(path string) (Result, error) {
	var r Result
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	if info.Size() > maxResult {
		return r, fmt.Errorf("%s: %d bytes are too many for a result", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if r, err = DecodeResult(data); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// DecodeResult decodes the content of result.json. All three fields must be
// there.
func DecodeResult(data []byte) (Result, error) {
	var raw struct {
		Cycles *uint64  `json:"cycles"`
		ID     *string  `json:"id"`
		Time   *float64 `json:"time"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return Result{}, err
	}
	switch {
	case raw.Cycles == nil:
		return Result{}, errors.New("cycles is missing")
	case raw.ID == nil || *raw.ID == "":
		return Result{}, errors.New("id is missing")
	case raw.Time == nil:
		return Result{}, errors.New("time is missing")
	case *raw.Time < 0 || *raw.Time > 1e9:
		return Result{}, fmt.Errorf("time is %g seconds", *raw.Time)
	}
	return Result{Cycles: *raw.Cycles, ID: *raw.ID, Time: *raw.Time}, nil
}

// ProvingTime returns Time as a duration.
func (r Result) ProvingTime() time.Duration { return time.Duration(math.Round(r.Time * 1e9)) }

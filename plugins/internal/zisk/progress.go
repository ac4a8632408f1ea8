package zisk

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Progress is the progress of a run, read from its output.
type Progress struct {
	Phase     string  // the tool's own name, for example GENERATING_PROOFS
	Fraction  float64 // from 0 to 1; never falls within a run
	Instances int     // proof instances of this run; 0 while unknown
	Note      string  // the instance summary, or empty
}

// phases are the phases of a proof in their order, with the fraction of the whole that
// is done at the begin and at the end of each. The fractions are rough: contributions
// take about a third, proofs about half (log of 0.16.1 in
// https://github.com/eth-act/ere/issues/323).
var phases = []struct {
	names      string // space-separated prefixes
	begin, end float64
}{
	{"ROM_SETUP STARTING_ASM_MICROSERVICES INITIALIZING_PROOFMAN INIT_PROOFMAN LOADING_FIXED_POLS REGENERATING_ REGISTERING_WITNESS CREATE_WITNESS_LIB", 0, 0.04},
	{"EXECUTE COMPUTE_MINIMAL_TRACE COUNT PLAN WAIT_PLAN_MEM_CPP COLLECT_MEM_PLANS WAIT_ASM_RH", 0.04, 0.10},
	{"CALCULATING_CONTRIBUTIONS CALCULATING_INNER_CONTRIBUTIONS", 0.10, 0.42},
	{"GENERATING_PROOFS GENERATING_INNER_PROOFS WAITING_FOR_WORKER_COMPRESSED_PROOFS GENERATING_WORKER_COMPRESSED_PROOFS WAITING_FOR_ GENERATING_WC_", 0.42, 0.92},
	{"GENERATE_VADCOP_FINAL_PROOF GENERATING_VADCOP_FINAL_PROOF", 0.92, 0.96},
	{"GENERATE_VADCOP_FINAL_COMPRESSED_PROOF VERIFYING_VADCOP_FINAL_PROOF", 0.96, 0.99},
}

var (
	phasePattern    = regexp.MustCompile(`^(>>>|<<<) ([A-Z][A-Z0-9_]{2,63})\b`)
	instancePattern = regexp.MustCompile(`Total (?:global )?instances: (\d{1,9})`)
	genProofPattern = regexp.MustCompile(`^(<<< )?GEN_PROOF_\d+`)
)

// Tracker reads the output of a run and keeps its Progress. It is not safe for
// concurrent use.
type Tracker struct {
	current Progress
	proved  int // number of proved instances; only verbose output shows it
}

// Line reads one line of standard output. It returns the progress, and whether the line
// changed it.
func (t *Tracker) Line(line string) (Progress, bool) {
	text := Text(line)
	if m := phasePattern.FindStringSubmatch(text); m != nil && !genProofPattern.MatchString(m[2]) {
		begin, end, ok := phaseOf(m[2])
		if m[1] == "<<<" {
			if !ok || end <= t.current.Fraction {
				return t.current, false
			}
			t.raise(end)
			return t.current, true
		}
		if t.current.Phase == m[2] {
			return t.current, false
		}
		t.current.Phase = m[2]
		t.raise(begin)
		return t.current, true
	}
	if m := instancePattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		t.current.Instances = n
		t.current.Note = fmt.Sprintf("%d instances", n)
		return t.current, true
	}
	if t.current.Instances > 0 && strings.Contains(text, "<<< GEN_PROOF_") {
		t.proved = min(t.proved+1, t.current.Instances)
		begin, end, _ := phaseOf("GENERATING_PROOFS")
		t.raise(begin + (end-begin)*float64(t.proved)/float64(t.current.Instances))
		t.current.Note = fmt.Sprintf("%d of %d instances", t.proved, t.current.Instances)
		return t.current, true
	}
	return t.current, false
}

func (t *Tracker) raise(fraction float64) { t.current.Fraction = max(t.current.Fraction, fraction) }

func phaseOf(phase string) (begin, end float64, ok bool) {
	for _, s := range phases {
		for name := range strings.FieldsSeq(s.names) {
			if phase == name || strings.HasSuffix(name, "_") && strings.HasPrefix(phase, name) {
				return s.begin, s.end, true
			}
		}
	}
	return 0, 0, false
}

package zisk

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Progress is how far a run has come, read from its output.
type Progress struct {
	Phase     string  // the tool's own name, for example GENERATING_PROOFS
	Fraction  float64 // 0 to 1, never falling within a run
	Instances int     // proof instances of this run; 0 while unknown
	Note      string  // the instance summary, or empty
}

// stages are the phases that a proof passes, with the part of the whole that is
// done when each begins and when it ends. The parts are rough: contributions
// take about a third, proofs about half (real log of 0.16.1:
// https://github.com/eth-act/ere/issues/323).
var stages = []struct {
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

// Tracker turns the output of a run into Progress. It is not for concurrent use.
type Tracker struct {
	now  Progress
	done int // instances proved, seen only in verbose output
}

// Line reads one line of standard output and reports the progress when the
// line moved it.
func (t *Tracker) Line(line string) (Progress, bool) {
	text := Text(line)
	if m := phasePattern.FindStringSubmatch(text); m != nil && !genProofPattern.MatchString(m[2]) {
		begin, end, ok := stageOf(m[2])
		if m[1] == "<<<" {
			if !ok || end <= t.now.Fraction {
				return t.now, false
			}
			t.raise(end)
			return t.now, true
		}
		if t.now.Phase == m[2] {
			return t.now, false
		}
		t.now.Phase = m[2]
		t.raise(begin)
		return t.now, true
	}
	if m := instancePattern.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		t.now.Instances = n
		t.now.Note = fmt.Sprintf("%d instances", n)
		return t.now, true
	}
	if t.now.Instances > 0 && strings.Contains(text, "<<< GEN_PROOF_") {
		t.done = min(t.done+1, t.now.Instances)
		begin, end, _ := stageOf("GENERATING_PROOFS")
		t.raise(begin + (end-begin)*float64(t.done)/float64(t.now.Instances))
		t.now.Note = fmt.Sprintf("%d of %d instances", t.done, t.now.Instances)
		return t.now, true
	}
	return t.now, false
}

func (t *Tracker) raise(fraction float64) { t.now.Fraction = max(t.now.Fraction, fraction) }

func stageOf(phase string) (begin, end float64, ok bool) {
	for _, s := range stages {
		for name := range strings.FieldsSeq(s.names) {
			if phase == name || strings.HasSuffix(name, "_") && strings.HasPrefix(phase, name) {
				return s.begin, s.end, true
			}
		}
	}
	return 0, 0, false
}

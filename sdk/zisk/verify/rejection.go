package verify

import "fmt"

// Step is a step of the verification.
type Step string

// The steps, in their order, with the reasons for which a proof is rejected in them.
const (
	StepForm       Step = "form"          // a length, a word that is not a field element, or padding
	StepSetup      Step = "setup key"     // the proof was made with another proving setup
	StepProgram    Step = "program key"   // the proof is of another program
	StepPublics    Step = "publics"       // the public values are not the expected ones
	StepWork       Step = "proof of work" // a nonce does not show the work
	StepConstraint Step = "constraints"   // the constraints do not hold
	StepDegree     Step = "degree"        // the polynomial at the end of the low-degree test has too high a degree
	StepTree       Step = "tree"          // an opened row is not in its Merkle tree
	StepFold       Step = "fold"          // the values of two rounds of the low-degree test do not agree
)

// Rejection is the error for a proof that does not verify. The same bytes are rejected
// every time they are verified with the same expectation.
type Rejection struct {
	Step   Step   // the step that the proof did not pass
	Reason string // what is wrong, in one sentence
}

// Error returns the reason.
func (r *Rejection) Error() string { return r.Reason }

func reject(step Step, format string, args ...any) error {
	return &Rejection{Step: step, Reason: fmt.Sprintf(format, args...)}
}

package verify

import "fmt"

// Step is the part of the verification that a proof did not pass.
type Step string

// The steps, in the order in which they are taken.
const (
	StepForm       Step = "form"        // lengths, words that are no field elements, padding
	StepSetup      Step = "setup key"   // the proof was made for another proving setup
	StepProgram    Step = "program key" // the proof is of another program
	StepPublics    Step = "publics"     // the public values are not the expected ones
	StepWork       Step = "proof of work"
	StepConstraint Step = "constraints"
	StepDegree     Step = "degree" // of the polynomial at the end of the low-degree test
	StepTree       Step = "tree"
	StepFold       Step = "fold" // values between the rounds of the low-degree test
)

// Rejection is the error for a proof that does not verify. It is a verdict on
// the bytes and does not change when they are verified again.
type Rejection struct {
	Step   Step
	Reason string
}

func (r *Rejection) Error() string { return r.Reason }

func reject(step Step, format string, args ...any) error {
	return &Rejection{Step: step, Reason: fmt.Sprintf(format, args...)}
}

package cluster

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// factJob is the fact that names the cluster's job.
const factJob = "job_id"

// collect checks the proof of a finished job and publishes it.
func (p *Prover) collect(t *sdk.Task, k token, answer *coordinatorv1.JobKindResponse) (*sdk.Result, error) {
	// The job would give the same proof again, so the next attempt must not resume it.
	refuse := func(err error) (*sdk.Result, error) {
		return nil, errors.Join(sdk.Retryable(fmt.Errorf("job %s: %w", k.Job, err)), t.SaveResume(nil))
	}
	prove := answer.GetProve()
	data := prove.GetProof().GetData()
	if len(data) == 0 {
		return refuse(errors.New("it is completed but holds no proof"))
	}
	decoded, err := proof.Decode(data, "")
	if err != nil {
		return refuse(err)
	}
	if err := p.checkKeys(decoded); err != nil {
		return refuse(err)
	}
	release, err := p.releaseOf(decoded)
	if err != nil {
		return refuse(err)
	}
	work := time.Duration(prove.GetStats().GetDurationNanos())
	if work <= 0 {
		work = time.Since(k.Submitted)
	}
	report := publish.Report{Cycles: prove.GetStats().GetSteps(), ID: decoded.Program().String(), Time: work.Seconds(),
		Action: "prove", ELF: p.elfSum, Program: decoded.Program().String(), Minimal: decoded.Minimal}
	encoding := publish.Encoding(p.config.Encoding)
	if encoding == "auto" {
		encoding = publish.Words
	}
	var outputs []sdk.Artifact
	for _, write := range []func() (sdk.Artifact, error){
		func() (sdk.Artifact, error) { return t.WriteFile(zisk.FileProof, data) },
		func() (sdk.Artifact, error) { return publish.JSON(t, sdk.ArtifactResult, report) },
		func() (sdk.Artifact, error) { return publish.Proof(t, decoded, encoding, release, p.setupKey) },
	} {
		a, err := write()
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, a)
	}
	facts := map[string]string{
		contract.FactCycles:     strconv.FormatUint(report.Cycles, 10),
		contract.FactVerifierID: report.ID,
		publish.FactProgram:     report.Program,
		publish.FactLayout:      string(decoded.Layout),
		factJob:                 k.Job,
	}
	if decoded.IsTest() {
		facts[publish.FactTest] = "true"
	}
	p.refused.note(t, k.Job)
	return &sdk.Result{Outputs: outputs, WorkTime: work, Facts: facts}, nil
}

// releaseOf returns the release that made the proof. It is zero if the form in which the
// proof is reported does not depend on the release.
func (p *Prover) releaseOf(decoded *proof.Proof) (proof.Release, error) {
	r, err := p.config.release()
	if err != nil || r != (proof.Release{}) {
		return r, err
	}
	return publish.ReleaseOf(decoded, p.setupKey)
}

// checkKeys refuses a proof of another program, setup or kind than was requested.
func (p *Prover) checkKeys(decoded *proof.Proof) error {
	p.mu.Lock()
	program := p.program
	p.mu.Unlock()
	switch {
	case program != nil && decoded.Program() != *program:
		return fmt.Errorf("the proof is of the program %v, not of %v", decoded.Program(), program)
	case p.setupKey != nil && decoded.Setup != nil && *decoded.Setup != *p.setupKey:
		return fmt.Errorf("the proof was made with the proving setup %v, not with %v", decoded.Setup, p.setupKey)
	case decoded.Minimal != p.config.Minimal:
		return fmt.Errorf("the proof is minimal: %t, asked for: %t", decoded.Minimal, p.config.Minimal)
	}
	return nil
}

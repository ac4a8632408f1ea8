package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk"
)

// submitTimeout is the time limit of one request for a job. The request goes on when the
// call is cancelled, because without its answer the id of the job would be lost.
const submitTimeout = 2 * time.Minute

// submit submits the job and sends its id to the host. It waits for a free worker, and
// sets the program up if the coordinator does not know it.
func (p *Prover) submit(ctx context.Context, t *sdk.Task, k token, input []byte) (token, error) {
	deadline := time.Now().Add(p.config.CapacityTimeout.Std())
	for again, tries := false, 0; ; tries++ {
		hash, err := p.ready(ctx, again)
		var reason refusal
		if err == nil {
			k.Job, err = p.request(ctx, t, hash, input)
			if err == nil {
				k.Submitted = time.Now().UTC()
				return k, p.save(t, k)
			}
			reason = refusalOf(err)
			again = reason == notSetUp || reason == unknownProgram
			if again && tries == 0 {
				continue
			}
			err = p.unavailable(ctx, "submit the proof", err)
		} else {
			reason = refusalOf(err)
		}
		switch {
		case ctx.Err() != nil || reason != noWorkers && reason != settingUp && reason != notSetUp:
			return k, err
		case !time.Now().Before(deadline):
			return k, err
		}
		// A progress with a phase would announce the block before a worker proves it.
		t.Progress(sdk.Progress{Fraction: -1, Note: err.Error()})
		select {
		case <-time.After(p.config.CapacityPause.Std()):
		case <-ctx.Done():
			return k, sdk.Interrupted(fmt.Errorf("waiting for a free worker: %w", context.Cause(ctx)))
		}
	}
}

// request requests the job from the coordinator and returns its id.
func (p *Prover) request(ctx context.Context, t *sdk.Task, hash string, input []byte) (string, error) {
	note := p.submission(t)
	before, err := note.begin()
	if err != nil {
		return "", sdk.Environment(fmt.Errorf("note the submission: %w", err), "make the state directory writable")
	}
	if before {
		t.Log.Warn("an attempt ended while it submitted this block: its job may run on the cluster beside the new one", "count", p.duplicates.Add(1))
	}
	dest := coordinatorv1.ProofKind_PROOF_KIND_STARK
	if p.config.Minimal {
		dest = coordinatorv1.ProofKind_PROOF_KIND_STARK_MINIMAL
	}
	limit, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), submitTimeout, errors.New("no answer of the coordinator"))
	defer cancel()
	answer, err := p.client.JobRequest(limit, &coordinatorv1.JobRequestMessage{JobKind: &coordinatorv1.JobKind{
		Kind: &coordinatorv1.JobKind_Prove{Prove: &coordinatorv1.ProveRequest{
			HashId: hash, ProofDest: dest,
			Input: &coordinatorv1.InputKind{Kind: &coordinatorv1.InputKind_Inline{Inline: &coordinatorv1.InputChunk{Data: input}}},
		}}}})
	if err != nil && refusalOf(err) == unreachable {
		return "", err // the note is kept, because there may be a job
	}
	if err != nil {
		if err := note.end(); err != nil { // a refusal leaves no job
			t.Log.Warn("remove the note of the submission", "error", err)
		}
		return "", err
	}
	return answer.GetJobId(), nil
}

// save sends the token to the host. If that fails it cancels the job, because no attempt
// could resume it.
func (p *Prover) save(t *sdk.Task, k token) error {
	data, err := json.Marshal(k)
	if err == nil {
		err = t.SaveResume(data)
	}
	if err != nil {
		p.cancel(t.Log, k.Job)
		return sdk.Interrupted(fmt.Errorf("hand over the job's id: %w", err))
	}
	if err := p.submission(t).end(); err != nil {
		t.Log.Warn("remove the note of the submission", "error", err)
	}
	reportAccepted(t, k.Job)
	t.Log.Info("the coordinator accepted the job", "job_id", k.Job)
	return nil
}

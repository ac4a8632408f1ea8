package live

import (
	"cmp"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Describe returns the target of a job. limit is the score's limit of the proving time
// in ms; 0 for none.
func Describe(j status.Job, limit int64) Target {
	t := Target{
		Job: j.ID, Number: j.Block.Number, Hash: j.Block.Hash.String(), Time: j.Block.Time.UTC(), Gas: j.Block.GasUsed,
		Txs: j.Block.TxCount, ProvingMS: j.ProvingMS, Orphaned: j.Orphaned, Ended: j.Finished.UTC(), Remark: j.Reason,
	}
	if j.Block.Time.IsZero() {
		t.Time = j.Created.UTC()
	}
	for _, s := range j.Stages {
		if s.Shadow {
			continue
		}
		t.Attempts = max(t.Attempts, s.Attempt)
		if s.Kind != contract.KindSource {
			t.WorkMS += s.Duration().Milliseconds()
		}
	}
	switch j.State {
	case status.JobRunning:
		t.Outcome = Working
		return t
	case status.JobWaiting:
		t.Outcome = Waiting
		return t
	case status.JobFailed:
		t.Outcome = Failed
		return t
	case status.JobDropped, status.JobCancelled:
		t.Outcome = Skipped
		return t
	}
	t.Outcome, t.TotalMS = Done, since(t.Time, j.Finished)
	switch proof := status.Proof(j.Reports); proof.State {
	case status.ProofAccepted:
		t.Outcome, t.TotalMS = Accepted, since(t.Time, proof.At)
		if limit > 0 && j.ProvingMS >= limit {
			t.Outcome = Late
		}
	case status.ProofRefused:
		t.Outcome, t.Remark, t.TotalMS = Rejected, proof.Reason, 0
	case status.ProofWaiting:
		t.Outcome, t.TotalMS = Reporting, 0
	}
	return t
}

// since returns the milliseconds between two times; 0 if one of them is not known.
func since(from, to time.Time) int64 {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	return max(0, to.Sub(from).Milliseconds())
}

// FailureOf describes what to do about a block that failed or whose proof was rejected.
// It returns false if there is nothing to do.
func FailureOf(j status.Job, t Target) (Failure, bool) {
	f := Failure{Job: j.ID, Number: t.Number, At: t.Ended, Reason: t.Remark, Open: !j.Orphaned}
	number := fmtNumber(t.Number)
	switch t.Outcome {
	case Failed:
		i := slices.IndexFunc(j.Stages, func(s status.JobStage) bool { return s.State == "failed" && !s.Shadow })
		if i < 0 {
			f.Stage, f.Class, f.Topic = j.Stage, string(contract.ClassPermanent), topicFailure
		} else {
			s := j.Stages[i]
			f.Stage, f.Class, f.Reason, f.Remedy, f.At = s.Stage, string(s.Class), cmp.Or(s.Error, f.Reason), s.Remedy, s.Ended.UTC()
			f.Topic = topicOf(s.Kind)
		}
		f.Command = "proofline blocks retry " + number
	case Rejected:
		f.Class, f.Remedy, f.Command, f.Topic = Rejected, "The proof is kept. When the cause is gone:", "proofline report "+number, topicEthProofs
		proof := status.Proof(j.Reports)
		f.Stage, f.At = proof.Reporter, proof.At.UTC()
	default:
		return Failure{}, false
	}
	return f, true
}

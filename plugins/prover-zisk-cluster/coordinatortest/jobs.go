package coordinatortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// JobRequest implements the service.
func (s *Server) JobRequest(_ context.Context, r *coordinatorv1.JobRequestMessage) (*coordinatorv1.JobResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hash := r.GetJobKind().GetSetup().GetHashId() + r.GetJobKind().GetProve().GetHashId()
	key, known := s.programs[hash]
	switch {
	case !known:
		return nil, status.Error(codes.NotFound, "Program not found: "+hash)
	case s.behaviour.NoWorkers:
		return nil, unavailable("no workers connected")
	}
	raw := make([]byte, 16)
	_, _ = rand.Read(raw)
	id := fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
	ctx, stop := context.WithCancel(context.Background())
	j := &job{changed: make(chan struct{}), stop: stop}
	if r.GetJobKind().GetSetup() != nil {
		s.counts.Setups++
		s.ready[hash] = true
		s.jobs[id] = j
		s.end(j, completed(), &coordinatorv1.JobKindResponse{Kind: &coordinatorv1.JobKindResponse_Setup{Setup: &coordinatorv1.SetupResponse{Vk: key.Bytes()}}})
		return &coordinatorv1.JobResponse{JobId: id}, nil
	}
	switch {
	case !s.ready[hash]:
		stop()
		return nil, unavailable("workers connected but setup not done; call setup() first")
	case s.behaviour.SettingUp > 0:
		s.behaviour.SettingUp--
		stop()
		return nil, unavailable("workers are setting up; retry shortly")
	case s.behaviour.Refuse != codes.OK:
		stop()
		return nil, status.Error(s.behaviour.Refuse, "An internal error occurred")
	}
	s.counts.Proofs++
	s.jobs[id] = j
	go s.prove(ctx, j, s.behaviour, key, r.GetJobKind().GetProve())
	if s.behaviour.Lose {
		return nil, status.Error(codes.Unavailable, "error reading from server: EOF")
	}
	return &coordinatorv1.JobResponse{JobId: id}, nil
}

func completed() *coordinatorv1.JobStatus {
	return &coordinatorv1.JobStatus{Status: &coordinatorv1.JobStatus_Completed{Completed: &coordinatorv1.JobStatusCompleted{}}}
}

// end ends a job with a status, and reports false if it had ended before. The caller holds
// s.mu.
func (s *Server) end(j *job, ended *coordinatorv1.JobStatus, result *coordinatorv1.JobKindResponse) bool {
	if j.ended != nil {
		return false
	}
	j.ended, j.result = ended, result
	j.stop()
	close(j.changed)
	return true
}

// prove runs a job that makes a proof.
func (s *Server) prove(ctx context.Context, j *job, b Behaviour, key proof.Key, r *coordinatorv1.ProveRequest) {
	for phase := coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS; phase <= coordinatorv1.JobPhase_JOB_PHASE_AGGREGATE; phase++ {
		s.mu.Lock()
		if j.ended == nil {
			j.phase = phase
			close(j.changed)
			j.changed = make(chan struct{})
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(b.Phase):
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.Fail != "" {
		s.end(j, &coordinatorv1.JobStatus{Status: &coordinatorv1.JobStatus_Failed{Failed: &coordinatorv1.JobStatusFailed{
			Failure: &coordinatorv1.JobFailure{Kind: &coordinatorv1.JobFailure_Execution{Execution: &coordinatorv1.JobFailureExecution{Reason: b.Fail}}}}}}, nil)
		return
	}
	if b.Wrong {
		key[0] ^= 1
	}
	layout := b.Layout
	if layout == "" {
		layout = proof.Bincode018
	}
	minimal := r.GetProofDest() == coordinatorv1.ProofKind_PROOF_KIND_STARK_MINIMAL && !b.Full
	p := prooftest.New(layout, minimal, key, []uint32{1, 2, 3}, 4096, uint64(len(r.GetInput().GetInline().GetData())))
	double.Seal(p)
	if b.Invalid {
		p.Body[1000] ^= 1
	}
	data := prooftest.Encode(p)
	if b.Proof != nil {
		data = b.Proof
	}
	if b.Cut {
		data = data[:len(data)/2]
	}
	s.end(j, completed(), &coordinatorv1.JobKindResponse{Kind: &coordinatorv1.JobKindResponse_Prove{Prove: &coordinatorv1.ProveResponse{
		Proof: &coordinatorv1.Proof{ProofId: noID, HashId: r.GetHashId(), ProofKind: coordinatorv1.ProofKind_PROOF_KIND_STARK, Data: data,
			StartedAt: timestamppb.Now(), CompletedAt: timestamppb.Now()},
		Stats: &coordinatorv1.ExecutionStats{Steps: 4711, DurationNanos: 2_250_000_000},
	}}})
}

// noID is the id of every proof; the real coordinator assigns a random one.
const noID = "00000000-0000-0000-0000-000000000000"

func (s *Server) find(id string) (*job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jobs[id]
	if j == nil {
		return nil, status.Error(codes.NotFound, "Job not found: "+id)
	}
	return j, nil
}

// state returns the phase of a job, its final status and result if it has ended, and a
// channel that closes at the next change.
func (s *Server) state(j *job) (coordinatorv1.JobPhase, *coordinatorv1.JobStatus, *coordinatorv1.JobKindResponse, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.phase, j.ended, j.result, j.changed
}

// WaitJobResult implements the service.
func (s *Server) WaitJobResult(ctx context.Context, r *coordinatorv1.WaitJobResultRequest) (*coordinatorv1.WaitJobResultResponse, error) {
	j, err := s.find(r.GetJobId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.waits++
	hasty := s.behaviour.Hasty
	s.mu.Unlock()
	seconds := min(max(r.GetTimeoutSeconds(), 1), 3600)
	if hasty {
		seconds = 0
	}
	timer := time.NewTimer(time.Duration(seconds) * time.Second)
	defer timer.Stop()
	for {
		_, ended, result, changed := s.state(j)
		if ended != nil {
			return &coordinatorv1.WaitJobResultResponse{JobId: r.GetJobId(), JobStatus: ended, Result: result}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-timer.C:
			return &coordinatorv1.WaitJobResultResponse{JobId: r.GetJobId(), JobStatus: &coordinatorv1.JobStatus{
				Status: &coordinatorv1.JobStatus_Running{Running: &coordinatorv1.JobStatusRunning{}}}}, nil
		}
	}
}

// WatchJob implements the service.
func (s *Server) WatchJob(r *coordinatorv1.WatchJobRequest, stream grpc.ServerStreamingServer[coordinatorv1.JobEvent]) error {
	j, err := s.find(r.GetJobId())
	if err != nil {
		return err
	}
	if err := stream.Send(&coordinatorv1.JobEvent{Event: &coordinatorv1.JobEvent_Started{Started: &coordinatorv1.JobEventStarted{JobId: r.GetJobId()}}}); err != nil {
		return err
	}
	last := coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS
	for {
		phase, ended, _, changed := s.state(j)
		for last < phase {
			last++
			if err := stream.Send(&coordinatorv1.JobEvent{Event: &coordinatorv1.JobEvent_Progress{Progress: &coordinatorv1.JobEventProgress{JobId: r.GetJobId(), Phase: last}}}); err != nil {
				return err
			}
		}
		if ended != nil {
			return stream.Send(&coordinatorv1.JobEvent{Event: &coordinatorv1.JobEvent_Completed{Completed: &coordinatorv1.JobEventCompleted{JobId: r.GetJobId()}}})
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// CancelJob implements the service.
func (s *Server) CancelJob(_ context.Context, r *coordinatorv1.CancelJobRequest) (*coordinatorv1.CancelJobResponse, error) {
	j, err := s.find(r.GetJobId())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cancelled := s.end(j, &coordinatorv1.JobStatus{Status: &coordinatorv1.JobStatus_Cancelled{Cancelled: &coordinatorv1.JobStatusCancelled{}}}, nil)
	if cancelled {
		s.counts.Cancelled++
	}
	return &coordinatorv1.CancelJobResponse{JobId: r.GetJobId(), Cancelled: cancelled}, nil
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk"
)

// pollSeconds is how long the coordinator delays its answer while a job runs.
const pollSeconds = 60

// minPollInterval is the shortest time between two requests for the result of a job. It
// matters for a coordinator that answers without the delay.
const minPollInterval = 500 * time.Millisecond

var (
	// errEnded marks the end of a job without a proof.
	errEnded = errors.New("the job has ended without a proof")
	// errJobTimeout marks a job that takes too long.
	errJobTimeout = errors.New("job_timeout is over")
)

// follow waits for a job and sends its phases as progress. If the host has cancelled the
// call, follow cancels the job. If this process is to end, the job goes on for the next
// attempt.
func (p *Prover) follow(ctx context.Context, t *sdk.Task, k token) (*coordinatorv1.JobKindResponse, error) {
	watching, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { p.watch(watching, t, k.Job) })
	var deadline time.Time
	if limit := p.config.JobTimeout.Std(); limit > 0 {
		deadline = k.Submitted.Add(limit)
	}
	answer, err := p.await(ctx, k.Job, deadline)
	stop()
	wait.Wait()
	switch {
	case err != nil && ctx.Err() != nil && callCancelled(ctx):
		p.cancel(t.Log, k.Job)
	case errors.Is(err, errJobTimeout):
		p.cancel(t.Log, k.Job)
		err = errors.Join(err, t.SaveResume(nil))
	case errors.Is(err, errEnded):
		// The next attempt must not resume this job.
		err = errors.Join(err, t.SaveResume(nil))
	}
	return answer, err
}

// callCancelled reports whether the host has cancelled the call or its deadline has
// passed. It is false if this process is to end, which has a cause of its own.
func callCancelled(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause == context.Canceled || errors.Is(cause, context.DeadlineExceeded)
}

// watch sends the job's events as progress. If events are lost, only progress is missing.
func (p *Prover) watch(ctx context.Context, t *sdk.Task, job string) {
	for pause := time.Second; ctx.Err() == nil; pause = min(2*pause, time.Minute) {
		stream, err := p.client.WatchJob(ctx, &coordinatorv1.WatchJobRequest{JobId: job})
		for err == nil {
			var event *coordinatorv1.JobEvent
			if event, err = stream.Recv(); err != nil {
				break
			}
			pause = time.Second
			switch e := event.GetEvent().(type) {
			case *coordinatorv1.JobEvent_Started:
				t.Progress(sdk.Progress{Phase: phaseName(coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS), Fraction: phaseFraction(coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS), Note: "job " + job})
			case *coordinatorv1.JobEvent_Progress:
				t.Progress(sdk.Progress{Phase: phaseName(e.Progress.GetPhase()), Fraction: phaseFraction(e.Progress.GetPhase()), Note: "job " + job})
			case *coordinatorv1.JobEvent_Completed, *coordinatorv1.JobEvent_Failed, *coordinatorv1.JobEvent_Cancelled:
				return
			}
		}
		if status.Code(err) == codes.NotFound {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// await waits for the end of a job, or until the deadline unless that is zero. After a
// broken connection it tries again for reconnect_timeout. If the coordinator does not know
// the job, the error has the status NOT_FOUND.
func (p *Prover) await(ctx context.Context, job string, deadline time.Time) (*coordinatorv1.JobKindResponse, error) {
	var lost time.Time // since when there is no answer
	for pause := 100 * time.Millisecond; ; {
		seconds := uint32(pollSeconds)
		if !deadline.IsZero() {
			remaining := time.Until(deadline)
			if remaining <= 0 {
				return nil, sdk.Retryable(fmt.Errorf("job %s has run for %v: %w", job, p.config.JobTimeout.Std(), errJobTimeout))
			}
			seconds = min(seconds, uint32(remaining/time.Second)+1)
		}
		requested := time.Now()
		answer, err := p.client.WaitJobResult(ctx, &coordinatorv1.WaitJobResultRequest{JobId: job, TimeoutSeconds: &seconds})
		switch {
		case ctx.Err() != nil:
			return nil, sdk.Interrupted(fmt.Errorf("job %s: %w", job, context.Cause(ctx)))
		case status.Code(err) == codes.NotFound:
			return nil, err
		case err != nil:
			if lost.IsZero() {
				lost = time.Now()
				p.log.Warn("the coordinator does not answer; the job may go on", "job_id", job, "error", err)
			}
			if time.Since(lost) >= p.config.ReconnectTimeout.Std() {
				return nil, sdk.Environment(fmt.Errorf("job %s: no answer of the coordinator for %v: %w", job, time.Since(lost).Round(time.Second), err),
					"start zisk-coordinator again, or correct `coordinator`; the job is taken up when it still knows it")
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, 10*time.Second)
			continue
		}
		lost, pause = time.Time{}, 100*time.Millisecond
		switch s := answer.GetJobStatus().GetStatus().(type) {
		case *coordinatorv1.JobStatus_Completed:
			return answer.GetResult(), nil
		case *coordinatorv1.JobStatus_Failed:
			return nil, failed(job, failureText(s.Failed.GetFailure()))
		case *coordinatorv1.JobStatus_Cancelled:
			return nil, sdk.Retryable(fmt.Errorf("job %s was cancelled on the cluster: %w", job, errEnded))
		}
		select {
		case <-ctx.Done():
		case <-time.After(minPollInterval - time.Since(requested)): // at once after a delayed answer
		}
	}
}

// failed returns the error of a failed job. Its class follows from the messages of the
// tool in the reason.
func failed(job, reason string) error {
	var diagnosis zisk.Diagnosis
	for line := range strings.Lines(reason) {
		diagnosis.Line(line)
	}
	f := diagnosis.Explain(zisk.Exit{Code: 1})
	f.Summary, f.Line = "job "+job+" failed on the cluster", strings.TrimSpace(reason)
	return fmt.Errorf("%w: %w", tool.Classify(f), errEnded)
}

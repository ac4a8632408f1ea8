package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/plugins/internal/endpoint"
	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
)

// maxMessage is the coordinator's own limit for the size of a message, in bytes.
// Source: 0xPolygonHermez/zisk:distributed/crates/coordinator-server@v0.18.0.
const maxMessage = 128 << 20

// dial prepares a connection. It is established with the first call, and again when it
// breaks. The tally counts the calls and may be nil.
func dial(address string, tally *endpoint.Tally) (*grpc.ClientConn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	secure, port := insecure.NewCredentials(), "80"
	if u.Scheme == "https" {
		secure, port = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), "443"
	}
	host := u.Host
	if u.Port() == "" {
		host += ":" + port
	}
	return grpc.NewClient("dns:///"+host,
		grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		// With keepalives a coordinator that has vanished is noticed within a minute.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 45 * time.Second, Timeout: 15 * time.Second}),
		grpc.WithUserAgent("proofline"),
		grpc.WithChainUnaryInterceptor(counting(tally)),
	)
}

// counting returns an interceptor that counts unary calls. A call has failed if the
// coordinator could not be reached or has failed itself; a refusal is an answer. Calls
// that wait for a job are not counted, because they last as long as the job.
func counting(tally *endpoint.Tally) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption) error {
		began := time.Now()
		err := call(ctx, method, request, reply, conn, options...)
		cancelled := err != nil && errors.Is(ctx.Err(), context.Canceled)
		if tally == nil || cancelled || method == coordinatorv1.ZiskCoordinatorApi_WaitJobResult_FullMethodName {
			return err
		}
		failed := false
		switch status.Code(err) {
		case codes.Unavailable:
			failed = refusalOf(err) == unreachable
		case codes.DeadlineExceeded, codes.Internal, codes.Unknown, codes.DataLoss:
			failed = true
		}
		tally.Ended(time.Since(began), failed)
		return err
	}
}

// unknownJob is a job id that no coordinator assigns.
const unknownJob = "00000000-0000-0000-0000-000000000000"

// probe asks for a job that does not exist. Any answer of the service shows that the
// coordinator works.
func probe(ctx context.Context, conn *grpc.ClientConn) error {
	one := uint32(1)
	_, err := coordinatorv1.NewZiskCoordinatorApiClient(conn).WaitJobResult(ctx,
		&coordinatorv1.WaitJobResultRequest{JobId: unknownJob, TimeoutSeconds: &one})
	switch status.Code(err) {
	case codes.OK, codes.NotFound, codes.InvalidArgument, codes.Internal:
		return nil
	case codes.Unimplemented:
		return fmt.Errorf("it is not a ZisK coordinator of 0.17 or later (%w)", err)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// refusal is the reason for which the coordinator did not accept a job.
type refusal int

const (
	unreachable    refusal = iota // no answer, or a temporary fault
	noWorkers                     // no worker is connected, or all are busy
	settingUp                     // the workers prepare a program
	notSetUp                      // the program was not set up, or the coordinator has lost it
	unknownProgram                // the program is not registered
	rejected                      // the request itself is wrong
	serverFault                   // INTERNAL: the cause is in the coordinator's log
)

// refusalOf returns the reason in an error. UNAVAILABLE is the code of gRPC for a broken
// connection as well as the coordinator's code for several reasons, which only the text
// distinguishes.
// Source: 0xPolygonHermez/zisk:distributed/crates/coordinator-server/src/errors.rs,
// backend/coordinator.rs@v0.18.0.
func refusalOf(err error) refusal {
	s := status.Convert(err)
	switch s.Code() {
	case codes.NotFound:
		if strings.Contains(s.Message(), "setup is not complete") {
			return notSetUp
		}
		return unknownProgram
	case codes.InvalidArgument, codes.ResourceExhausted, codes.Unimplemented, codes.OutOfRange:
		return rejected
	case codes.Internal:
		return serverFault
	case codes.Unavailable:
		switch {
		case strings.Contains(s.Message(), "setup not done"):
			return notSetUp
		case strings.Contains(s.Message(), "workers are setting up"):
			return settingUp
		case strings.Contains(s.Message(), "no workers connected"):
			return noWorkers
		}
	}
	return unreachable
}

// failureText returns why a job failed.
func failureText(f *coordinatorv1.JobFailure) string {
	switch kind := f.GetKind().(type) {
	case *coordinatorv1.JobFailure_Execution:
		return kind.Execution.GetReason()
	case *coordinatorv1.JobFailure_Input:
		return "input: " + kind.Input.GetReason()
	case *coordinatorv1.JobFailure_Timeout:
		return fmt.Sprintf("the coordinator's limit of the phase %s is over (%v)", phaseName(kind.Timeout.GetPhase()), kind.Timeout.GetLimit().AsDuration())
	case *coordinatorv1.JobFailure_Internal:
		return "internal fault, trace " + kind.Internal.GetTraceId()
	case *coordinatorv1.JobFailure_Cancelled:
		return "cancelled"
	}
	return "without a reason"
}

// phaseName returns the name that the tool's own output has for a phase.
func phaseName(p coordinatorv1.JobPhase) string {
	switch p {
	case coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS:
		return "CALCULATING_CONTRIBUTIONS"
	case coordinatorv1.JobPhase_JOB_PHASE_PROVE:
		return "GENERATING_PROOFS"
	case coordinatorv1.JobPhase_JOB_PHASE_AGGREGATE:
		return "AGGREGATING"
	}
	return "STARTED"
}

// phaseFraction returns the part of the job, 0 to 1, that is done when a phase begins.
func phaseFraction(p coordinatorv1.JobPhase) float64 {
	switch p {
	case coordinatorv1.JobPhase_JOB_PHASE_CONTRIBUTIONS:
		return 0.05
	case coordinatorv1.JobPhase_JOB_PHASE_PROVE:
		return 0.4
	case coordinatorv1.JobPhase_JOB_PHASE_AGGREGATE:
		return 0.9
	}
	return 0
}

package cluster_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
)

// TestContract asks a coordinator for what this plugin relies on: the double,
// and the real one where PROOFLINE_ZISK_COORDINATOR is its address, for example
// http://localhost:7000 of zisk-coordinator with backend.mode = "mock", which
// needs no GPU.
func TestContract(t *testing.T) {
	t.Run("double", func(t *testing.T) {
		contract := coordinatortest.Start(t, behaviour{Phase: 10 * time.Millisecond})
		checkContract(t, contract.URL())
	})
	t.Run("real", func(t *testing.T) {
		address := os.Getenv("PROOFLINE_ZISK_COORDINATOR")
		if address == "" {
			t.Skip("PROOFLINE_ZISK_COORDINATOR names no coordinator")
		}
		checkContract(t, address)
	})
}

func checkContract(t *testing.T, address string) {
	ctx := t.Context()
	conn, err := grpc.NewClient(strings.TrimPrefix(address, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(128<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := coordinatorv1.NewZiskCoordinatorApiClient(conn)
	one, minute := uint32(1), uint32(60)

	const unknown = "00000000-0000-4000-8000-000000000000"
	if _, err := client.WaitJobResult(ctx, &coordinatorv1.WaitJobResultRequest{JobId: unknown, TimeoutSeconds: &one}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown job: %v", err)
	}
	first, err := client.RegisterGuestProgram(ctx, &coordinatorv1.RegisterGuestProgramRequest{ZiskElf: []byte("a guest program")})
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.RegisterGuestProgram(ctx, &coordinatorv1.RegisterGuestProgramRequest{ZiskElf: []byte("a guest program")})
	if err != nil || first.GetHashId() == "" || first.GetHashId() != second.GetHashId() {
		t.Errorf("one program has the names %q and %q: %v", first.GetHashId(), second.GetHashId(), err)
	}
	request := func(kind *coordinatorv1.JobKind) string {
		t.Helper()
		answer, err := client.JobRequest(ctx, &coordinatorv1.JobRequestMessage{JobKind: kind})
		if err != nil {
			t.Fatal(err)
		}
		return answer.GetJobId()
	}
	wait := func(job string) *coordinatorv1.WaitJobResultResponse {
		t.Helper()
		answer, err := client.WaitJobResult(ctx, &coordinatorv1.WaitJobResultRequest{JobId: job, TimeoutSeconds: &minute})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	setup := request(&coordinatorv1.JobKind{Kind: &coordinatorv1.JobKind_Setup{Setup: &coordinatorv1.SetupRequest{HashId: first.GetHashId(), ProgramName: "test"}}})
	if answer := wait(setup); answer.GetJobStatus().GetCompleted() == nil || answer.GetResult().GetSetup() == nil {
		t.Fatalf("set-up: %v", answer)
	}
	prove := &coordinatorv1.JobKind{Kind: &coordinatorv1.JobKind_Prove{Prove: &coordinatorv1.ProveRequest{HashId: first.GetHashId(),
		ProofDest: coordinatorv1.ProofKind_PROOF_KIND_STARK_MINIMAL,
		Input:     &coordinatorv1.InputKind{Kind: &coordinatorv1.InputKind_Inline{Inline: &coordinatorv1.InputChunk{Data: make([]byte, 16)}}}}}}
	job := request(prove)
	stream, err := client.WatchJob(ctx, &coordinatorv1.WatchJobRequest{JobId: job})
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	for {
		event, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		ended = ended || event.GetCompleted() != nil
	}
	if !ended {
		t.Error("the stream of events ended without the job's end")
	}
	for range 2 { // a result can be had again
		if answer := wait(job); answer.GetJobStatus().GetCompleted() == nil || len(answer.GetResult().GetProve().GetProof().GetData()) == 0 {
			t.Errorf("proof: %v", answer.GetJobStatus())
		}
	}
	answer, err := client.CancelJob(ctx, &coordinatorv1.CancelJobRequest{JobId: job})
	if err != nil || answer.GetCancelled() {
		t.Errorf("cancelling a job that has ended: %v, %v", answer, err)
	}
}

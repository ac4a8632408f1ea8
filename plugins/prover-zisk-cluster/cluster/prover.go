package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/plugins/internal/endpoint"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	coordinatorv1 "github.com/proofline/proofline/plugins/prover-zisk-cluster/proto/zisk/coordinator/v1"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Prover is a stage's prover. Its methods may be called concurrently. As many jobs run at
// a time as the stage's concurrency allows.
type Prover struct {
	config   Config
	stateDir string
	log      *slog.Logger
	elf      []byte
	elfSum   string     // SHA-256 of the guest program, in hexadecimal
	setupKey *proof.Key // the configured setup key; nil accepts any

	verifyBin     string // path of the verifying tool; empty for none
	verifyVersion zisk.Version

	conn   *grpc.ClientConn
	client coordinatorv1.ZiskCoordinatorApiClient
	tally  endpoint.Tally // counts the calls to the coordinator

	mu      sync.Mutex // guards hash and program; held while the program is registered and set up
	hash    string     // the coordinator's name of the program; empty before the registration
	program *proof.Key // the program key; nil if it is not known

	refused *refusedJobs
	streak  tool.Streak

	// duplicates counts jobs that may have been submitted twice.
	duplicates atomic.Int64
}

// Open makes the prover of a stage. It does not wait for the coordinator.
func Open(ctx context.Context, config Config, env sdk.Env) (*Prover, error) {
	p := &Prover{config: config, stateDir: env.StateDir, log: env.Log, refused: openRefused(env.StateDir)}
	var err error
	if p.elf, err = os.ReadFile(config.ELF); err != nil {
		return nil, sdk.Environment(fmt.Errorf("guest program: %w", err), "set `elf` to the guest's ELF file")
	}
	sum := sha256.Sum256(p.elf)
	p.elfSum = hex.EncodeToString(sum[:])
	if p.setupKey, err = config.setupKey(); err != nil {
		return nil, sdk.Environment(err, "correct `verify_key`")
	}
	if config.ProgramKey != "" {
		key, err := proof.ParseKey(config.ProgramKey)
		if err != nil {
			return nil, sdk.Permanent(err)
		}
		p.program = &key
	}
	if config.VerifyBin != "" {
		if p.verifyBin, p.verifyVersion, err = config.verifier(ctx); err != nil {
			return nil, err
		}
		if family, _ := p.verifyVersion.Family(); family < zisk.Family017 {
			return nil, sdk.Environment(fmt.Errorf("%s is ZisK %v; clusters have 0.17 or later", p.verifyBin, p.verifyVersion), "set `verify_bin` to cargo-zisk of the cluster's version")
		}
	}
	if p.conn, err = dial(config.Coordinator, &p.tally); err != nil {
		return nil, sdk.Permanent(fmt.Errorf("coordinator: %w", err))
	}
	p.client = coordinatorv1.NewZiskCoordinatorApiClient(p.conn)
	p.loadProgram()
	p.conn.Connect()
	return p, nil
}

// Note names the coordinator and the program.
func (p *Prover) Note() string {
	return fmt.Sprintf("proofs are made by the cluster at %s, program %s", p.config.Coordinator, p.elfSum[:8])
}

// Health returns unavailable while the coordinator cannot be reached.
func (p *Prover) Health(context.Context) sdk.Health {
	health := sdk.Health{State: sdk.HealthReady}
	switch p.conn.GetState() {
	case connectivity.TransientFailure:
		health.State, health.Detail = sdk.HealthUnavailable, "the coordinator at "+p.config.Coordinator+" cannot be reached"
		health.Endpoints = []sdk.Endpoint{p.tally.Endpoint(redact.URL(p.config.Coordinator), "it cannot be reached")}
		return health
	case connectivity.Idle:
		p.conn.Connect()
	}
	health.Endpoints = []sdk.Endpoint{p.tally.Endpoint(redact.URL(p.config.Coordinator), "")}
	if n := p.duplicates.Load(); n > 0 {
		health.Detail = fmt.Sprintf("%d jobs may have been submitted twice", n)
	}
	return health
}

// Close ends the connection. Jobs on the cluster go on.
func (p *Prover) Close() error { return p.conn.Close() }

// Prove has the task's input proved by the cluster.
func (p *Prover) Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	result, err := p.prove(ctx, t)
	if err != nil {
		return nil, p.streak.FailedWith(t.Job, err, tool.Suspects(t)...)
	}
	p.streak.Succeeded(t.Job)
	return result, nil
}

// reportAccepted reports that the coordinator has accepted the job.
func reportAccepted(t *sdk.Task, job string) {
	t.Progress(sdk.Progress{Phase: contract.PhaseAccepted, Fraction: -1, Note: "job " + job})
}

func (p *Prover) prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error) {
	path, err := t.Input(sdk.ArtifactInput)
	if err != nil {
		return nil, err
	}
	if err := (zisk.Version{Minor: 17}).CheckInput(path); err != nil {
		return nil, sdk.Permanent(err)
	}
	want := p.tokenFor(t)
	if k, ok := resumable(t.ResumeToken, want); ok && p.refused.has(k.Job) {
		t.Log.Warn("the proof of the earlier attempt's job did not hold; a new job is submitted", "job_id", k.Job)
	} else if ok {
		reportAccepted(t, k.Job)
		t.Log.Info("taking up the job of an earlier attempt", "job_id", k.Job, "submitted", k.Submitted)
		answer, err := p.follow(ctx, t, k)
		if err == nil {
			return p.collect(t, k, answer)
		}
		if status.Code(err) != codes.NotFound && !errors.Is(err, errEnded) {
			return nil, err
		}
		t.Log.Warn("the job of the earlier attempt gives no proof; a new one is submitted", "job_id", k.Job, "reason", err)
	} else if len(t.ResumeToken) > 0 {
		t.Log.Warn("the job of the earlier attempt is of other work; a new one is submitted")
	}
	input, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(input) > maxMessage-1<<20 {
		return nil, sdk.Permanent(fmt.Errorf("the guest input has %d MiB; the coordinator takes messages of 128", len(input)>>20))
	}
	for tries := 1; ; tries++ {
		k, err := p.submit(ctx, t, want, input)
		if err != nil {
			return nil, err
		}
		answer, err := p.follow(ctx, t, k)
		if err == nil {
			return p.collect(t, k, answer)
		}
		if status.Code(err) != codes.NotFound {
			return nil, err
		}
		// The coordinator was restarted and has lost the job.
		if tries == maxSubmissions {
			return nil, sdk.Environment(fmt.Errorf("the coordinator has forgotten %d jobs of this block: %w", tries, err),
				"look why zisk-coordinator is started again and again")
		}
		t.Log.Warn("the coordinator has forgotten the job; it is submitted anew", "job_id", k.Job)
	}
}

// maxSubmissions is the largest number of jobs of one attempt.
const maxSubmissions = 3

// cancelTimeout is the time limit for the cancellation of a job.
const cancelTimeout = 10 * time.Second

// cancel cancels a job on the cluster. It does not depend on the context of a call.
func (p *Prover) cancel(log *slog.Logger, job string) {
	ctx, stop := context.WithTimeout(context.Background(), cancelTimeout)
	defer stop()
	answer, err := p.client.CancelJob(ctx, &coordinatorv1.CancelJobRequest{JobId: job})
	if err != nil {
		log.Warn("the job could not be cancelled; it goes on on the cluster", "job_id", job, "error", err)
		return
	}
	log.Info("the job was cancelled", "job_id", job, "cancelled", answer.GetCancelled())
}

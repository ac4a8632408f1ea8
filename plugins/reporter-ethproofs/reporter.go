package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/delivery"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// burst returns how many requests may be sent without a pause between them, for a pace
// in requests per minute. Pace and burst together stay within the server's 60 requests
// of any minute.
func burst(pace int) int {
	if pace >= 60 {
		return pace / 60 // EthProofs has exempted the key from the limit
	}
	return min(5, 60-pace)
}

// reporter implements sdk.Reporter for one cluster at EthProofs.
type reporter struct {
	sender *delivery.Sender
	config Config
	url    string // base URL of the API; empty in a dry run
}

func open(_ context.Context, config Config, env sdk.Env) (*reporter, error) {
	options := delivery.Options{
		Cluster:       config.Cluster,
		GiveUp:        config.GiveUp.Std(),
		MaxProofBytes: config.MaxProofBytes,
		Confirm:       config.Confirm,
		VerifyEvery:   config.VerifyEvery,
		ProveAnyway:   config.IfProved == "prove",
		AcceptTest:    config.AcceptTestProofs,
		Log:           env.Log,
	}
	if config.isDryRun() {
		env.Log.Warn("DRY RUN: nothing is sent to EthProofs; what would be sent of a proof is kept in the output directory")
		return &reporter{sender: delivery.New(options, nil, nil, nil), config: config}, nil
	}
	url, err := ethproofs.ParseURL(config.URL)
	if err != nil {
		return nil, sdk.Permanent(fmt.Errorf("url: %w", err))
	}
	options.URL = url
	client, err := config.client()
	if err != nil {
		return nil, sdk.Permanent(err)
	}
	store, err := ledger.Open(filepath.Join(env.StateDir, "ledger.db"))
	if err != nil {
		return nil, sdk.Environment(err, "see that no other proofline runs this pipeline; a damaged ledger may be moved away, after which answers of 409 count as conflicts")
	}
	pace := ethproofs.NewPace(config.Pace, burst(config.Pace))
	pace.Persist(filepath.Join(env.StateDir, "pace.json"))
	return &reporter{sender: delivery.New(options, client, store, pace), config: config, url: url}, nil
}

// Report implements sdk.Reporter.
func (r *reporter) Report(ctx context.Context, event *sdk.Event) (*sdk.Result, error) {
	if event.Block == nil {
		if event.Kind.IsPhase() {
			return nil, sdk.Permanent(fmt.Errorf("the event %s (%s) names no block", event.ID, event.Kind))
		}
		return &sdk.Result{}, nil // EthProofs takes reports about blocks only
	}
	facts, err := r.sender.Deliver(ctx, delivery.Event{
		Kind:  event.Kind,
		Block: *event.Block,
		Time:  event.Time,
		Facts: event.Facts,
		Try:   event.Try,
		Proof: func() ([]byte, error) { return r.proof(event) },
		Keep:  func(name string, body []byte) error { return keep(event, name, body) },
	})
	if err != nil {
		return nil, err
	}
	event.Log.Log(ctx, levelOf(facts), "reported", "block", event.Block.Number, delivery.FactOutcome, facts[delivery.FactOutcome])
	return &sdk.Result{Facts: facts}, nil
}

// levelOf returns the level at which a report is logged. A dry run is logged at the
// level info, because the operator may not expect that nothing is sent.
func levelOf(facts map[string]string) slog.Level {
	if facts[delivery.FactOutcome] == contract.OutcomeDryRun {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// proof reads the event's proof. The SDK has checked its size and hash. A missing or
// too large proof is a permanent error.
func (r *reporter) proof(event *sdk.Event) ([]byte, error) {
	_, artifact, ok := event.ByRole(contract.RoleProof)
	if !ok {
		return nil, sdk.Permanent(fmt.Errorf("the event of block %d has no artifact with the role %q", event.Block.Number, contract.RoleProof))
	}
	if artifact.Size > r.config.MaxProofBytes {
		return nil, sdk.Permanent(fmt.Errorf("block %d: the proof %s has %d bytes, over the limit of %d (max_proof_bytes)",
			event.Block.Number, artifact.Name, artifact.Size, r.config.MaxProofBytes))
	}
	path, err := event.Input(artifact.Name)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, sdk.Environment(fmt.Errorf("block %d: %w", event.Block.Number, err), "the proof must be readable until it is accepted")
	}
	return content, nil
}

// keep stores a request body as an artifact and publishes it to the host before the
// request is made. The body does not contain the key.
func keep(event *sdk.Event, name string, body []byte) error {
	artifact, err := event.WriteFile(name, body)
	if err != nil {
		return err
	}
	if err := event.Publish(artifact); err != nil {
		return fmt.Errorf("block %d: handing over %s: %w", event.Block.Number, name, err)
	}
	return nil
}

// Note returns the place that reports go to, for the host's start message.
func (r *reporter) Note() string {
	switch {
	case r.sender.IsDryRun() && r.config.DryRun:
		return "dry run, as dry_run says"
	case r.sender.IsDryRun():
		return "dry run: set ETHPROOFS_RPC_URL, ETHPROOFS_API_KEY and ETHPROOFS_CLUSTER_ID to report"
	case r.config.AcceptTestProofs:
		return fmt.Sprintf("reports to %s as cluster %d, PROOFS OF TEST PROGRAMS INCLUDED", r.url, r.config.Cluster)
	}
	return fmt.Sprintf("reports to %s as cluster %d", r.url, r.config.Cluster)
}

// Health returns the health of the sender.
func (r *reporter) Health(context.Context) sdk.Health { return r.sender.Health() }

// Close implements io.Closer. It ends and waits for the background work of the sender.
func (r *reporter) Close() error {
	return r.sender.Close()
}

// Package delivery reports the phases of blocks to EthProofs, by the rules that
// make them count:
//
//   - No earlier phase follows a later one of the same number, across restarts
//     and reorgs: the ledger has the phase that a number has reached.
//   - An answer of 200 ends the delivery. So does 409 where the proof of the same hash
//     was sent before, under any version of the cluster. Otherwise the sender asks the
//     site whose proof it has before it returns a conflict.
//   - An answer of 429 holds every request of the key for the time that the server
//     states. Otherwise the server's count of the key's requests sets the pace.
//   - A proof whose number the server has not acknowledged is announced first. It is
//     announced again where the server answers 500 and has lost the block.
//   - After another 5xx or a broken connection the error is retryable, with growing
//     pauses, until the event is older than GiveUp. After 400 the error is permanent.
//     401 and 404 are faults of the account: nothing is sent until the server accepts
//     the account again.
//   - The request body is kept before the request is made, where that is possible.
//   - Stored proofs are checked in the background, which delays no delivery.
//
// The package does not retry: Deliver makes its requests once and returns an error of
// package contract with a class and a pause.
package delivery

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// Options are the settings of a sender.
type Options struct {
	URL           string        // base URL of ethproofs.ParseURL; empty for a dry run
	Cluster       int           // index within the team; 0 only in a dry run
	GiveUp        time.Duration // age of an event from which a failed try is permanent; 0 for never
	MaxProofBytes int64         // largest proof to send, in bytes
	Confirm       bool          // download each accepted proof once and compare it
	VerifyEvery   int           // the site verifies one of this many accepted proofs; 0 for none
	AcceptTest    bool          // send proofs that a test double made; a dry run accepts them anyway
	// ProveAnyway makes the announcement of a block skipped, not proved elsewhere, where
	// the site has a proof of the number by another process.
	ProveAnyway bool
	Log         *slog.Logger
}

// Event is a phase to report.
type Event struct {
	Kind  contract.EventKind
	Block contract.Block
	Time  time.Time
	Facts map[string]string
	Try   uint32 // counts from 1
	// Proof returns the bytes of the proof. It is called for EventProved only.
	Proof func() ([]byte, error)
	// Keep stores a request body for the operator. It is called before the request is
	// made. Its failure is logged and does not end the delivery.
	Keep func(name string, body []byte) error
}

// Names of the facts that Deliver returns.
const (
	FactOutcome = contract.FactOutcome // one of contract's Outcome constants
	FactProofID = "proof_id"           // id of the proof at EthProofs
	FactVersion = "cluster_version"    // id of the cluster version that the phase was sent under
	FactReason  = contract.FactReason  // only with OutcomeSkipped and OutcomeProvedElsewhere
)

// Sender delivers events to one cluster. It may be used concurrently, but the events
// of one block must be delivered one after the other.
type Sender struct {
	options Options
	client  *ethproofs.Client
	ledger  *ledger.Ledger
	pace    *ethproofs.Pace
	numbers numberLocks
	version versionWatch
	account account
	outage  outage
	waiting postponed
	checks  checks

	mu      sync.Mutex
	overdue map[uint64]bool // block numbers that warnOverdue found last
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New returns a sender that owns client and store: Close closes them. Client, store
// and pace are nil in a dry run. New starts the background work of the sender.
func New(options Options, client *ethproofs.Client, store *ledger.Ledger, pace *ethproofs.Pace) *Sender {
	s := &Sender{options: options, client: client, ledger: store, pace: pace,
		numbers: newNumberLocks(), waiting: newPostponed(), checks: newChecks(), stop: func() {}}
	s.version = newVersionWatch(options.URL, options.Cluster, client, store, options.Log)
	if !s.IsDryRun() {
		ctx, stop := context.WithCancel(context.Background())
		s.stop = stop
		s.done.Go(func() { s.watch(ctx) })
		s.done.Go(func() { s.watchAccount(ctx) })
		s.done.Go(func() { s.sendPostponed(ctx) })
		s.done.Go(func() { s.runChecks(ctx) })
	}
	return s
}

// IsDryRun reports whether the sender sends nothing.
func (s *Sender) IsDryRun() bool { return s.options.URL == "" }

// Close ends the background work, waits for it, and closes client and ledger. No
// Deliver may be running.
func (s *Sender) Close() error {
	s.stop()
	s.done.Wait()
	if s.IsDryRun() {
		return nil
	}
	s.client.Close()
	return s.ledger.Close()
}

// Deliver reports one event and returns the facts of the delivery. Its errors are of
// package contract, with class and pause.
func (s *Sender) Deliver(ctx context.Context, event Event) (map[string]string, error) {
	if event.Kind == contract.EventFailed {
		return s.noteFailure(ctx, event)
	}
	phase := phaseOf(event.Kind)
	if phase == 0 {
		return skipped("not a phase at EthProofs"), nil
	}
	r, err := s.newRequest(phase, event)
	if err != nil {
		return nil, err
	}
	r.keep = func(phase ethproofs.Phase, body []byte) error { return s.keep(ctx, event, phase, body) }
	// The body is stored while the ledger is read and written. The request waits for both.
	stored := make(chan error, 1)
	go func() { stored <- r.keep(r.phase, r.body) }()
	r.kept = sync.OnceValue(func() error { return <-stored })
	defer func() { _ = r.kept() }() // the event must not be used after Deliver has returned
	if s.IsDryRun() {
		if err := r.kept(); err != nil {
			return nil, err
		}
		return map[string]string{FactOutcome: contract.OutcomeDryRun}, nil
	}
	unlock, err := s.numbers.lock(ctx, event.Block.Number)
	if err != nil {
		return nil, contract.Interrupted(err)
	}
	defer unlock()
	if err := s.account.fault(time.Now()); err != nil {
		return nil, err
	}
	version, err := s.version.current(ctx)
	if err != nil {
		return nil, s.classify(err, event)
	}
	r.target = ledger.Target{URL: s.options.URL, Cluster: s.options.Cluster, Version: version}
	facts, err := s.post(ctx, r)
	if err != nil {
		return nil, s.classify(err, event)
	}
	s.outage.clear()
	facts[FactVersion] = strconv.FormatInt(r.target.Version, 10)
	return facts, nil
}

// keep stores a request body by event.Keep. It returns an error only where the context
// has ended.
func (s *Sender) keep(ctx context.Context, event Event, phase ethproofs.Phase, body []byte) error {
	err := event.Keep(fileName(phase, event.Block.Number), body)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return contract.Interrupted(ctx.Err())
	}
	s.options.Log.Warn("the request body could not be kept; the report goes on", "block", event.Block.Number, "phase", phase.String(), "error", err)
	return nil
}

// skipped returns the facts of a delivery that was left out for a reason.
func skipped(reason string) map[string]string {
	return map[string]string{FactOutcome: contract.OutcomeSkipped, FactReason: reason}
}

// phaseOf returns the phase at EthProofs of an event kind, and 0 for a kind that has none.
func phaseOf(kind contract.EventKind) ethproofs.Phase {
	switch kind {
	case contract.EventQueued:
		return ethproofs.Queued
	case contract.EventProving:
		return ethproofs.Proving
	case contract.EventProved:
		return ethproofs.Proved
	}
	return 0
}

// fileName returns the name of the artifact for a request body. The name for a proof
// is the one that ethrex-ethproofs uses.
func fileName(phase ethproofs.Phase, number uint64) string {
	if phase == ethproofs.Proved {
		return strconv.FormatUint(number, 10) + ".json"
	}
	return phase.String() + ".json"
}

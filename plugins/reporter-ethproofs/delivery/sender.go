// Package delivery reports the phases of blocks to EthProofs, by the rules that
// make them count:
//
//   - No earlier phase follows a later one of the same number, across restarts
//     and reorgs: the ledger knows what a number has reached.
//   - 200 is done. 409 is done where the proof of this very hash was sent before,
//     under any version of the cluster; otherwise the site is asked whose proof it
//     has before anything is called a conflict.
//   - 429 holds every request of the key for as long as the server says; below
//     that the server's own count sets the pace.
//   - A proof whose number the server has not acknowledged is announced first, and
//     once more where the server answers 500 and does not know the block any more.
//   - Other 5xx and broken connections are tried again, later and later, until
//     the event is GiveUp old. 400 ends the event. 401 and 404 are faults of the
//     account: nothing more is sent until the server takes the account again.
//   - The request body is kept before the request is made, where that is possible.
//   - Stored proofs are looked at in the background, which holds up no delivery.
//
// Retrying is the caller's part: Deliver makes its requests once and returns an
// error of package contract with class and delay.
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

// Options are a sender's settings.
type Options struct {
	URL           string // base URL of ethproofs.ParseURL; empty for a dry run
	Cluster       int    // index within the team; 0 only in a dry run
	GiveUp        time.Duration
	MaxProofBytes int64
	Confirm       bool // download each accepted proof once and compare
	VerifyEvery   int  // have the site verify every so-many-th accepted proof; 0 for none
	AcceptTest    bool // send proofs that a test double made; a dry run, which sends nothing, takes them
	// ProveAnyway: a block whose number has a proof of somebody else's at the site
	// is not called proved elsewhere when it is announced.
	ProveAnyway bool
	Log         *slog.Logger
}

// Event is a phase to report.
type Event struct {
	Kind  contract.EventKind
	Block contract.Block
	Time  time.Time
	Facts map[string]string
	Try   uint32
	// Proof reads the proof; used for EventProved only.
	Proof func() ([]byte, error)
	// Keep stores a request body where the operator finds it. It is called before
	// the request is made; a failure is logged and holds up nothing.
	Keep func(name string, body []byte) error
}

// Names of the facts that a delivery answers with.
const (
	FactOutcome = contract.FactOutcome // one of contract's Outcome constants
	FactProofID = "proof_id"           // EthProofs' number of the proof
	FactVersion = "cluster_version"
	FactReason  = contract.FactReason // of OutcomeSkipped and OutcomeProvedElsewhere
)

// Sender delivers events to one cluster. It may be used concurrently; the
// events of one block must come one after the other.
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
	overdue map[uint64]bool // as of the watch's last look
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New returns a sender that owns client and ledger and closes them. Both are
// nil in a dry run.
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

// IsDryRun reports whether nothing is sent.
func (s *Sender) IsDryRun() bool { return s.options.URL == "" }

// Close ends the sender's own work. No Deliver may be running.
func (s *Sender) Close() error {
	s.stop()
	s.done.Wait()
	if s.IsDryRun() {
		return nil
	}
	s.client.Close()
	return s.ledger.Close()
}

// Deliver reports one event.
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
	// The body is kept beside what the ledger is asked and told; the request waits for both.
	keeping := make(chan error, 1)
	go func() { keeping <- r.keep(r.phase, r.body) }()
	r.kept = sync.OnceValue(func() error { return <-keeping })
	defer func() { _ = r.kept() }() // the event takes nothing any more when this returns
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

// keep hands a request body to the operator's folder.
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

func skipped(reason string) map[string]string {
	return map[string]string{FactOutcome: contract.OutcomeSkipped, FactReason: reason}
}

// phaseOf returns 0 for a kind that is no phase at EthProofs.
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

// fileName is where the body is kept. That of a proof has the name that
// operators know from ethrex-ethproofs.
func fileName(phase ethproofs.Phase, number uint64) string {
	if phase == ethproofs.Proved {
		return strconv.FormatUint(number, 10) + ".json"
	}
	return phase.String() + ".json"
}

// Package delivery says the phases of blocks to EthProofs, by the rules that
// make them count:
//
//   - No earlier phase follows a later one of the same number, across restarts
//     and reorgs: the ledger knows what a number has reached.
//   - 200 is done. 409 is done where the proof of this very hash was sent
//     before, and a conflict otherwise.
//   - 429 holds every request of the key for as long as the server says.
//   - 500 on a proof is what the server answers for a number that it has never
//     heard of: the phase is announced again and the proof sent once more.
//   - Other 5xx and broken connections are tried again, later and later, until
//     the event is GiveUp old. 400 ends the event; 401 and 404 pause the stage.
//   - The request body is kept before the request is made.
//
// Retrying is the caller's part: Deliver makes its requests once and returns an
// error of package contract with class and delay.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ledger"
	"github.com/proofline/proofline/sdk/contract"
)

// Options are a courier's settings.
type Options struct {
	URL           string // base URL of ethproofs.ParseURL; empty for a dry run
	Cluster       int    // index within the team; 0 only in a dry run
	GiveUp        time.Duration
	MaxProofBytes int64
	Confirm       bool // download each accepted proof once and compare
	AcceptTest    bool // send proofs that a test double made
	Log           *slog.Logger
}

// Event is a phase to report. Keep stores a request body where the operator
// finds it; it is called before the request is made.
type Event struct {
	Kind  contract.EventKind
	Block contract.Block
	Time  time.Time
	Facts map[string]string
	Try   uint32
	// Proof reads the proof; used for EventProved only.
	Proof func() ([]byte, error)
	Keep  func(name string, body []byte) error
}

// Names of the facts that a delivery answers with.
const (
	FactOutcome = contract.FactOutcome // one of the Outcome constants
	FactProofID = "proof_id"           // EthProofs' number of the proof
	FactVersion = "cluster_version"
)

// Outcomes of a delivery without error.
const (
	OutcomeAccepted = contract.OutcomeAccepted       // the server took it now
	OutcomeBefore   = contract.OutcomeAcceptedBefore // the server had it from an earlier try
	OutcomeSkipped  = "skipped"                      // the number has reached this phase or a later one
	OutcomeDryRun   = "dry run"                      // nothing was sent
	OutcomeNoted    = "noted"                        // not a phase at EthProofs; there is nothing to send
)

// Courier delivers events to one cluster. It may be used concurrently; the
// events of one block must come one after the other.
type Courier struct {
	options Options
	client  *ethproofs.Client
	ledger  *ledger.Ledger
	pace    *ethproofs.Pace
	numbers numberLocks
	version versionWatch
	trouble trouble

	mu      sync.Mutex
	overdue map[uint64]bool // as of the watch's last look
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// New returns a courier that owns client and ledger and closes them. Both are
// nil in a dry run.
func New(options Options, client *ethproofs.Client, book *ledger.Ledger, pace *ethproofs.Pace) *Courier {
	c := &Courier{options: options, client: client, ledger: book, pace: pace,
		numbers: newNumberLocks(), stop: func() {}}
	c.version = newVersionWatch(options.URL, options.Cluster, client, book, options.Log)
	if !c.IsDryRun() {
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		c.done.Go(func() { c.watch(ctx) })
	}
	return c
}

// IsDryRun reports whether nothing is sent.
func (c *Courier) IsDryRun() bool { return c.options.URL == "" }

// Close ends the courier's own work. No Deliver may be running.
func (c *Courier) Close() error {
	c.stop()
	c.done.Wait()
	if c.IsDryRun() {
		return nil
	}
	c.client.Close()
	return c.ledger.Close()
}

// Deliver reports one event.
func (c *Courier) Deliver(ctx context.Context, event Event) (map[string]string, error) {
	if event.Kind == contract.EventFailed {
		return c.noteFailure(ctx, event)
	}
	phase := phaseOf(event.Kind)
	if phase == 0 {
		return map[string]string{FactOutcome: OutcomeNoted}, nil
	}
	letter, err := c.write(phase, event)
	if err != nil {
		return nil, err
	}
	if err := event.Keep(fileName(phase, event.Block.Number), letter.body); err != nil {
		return nil, err
	}
	if c.IsDryRun() {
		return map[string]string{FactOutcome: OutcomeDryRun}, nil
	}
	unlock, err := c.numbers.lock(ctx, event.Block.Number)
	if err != nil {
		return nil, contract.Interrupted(err)
	}
	defer unlock()
	version, err := c.version.current(ctx)
	if err != nil {
		return nil, c.judge(err, event)
	}
	letter.target = ledger.Target{URL: c.options.URL, Cluster: c.options.Cluster, Version: version}
	facts, err := c.post(ctx, letter)
	if err != nil {
		return nil, c.judge(err, event)
	}
	c.trouble.clear()
	facts[FactVersion] = strconv.FormatInt(version, 10)
	return facts, nil
}

// letter is a checked request.
type letter struct {
	phase  ethproofs.Phase
	block  contract.Block
	body   []byte
	proof  []byte
	target ledger.Target
}

// write checks the event and makes the request body of it.
func (c *Courier) write(phase ethproofs.Phase, event Event) (*letter, error) {
	l := &letter{phase: phase, block: event.Block}
	var err error
	if phase != ethproofs.Proved {
		if l.body, err = ethproofs.StatusBody(event.Block.Number, c.options.Cluster); err != nil {
			return nil, contract.Permanent(err)
		}
		return l, nil
	}
	if l.proof, err = event.Proof(); err != nil {
		return nil, err
	}
	if !c.options.AcceptTest {
		err = ethproofs.CheckGenuine(l.proof)
		if event.Facts["test_proof"] == "true" {
			err = ethproofs.ErrTestProof
		}
		if err != nil {
			return nil, contract.Permanent(fmt.Errorf("block %d is not reported: %w", event.Block.Number, err))
		}
	}
	proof := ethproofs.Proof{Content: l.proof, VerifierID: event.Facts[contract.FactVerifierID]}
	if proof.ProvingTime, err = provingTime(event.Facts); err != nil {
		return nil, contract.Permanent(fmt.Errorf("block %d is not reported: %w", event.Block.Number, err))
	}
	proof.Cycles = c.cycles(event)
	if l.body, err = ethproofs.ProvedBody(event.Block.Number, c.options.Cluster, proof, c.options.MaxProofBytes); err != nil {
		return nil, contract.Permanent(err)
	}
	return l, nil
}

// provingTime reads the host's figure; under a millisecond counts as one.
func provingTime(facts map[string]string) (int64, error) {
	text, given := facts[contract.FactProvingTimeMS]
	if !given {
		return 0, fmt.Errorf("the event has no fact %s", contract.FactProvingTimeMS)
	}
	milliseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || milliseconds < 0 {
		return 0, fmt.Errorf("the fact %s is %q: want whole milliseconds", contract.FactProvingTimeMS, text)
	}
	return max(milliseconds, 1), nil
}

// cycles reads an optional figure. One that cannot be sent is left out: it must
// not cost the proof.
func (c *Courier) cycles(event Event) uint64 {
	text := event.Facts[contract.FactCycles]
	if text == "" {
		return 0
	}
	cycles, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		c.options.Log.Warn("the number of proving cycles cannot be sent and is left out", "block", event.Block.Number, contract.FactCycles, text)
		return 0
	}
	return cycles
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

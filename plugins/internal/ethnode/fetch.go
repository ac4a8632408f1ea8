package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/plugins/internal/ethnode/witnesscheck"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// Names of facts of a fetch, besides those that package contract names.
const (
	FactWitnessBytes    = "witness_bytes"    // size of witness.json
	FactBlockEndpoint   = "block_endpoint"   // which endpoint gave block.json
	FactWitnessEndpoint = "witness_endpoint" // which endpoint gave witness.json
	FactSurplus         = "surplus_entries"  // entries of witness.json that nothing refers to
)

// File is an artifact that is being written. It may also have
// Reject(reason error), which is called before Discard when the content did not
// pass the checks.
type File interface {
	io.Writer
	Commit() (contract.Artifact, error) // makes it durable
	Discard()                           // forgets it
}

// reject gives up a file because of its content.
func reject(f File, reason error) {
	if r, ok := f.(interface{ Reject(reason error) }); ok {
		r.Reject(reason)
	}
}

// Fetcher brings blocks and witnesses to disk.
type Fetcher struct {
	Supply Supply
	// Patience is how long a fetch goes on asking for a block that the node
	// does not have yet; 10 s. The head reaches the parts of a node, and the
	// nodes behind one address, at different times.
	Patience time.Duration
	// Enter, if set, is waited for before a fetch begins, and what it returns is
	// called at its end.
	Enter func(ctx context.Context, number uint64) (leave func(), err error)
	// Strict refuses a witness with entries that nothing refers to.
	Strict bool
}

// Fetch writes block.json and witness.json, at the same time, to files made by
// create, and checks them against the block's hash and each other. Nothing is
// committed that did not pass. What is examined is examined as it streams by, in
// memory that hardly grows with it.
func (f *Fetcher) Fetch(ctx context.Context, want Want, create func(name string) (File, error)) (*contract.Result, error) {
	if want.Block.Number == 0 {
		return nil, contract.Permanent(errors.New("block 0 is the genesis block: it has no parent and no witness"))
	}
	if f.Enter != nil {
		leave, err := f.Enter(ctx, want.Block.Number)
		if err != nil {
			return nil, contract.Interrupted(err)
		}
		defer leave()
	}
	group, ctx := errgroup.WithContext(ctx)
	var got atomic.Pointer[witness.Block]
	blockRead := make(chan struct{})
	var block fetched
	var wit fetchedWitness
	group.Go(func() (err error) {
		block, err = f.block(ctx, want, create)
		if err == nil {
			got.Store(block.block)
			close(blockRead)
		}
		return err
	})
	group.Go(func() (err error) {
		wit, err = f.witness(ctx, want, create, &pending{got: &got, read: blockRead})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	facts := map[string]string{
		contract.FactGasUsed: strconv.FormatUint(block.block.GasUsed(), 10),
		contract.FactTxCount: strconv.Itoa(len(block.block.Transactions())),
		FactWitnessBytes:     strconv.FormatInt(wit.artifact.Size, 10),
		FactBlockEndpoint:    block.from,
		FactWitnessEndpoint:  wit.from,
	}
	if n := wit.summary.Surplus(); n > 0 {
		facts[FactSurplus] = strconv.Itoa(n)
	}
	return &contract.Result{Outputs: []contract.Artifact{block.artifact, wit.artifact}, Facts: facts}, nil
}

// pending is a block that is being fetched.
type pending struct {
	got  *atomic.Pointer[witness.Block]
	read <-chan struct{}
}

// wait waits for the block. The error says nothing about whoever waits.
func (p *pending) wait(ctx context.Context) (*witness.Block, error) {
	select {
	case <-p.read:
		return p.got.Load(), nil
	case <-ctx.Done():
		return nil, contract.Interrupted(fmt.Errorf("%w: %w", errUnjudged, context.Cause(ctx)))
	}
}

// witnessLimit is how many bytes the witness may have, as far as is known now.
func (p *pending) witnessLimit() int64 {
	if b := p.got.Load(); b != nil {
		return witness.Limit(b.GasLimit())
	}
	return witness.Limit(0)
}

// fetched is a block on disk.
type fetched struct {
	block    *witness.Block
	artifact contract.Artifact
	from     string // label of the reader
}

// fetchedWitness is a witness on disk.
type fetchedWitness struct {
	summary  witnesscheck.Summary
	artifact contract.Artifact
	from     string
}

// file is data that passed the checks and are not committed yet.
type file[T any] struct {
	File
	from string
	what T
}

// refused is the verdict on what a reader sent: retryable, since another fetch, or
// another reader, may do better.
func refused(out File, err error) error {
	err = contract.Retryable(&badDataError{err})
	reject(out, err)
	return err
}

func (f *Fetcher) block(ctx context.Context, want Want, create func(string) (File, error)) (got fetched, err error) {
	fetch := func(ctx context.Context, c Candidate) (b file[*witness.Block], err error) {
		out, err := create(contract.ArtifactBlock)
		if err != nil {
			return b, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		var block *witness.Block
		reader := consume(func(src io.Reader) (err error) {
			block, err = witness.ScanBlock(src)
			return err
		})
		err = c.Block(ctx, io.MultiWriter(storing{out}, reader), want.Block)
		if bad := reader.finish(err); bad != nil && (err == nil || errors.Is(err, bad)) {
			return b, refused(out, fmt.Errorf("%s: %w", c.Name(), bad))
		}
		if err != nil {
			return b, err
		}
		if have := contract.Hash(block.Hash()); have != want.Block.Hash || block.NumberU64() != want.Block.Number {
			return b, refused(out, fmt.Errorf("%s: asked for block %d %v, the node answered block %d %v", c.Name(), want.Block.Number, want.Block.Hash, block.NumberU64(), have))
		}
		return file[*witness.Block]{out, c.Label, block}, nil
	}
	use := func(b file[*witness.Block]) error {
		got.block, got.from = b.what, b.from
		got.artifact, err = b.Commit()
		return err
	}
	err = f.patiently(ctx, BlockData, want, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(b file[*witness.Block]) { b.Discard() })
	})
	return got, err
}

// witness fetches the witness and checks it against the block.
func (f *Fetcher) witness(ctx context.Context, want Want, create func(string) (File, error), block *pending) (got fetchedWitness, err error) {
	fetch := func(ctx context.Context, c Candidate) (w file[witnesscheck.Summary], err error) {
		out, err := create(contract.ArtifactWitness)
		if err != nil {
			return w, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		var contents *witnesscheck.Contents
		reader := consume(func(src io.Reader) (err error) {
			contents, err = witnesscheck.Read(src)
			return err
		})
		err = c.Witness(ctx, io.MultiWriter(storing{out}, &limited64{reader, block.witnessLimit, 0}), want.Block)
		if bad := reader.finish(err); bad != nil && (err == nil || errors.Is(err, bad)) {
			return w, refused(out, fmt.Errorf("%s: block %d: %w", c.Name(), want.Block.Number, bad))
		}
		if err != nil {
			return w, finally(err, c)
		}
		b, err := block.wait(ctx)
		if err != nil {
			return w, err
		}
		summary, err := contents.Against(b, f.Strict)
		if err != nil {
			return w, refused(out, fmt.Errorf("%s: %w", c.Name(), err))
		}
		return file[witnesscheck.Summary]{out, c.Label, summary}, nil
	}
	use := func(w file[witnesscheck.Summary]) error {
		got.summary, got.from = w.what, w.from
		got.artifact, err = w.Commit()
		return err
	}
	err = f.patiently(ctx, WitnessData, want, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(w file[witnesscheck.Summary]) { w.Discard() })
	})
	return got, err
}

// nearHead is how many blocks below the head a node's own limit is not believed
// yet: a head that has just moved, or a node behind a balancer, says the same.
const nearHead = 8

// finally turns an absent state into a permanent error where the block lies so far
// below the reader's head that it will not come back.
func finally(err error, c Candidate) error {
	if !errors.Is(err, ErrNoState) || c.Depth == nil {
		return err
	}
	depth, window := c.Depth()
	if window > 0 && depth > window || errors.Is(err, errLimit) && depth > nearHead {
		return contract.Permanent(fmt.Errorf("%w, %d blocks below its head: %w", ErrOutsideWindow, depth, err))
	}
	return err
}

// patiently repeats fetch while the nodes say that they do not have the block, or
// its state, yet.
func (f *Fetcher) patiently(ctx context.Context, data Data, want Want, fetch func([]Candidate) error) error {
	deadline := time.Now().Add(cmp.Or(f.Patience, 10*time.Second))
	pause := 100 * time.Millisecond
	for {
		list, err := f.Supply.Candidates(data, want)
		if err == nil {
			err = fetch(list)
		}
		notYet := errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoState)
		if !notYet || contract.ClassOf(err) != contract.ClassRetryable || !time.Now().Add(pause).Before(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		case <-ctx.Done():
			return err
		}
	}
}

// storing marks the errors of a file that is written.
type storing struct{ File }

func (s storing) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		err = &storeError{err}
	}
	return n, err
}

// limited64 refuses more bytes than a limit that may change.
type limited64 struct {
	*consumer
	limit func() int64
	seen  int64
}

func (l *limited64) Write(p []byte) (int, error) {
	if l.seen += int64(len(p)); l.seen > l.limit() {
		return 0, contract.Retryable(&badDataError{fmt.Errorf("the witness is over %d bytes, more than a block of its gas limit can need", l.limit())})
	}
	return l.consumer.Write(p)
}

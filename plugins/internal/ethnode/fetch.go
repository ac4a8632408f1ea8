package ethnode

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/plugins/internal/ethnode/witnesscheck"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// FactWitnessBytes is the fact that gives the size of witness.json.
const FactWitnessBytes = "witness_bytes"

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
}

// maxBlock bounds the JSON of a block, which is held in memory.
const maxBlock = 256 << 20

// Fetch writes block.json and witness.json, at the same time, to files made by
// create, and checks them against the block's hash and each other. Nothing is
// committed that did not pass.
func (f *Fetcher) Fetch(ctx context.Context, block contract.Block, create func(name string) (File, error)) (*contract.Result, error) {
	if block.Number == 0 {
		return nil, contract.Permanent(errors.New("block 0 is the genesis block: it has no parent and no witness"))
	}
	if f.Enter != nil {
		leave, err := f.Enter(ctx, block.Number)
		if err != nil {
			return nil, contract.Interrupted(err)
		}
		defer leave()
	}
	group, ctx := errgroup.WithContext(ctx)
	blockRead := make(chan struct{})
	var got *fetchedBlock
	var outputs [2]contract.Artifact
	group.Go(func() (err error) {
		got, outputs[0], err = f.block(ctx, block, create)
		if err == nil {
			close(blockRead)
		}
		return err
	})
	group.Go(func() (err error) {
		outputs[1], err = f.witness(ctx, block, create, func() (*fetchedBlock, error) {
			select {
			case <-blockRead:
				return got, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &contract.Result{Outputs: outputs[:], Facts: map[string]string{
		contract.FactGasUsed: strconv.FormatUint(got.GasUsed(), 10),
		contract.FactTxCount: strconv.Itoa(len(got.Transactions())),
		FactWitnessBytes:     strconv.FormatInt(outputs[1].Size, 10),
	}}, nil
}

// fetchedBlock is a verified block and the senders that the node names.
type fetchedBlock struct {
	*witness.Block
	senders []common.Address
}

// blockFile is a block that passed the checks and is not committed yet.
type blockFile struct {
	File
	block *fetchedBlock
}

func (f *Fetcher) block(ctx context.Context, block contract.Block, create func(string) (File, error)) (got *fetchedBlock, a contract.Artifact, err error) {
	fetch := func(ctx context.Context, c Candidate) (b blockFile, err error) {
		out, err := create(contract.ArtifactBlock)
		if err != nil {
			return b, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		var text bytes.Buffer
		if err := c.Block(ctx, io.MultiWriter(storing{out}, &limitedBuffer{&text, maxBlock}), block); err != nil {
			return b, err
		}
		decoded, err := decodeBlock(text.Bytes(), block)
		if err != nil {
			err = contract.Retryable(fmt.Errorf("%s: %w", c.Name(), err))
			reject(out, err)
			return b, err
		}
		return blockFile{out, decoded}, nil
	}
	use := func(b blockFile) error {
		got = b.block
		a, err = b.Commit()
		return err
	}
	err = f.patiently(ctx, BlockData, block, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(b blockFile) { b.Discard() })
	})
	return got, a, err
}

func decodeBlock(text []byte, want contract.Block) (*fetchedBlock, error) {
	b, err := witness.DecodeBlock(text)
	if err != nil {
		return nil, err
	}
	if have := contract.Hash(b.Hash()); have != want.Hash || b.NumberU64() != want.Number {
		return nil, fmt.Errorf("asked for block %d %v, the node answered block %d %v", want.Number, want.Hash, b.NumberU64(), have)
	}
	var named struct {
		Transactions []struct{ From common.Address }
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, fmt.Errorf("block %d: %w", want.Number, err)
	}
	got := &fetchedBlock{Block: b}
	for _, tx := range named.Transactions {
		if tx.From != (common.Address{}) {
			got.senders = append(got.senders, tx.From)
		}
	}
	return got, nil
}

// witness fetches the witness and checks it against the block, which read waits
// for.
func (f *Fetcher) witness(ctx context.Context, block contract.Block, create func(string) (File, error), read func() (*fetchedBlock, error)) (a contract.Artifact, err error) {
	fetch := func(ctx context.Context, c Candidate) (file File, err error) {
		out, err := create(contract.ArtifactWitness)
		if err != nil {
			return nil, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		check := witnesscheck.New()
		err = c.Witness(ctx, io.MultiWriter(storing{out}, check), block)
		if bad := check.Finish(err); bad != nil && (err == nil || errors.Is(err, bad)) {
			err = contract.Retryable(fmt.Errorf("%s: block %d: %w", c.Name(), block.Number, bad))
			reject(out, err)
			return nil, err
		}
		if err != nil {
			return nil, err
		}
		b, err := read()
		if err != nil {
			return nil, err
		}
		if _, err := check.Against(b.Block.Block, b.senders); err != nil {
			err = contract.Retryable(fmt.Errorf("%s: %w", c.Name(), err))
			reject(out, err)
			return nil, err
		}
		return out, nil
	}
	use := func(out File) error {
		a, err = out.Commit()
		return err
	}
	err = f.patiently(ctx, WitnessData, block, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(out File) { out.Discard() })
	})
	return a, err
}

// patiently repeats fetch while the nodes say that they do not have the block.
func (f *Fetcher) patiently(ctx context.Context, data Data, block contract.Block, fetch func([]Candidate) error) error {
	deadline := time.Now().Add(cmp.Or(f.Patience, 10*time.Second))
	pause := 100 * time.Millisecond
	for {
		list, err := f.Supply.Candidates(data, block)
		if err == nil {
			err = fetch(list)
		}
		if !errors.Is(err, ErrNotFound) || !time.Now().Add(pause).Before(deadline) {
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

// limitedBuffer refuses more than most bytes.
type limitedBuffer struct {
	*bytes.Buffer
	most int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, contract.Permanent(fmt.Errorf("the block is over %d bytes", b.most))
	}
	return b.Buffer.Write(p)
}

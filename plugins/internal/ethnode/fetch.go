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

// Reader is where a Fetcher gets its data: a Client, or several.
type Reader interface {
	// Block streams eth_getBlockByHash(hash, true) to dst.
	Block(ctx context.Context, dst io.Writer, block contract.Block) error
	// Witness streams debug_executionWitness of the block to dst.
	Witness(ctx context.Context, dst io.Writer, block contract.Block) error
}

// File is an artifact that is being written.
type File interface {
	io.Writer
	Commit() (contract.Artifact, error) // makes it durable
	Discard()                           // forgets it
}

// Fetcher brings blocks and witnesses to disk.
type Fetcher struct {
	Reader Reader
	// Patience is how long a fetch goes on asking for a block that the node
	// does not have yet; 10 s. The head reaches the parts of a node, and the
	// nodes behind one address, at different times.
	Patience time.Duration
}

// maxBlock bounds the JSON of a block, which is held in memory.
const maxBlock = 256 << 20

// Fetch writes block.json and witness.json, at the same time, to files made by
// create, and checks them against the block's hash and each other. Nothing is
// committed that did not pass.
func (f *Fetcher) Fetch(ctx context.Context, block contract.Block, create func(name string) (File, error)) (*contract.Result, error) {
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

func (f *Fetcher) block(ctx context.Context, block contract.Block, create func(string) (File, error)) (got *fetchedBlock, a contract.Artifact, err error) {
	err = f.patiently(ctx, func() error {
		var text bytes.Buffer
		out, err := create(contract.ArtifactBlock)
		if err != nil {
			return err
		}
		if err := f.Reader.Block(ctx, io.MultiWriter(out, &limitedBuffer{&text, maxBlock}), block); err != nil {
			out.Discard()
			return err
		}
		if got, err = decodeBlock(text.Bytes(), block); err != nil {
			out.Discard()
			return contract.Retryable(err)
		}
		a, err = out.Commit()
		return err
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

func (f *Fetcher) witness(ctx context.Context, block contract.Block, create func(string) (File, error), read func() (*fetchedBlock, error)) (a contract.Artifact, err error) {
	err = f.patiently(ctx, func() error {
		out, err := create(contract.ArtifactWitness)
		if err != nil {
			return err
		}
		check := witnesscheck.New()
		err = f.Reader.Witness(ctx, io.MultiWriter(out, check), block)
		if bad := check.Finish(err); err == nil && bad != nil {
			err = contract.Retryable(fmt.Errorf("block %d: %w", block.Number, bad))
		}
		if err == nil {
			var b *fetchedBlock
			if b, err = read(); err == nil {
				_, err = check.Against(b.Block.Block, b.senders)
			}
		}
		if err != nil {
			out.Discard()
			return err
		}
		a, err = out.Commit()
		return err
	})
	return a, err
}

// patiently repeats fetch while the node says that it does not have the block.
func (f *Fetcher) patiently(ctx context.Context, fetch func() error) error {
	deadline := time.Now().Add(cmp.Or(f.Patience, 10*time.Second))
	pause := 100 * time.Millisecond
	for {
		err := fetch()
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

package stateless

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness"
)

// checkBody compares the body with the header. It makes the checks of go-ethereum's
// core.BlockValidator.ValidateBody that need no chain.
func checkBody(config *params.ChainConfig, block *types.Block) error {
	header := block.Header()
	if size := block.Size(); config.IsOsaka(header.Number, header.Time) && size > params.MaxBlockSize {
		return fmt.Errorf("its RLP has %d bytes, more than the %d of EIP-7934", size, params.MaxBlockSize)
	}
	if len(block.Uncles()) > 0 {
		return fmt.Errorf("it has %d uncles, which the merge abolished", len(block.Uncles()))
	}
	if root := witness.DeriveRoot(block.Transactions()); root != header.TxHash {
		return fmt.Errorf("its transactions have the root %s, its header says %s", root, header.TxHash)
	}
	switch {
	case header.WithdrawalsHash == nil && block.Withdrawals() != nil:
		return errors.New("it has withdrawals, its header has no withdrawals root")
	case header.WithdrawalsHash != nil && block.Withdrawals() == nil:
		return errors.New("its header has a withdrawals root, its body no withdrawals")
	case header.WithdrawalsHash != nil:
		if root := witness.DeriveRoot(block.Withdrawals()); root != *header.WithdrawalsHash {
			return fmt.Errorf("its withdrawals have the root %s, its header says %s", root, *header.WithdrawalsHash)
		}
	}
	return checkBlobs(header, block.Transactions())
}

// checkBlobs compares the number of blobs with the blob gas in the header.
func checkBlobs(header *types.Header, txs types.Transactions) error {
	var blobs uint64
	for i, tx := range txs {
		blobs += uint64(len(tx.BlobHashes()))
		if tx.BlobTxSidecar() != nil {
			return fmt.Errorf("transaction %d carries a blob sidecar, which does not belong in a block", i)
		}
	}
	switch gas := blobs * params.BlobTxBlobGasPerBlob; {
	case header.BlobGasUsed == nil && blobs > 0:
		return fmt.Errorf("it has %d blobs, its header no blob gas", blobs)
	case header.BlobGasUsed != nil && *header.BlobGasUsed != gas:
		return fmt.Errorf("its %d blobs use %d blob gas, its header says %d", blobs, gas, *header.BlobGasUsed)
	}
	return nil
}

// checkHeader compares the header with its parent by the rules of the fork: number,
// time, gas limit, base fee, excess blob gas, and which fields exist.
func checkHeader(chain *ancestors, header *types.Header) error {
	if header.Difficulty.Sign() != 0 {
		return errors.New("it is from before the merge, which is not supported")
	}
	prague := chain.config.IsPrague(header.Number, header.Time)
	if prague && header.RequestsHash == nil {
		return errors.New("its header has no requests hash, which Prague demands")
	}
	if !prague && header.RequestsHash != nil {
		return errors.New("its header has a requests hash before Prague")
	}
	return chain.engine.VerifyHeader(chain, header)
}

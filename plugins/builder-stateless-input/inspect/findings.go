package inspect

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
)

// findings returns the faults for which a guest would refuse the input and that can be found
// without execution. stray is the number of nodes that nothing refers to; guests ignore them.
func findings(in *input.Input) (list []string, stray int) {
	list = []string{}
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	txs, header, err := rebuild(in)
	if err != nil {
		add("%v", err)
		return list, 0
	}
	if have := header.Hash(); have != in.Payload.BlockHash {
		add("the payload's fields, requests and access list hash to %s, the payload says %x", have, in.Payload.BlockHash)
	}
	root, err := parentRoot(in)
	if err != nil {
		add("%v", err)
	} else if stray, err = unreachable(in.Witness.State, root); err != nil {
		add("%v", err)
	}
	if want := blobHashes(txs); !slices.Equal(want, in.VersionedHashes) {
		add("the versioned hashes are not those of the blob transactions")
	}
	if in.Dialect == guest.SSZD3 {
		if err := checkKeys(in, txs); err != nil {
			add("%v", err)
		}
	}
	return list, stray
}

// rebuild builds the header from the payload, as a guest does.
func rebuild(in *input.Input) (types.Transactions, *types.Header, error) {
	p := &in.Payload
	txs := make(types.Transactions, len(p.Transactions))
	for i, encoded := range p.Transactions {
		txs[i] = new(types.Transaction)
		if err := txs[i].UnmarshalBinary(encoded); err != nil {
			return nil, nil, fmt.Errorf("transaction %d does not decode: %w", i, err)
		}
	}
	baseFee := slices.Clone(p.BaseFeePerGas[:])
	slices.Reverse(baseFee)
	h := &types.Header{
		ParentHash: p.ParentHash, UncleHash: types.EmptyUncleHash, Coinbase: p.FeeRecipient, Root: p.StateRoot,
		TxHash: types.DeriveSha(txs, trie.NewStackTrie(nil)), ReceiptHash: p.ReceiptsRoot, Bloom: p.LogsBloom, Difficulty: new(big.Int),
		Number: new(big.Int).SetUint64(p.Number), GasLimit: p.GasLimit, GasUsed: p.GasUsed, Time: p.Timestamp, Extra: p.ExtraData,
		MixDigest: p.PrevRandao, BaseFee: new(big.Int).SetBytes(baseFee),
	}
	if in.Fork >= guest.Shanghai {
		var list types.Withdrawals
		for b := p.Withdrawals; len(b) >= 44; b = b[44:] {
			list = append(list, &types.Withdrawal{
				Index: binary.LittleEndian.Uint64(b), Validator: binary.LittleEndian.Uint64(b[8:]),
				Address: common.Address(b[16:36]), Amount: binary.LittleEndian.Uint64(b[36:]),
			})
		}
		root := types.DeriveSha(list, trie.NewStackTrie(nil))
		h.WithdrawalsHash = &root
	}
	if in.Fork >= guest.Cancun {
		h.BlobGasUsed, h.ExcessBlobGas, h.ParentBeaconRoot = &p.BlobGasUsed, &p.ExcessBlobGas, (*common.Hash)(&in.BeaconRoot)
	}
	if in.Fork >= guest.Prague {
		var requests [][]byte
		for kind, items := range in.Requests {
			requests = append(requests, append([]byte{byte(kind)}, items...))
		}
		hash := types.CalcRequestsHash(requests)
		h.RequestsHash = &hash
	}
	if in.Fork >= guest.Amsterdam {
		hash := crypto.Keccak256Hash(p.AccessList)
		h.BlockAccessListHash, h.SlotNumber = &hash, &p.SlotNumber
	}
	return txs, h, nil
}

// parentRoot checks that the headers form a chain that ends at the parent, and returns the
// parent's state root.
func parentRoot(in *input.Input) (root common.Hash, err error) {
	if len(in.Witness.Headers) == 0 {
		return root, fmt.Errorf("the witness has no header")
	}
	var before common.Hash
	for i, encoded := range in.Witness.Headers {
		var h types.Header
		if err := rlp.DecodeBytes(encoded, &h); err != nil {
			return root, fmt.Errorf("headers[%d] does not decode: %w", i, err)
		}
		if i > 0 && h.ParentHash != before {
			return root, fmt.Errorf("headers[%d] does not follow the one before", i)
		}
		before, root = crypto.Keccak256Hash(encoded), h.Root
	}
	if before != in.Payload.ParentHash {
		return root, fmt.Errorf("the last header is %s, the block's parent %x", before, in.Payload.ParentHash)
	}
	return root, nil
}

func blobHashes(txs types.Transactions) (list []byte) {
	for _, tx := range txs {
		for _, hash := range tx.BlobHashes() {
			list = append(list, hash[:]...)
		}
	}
	return list
}

// checkKeys checks that there is one key for each transaction, and that it is its sender's.
func checkKeys(in *input.Input, txs types.Transactions) error {
	if have := len(in.PublicKeys) / 65; have != len(txs) {
		return fmt.Errorf("%d public keys for %d transactions", have, len(txs))
	}
	for i, tx := range txs {
		chainID := tx.ChainId()
		if !tx.Protected() {
			chainID = new(big.Int).SetUint64(in.ChainID)
		}
		sender, err := types.Sender(types.LatestSignerForChainID(chainID), tx)
		if err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		key := stateless.PublicKey(in.PublicKeys[65*i : 65*(i+1)])
		if key[0] != 4 || key.Address() != sender {
			return fmt.Errorf("public key %d is not that of the sender %s of transaction %d", i, sender, i)
		}
	}
	return nil
}

package stateless

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"runtime"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"golang.org/x/sync/errgroup"
)

// PublicKey is an uncompressed secp256k1 key: the byte 4, then X and Y.
type PublicKey [65]byte

// Address returns the account of the key.
func (k *PublicKey) Address() common.Address {
	return common.BytesToAddress(crypto.Keccak256(k[1:])[12:])
}

// PublicKeys recovers the key that signed each of the block's transactions, on all
// cores. It returns an *InvalidError for a signature that gives no key.
func PublicKeys(ctx context.Context, chain *params.ChainConfig, block *types.Block) ([]PublicKey, error) {
	keys := make([]PublicKey, len(block.Transactions()))
	base := types.MakeSigner(chain, block.Number(), block.Time())
	rules := chain.Rules(block.Number(), true, block.Time())
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, tx := range block.Transactions() {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if keys[i], err = recoverKey(base, rules, tx); err != nil {
				return &InvalidError{Block: block.NumberU64(), Err: fmt.Errorf("transaction %d (%s) has no valid sender: %w", i, tx.Hash(), err)}
			}
			return nil
		})
	}
	return keys, group.Wait()
}

// recoverKey recovers the key that signed a transaction by the rules of
// go-ethereum's signers (ethereum/go-ethereum:core/types/transaction_signing.go@v1.17.10),
// which give the address only.
func recoverKey(base types.Signer, rules params.Rules, tx *types.Transaction) (key PublicKey, err error) {
	v, r, s := tx.RawSignatureValues()
	hash := base.Hash(tx)
	switch tx.Type() {
	case types.LegacyTxType:
		if !tx.Protected() {
			hash = types.HomesteadSigner{}.Hash(tx)
			v = new(big.Int).Sub(v, big.NewInt(27))
			break
		}
		v = new(big.Int).Sub(v, new(big.Int).Lsh(tx.ChainId(), 1))
		v.Sub(v, big.NewInt(35))
	case types.AccessListTxType, types.DynamicFeeTxType:
	case types.BlobTxType:
		if !rules.IsCancun {
			return key, types.ErrTxTypeNotSupported
		}
	case types.SetCodeTxType:
		if !rules.IsPrague {
			return key, types.ErrTxTypeNotSupported
		}
	default:
		return key, types.ErrTxTypeNotSupported
	}
	if (tx.Type() != types.LegacyTxType || tx.Protected()) && tx.ChainId().Cmp(base.ChainID()) != 0 {
		return key, fmt.Errorf("%w: it is for chain %v, the rules are those of chain %v", types.ErrInvalidChainId, tx.ChainId(), base.ChainID())
	}
	if v.Sign() < 0 || v.BitLen() > 1 || !crypto.ValidateSignatureValues(byte(v.Uint64()), r, s, true) {
		return key, types.ErrInvalidSig
	}
	var signature [crypto.SignatureLength]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:64])
	signature[64] = byte(v.Uint64())
	recovered, err := crypto.Ecrecover(hash[:], signature[:])
	if err != nil {
		return key, err
	}
	if len(recovered) != len(key) || recovered[0] != 4 {
		return key, errors.New("invalid public key")
	}
	return PublicKey(recovered), nil
}

// signer is a types.Signer of one transaction, whose sender is known.
type signer struct {
	types.Signer
	sender common.Address
}

// Sender implements types.Signer.
func (s *signer) Sender(*types.Transaction) (common.Address, error) { return s.sender, nil }

// Equal implements types.Signer. It returns false, so that a transaction does not use
// the cached sender of another signer.
func (s *signer) Equal(types.Signer) bool { return false }

// signersOf returns a signer for each of the block's transactions.
func signersOf(chain *params.ChainConfig, block *types.Block, keys []PublicKey) []signer {
	base := types.MakeSigner(chain, block.Number(), block.Time())
	signers := make([]signer, len(keys))
	for i := range keys {
		signers[i] = signer{base, keys[i].Address()}
	}
	return signers
}

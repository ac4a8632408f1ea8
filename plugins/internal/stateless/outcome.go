package stateless

import (
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/proofline/proofline/sdk/witness"
)

// ArtifactOutcome is the name of the artifact in which a gate stores the outcome of
// re-executing a block, so that a builder need not execute the block again.
const ArtifactOutcome = "reexecution.json"

// Outcome is the content of that artifact: values that no JSON-RPC method returns, and
// the block and witness that they belong to.
type Outcome struct {
	Engine  string      `json:"engine"` // name and version of the EVM
	ChainID uint64      `json:"chain_id"`
	Number  uint64      `json:"number"`
	Hash    common.Hash `json:"hash"`
	// Witness is the SHA-256 of the witness file that the block was executed from.
	Witness common.Hash `json:"witness_sha256"`

	StateRoot    common.Hash `json:"state_root"`
	ReceiptsRoot common.Hash `json:"receipts_root"`

	// AccessList is the RLP of the block access list, absent before Amsterdam.
	AccessList hexutil.Bytes `json:"block_access_list,omitempty"`
	// Requests are the execution requests (EIP-7685) as in Report.
	Requests Requests `json:"execution_requests"`
	// PublicKeys are the uncompressed keys of the transactions, 65 bytes each.
	PublicKeys hexutil.Bytes `json:"public_keys"`
	// DepositsAsMainnet is as in Report.
	DepositsAsMainnet bool `json:"deposits_as_mainnet"`
}

// Requests is a list of execution requests (EIP-7685). In JSON it is a list of
// hexadecimal strings.
type Requests [][]byte

// MarshalJSON implements json.Marshaler.
func (r Requests) MarshalJSON() ([]byte, error) {
	list := make([]hexutil.Bytes, len(r))
	for i, request := range r {
		list[i] = request
	}
	return json.Marshal(list)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Requests) UnmarshalJSON(text []byte) error {
	var list []hexutil.Bytes
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*r = make(Requests, len(list))
	for i, request := range list {
		(*r)[i] = request
	}
	return nil
}

// Outcome returns the part of the report that a builder needs. witnessSHA256 is the
// digest of the witness file, zero where there is none.
func (r *Report) Outcome(chainID uint64, witnessSHA256 [32]byte) *Outcome {
	keys := make([]byte, 0, len(PublicKey{})*len(r.PublicKeys))
	for i := range r.PublicKeys {
		keys = append(keys, r.PublicKeys[i][:]...)
	}
	return &Outcome{
		Engine: Engine(), ChainID: chainID, Number: r.Number, Hash: r.Hash, Witness: witnessSHA256,
		StateRoot: r.StateRoot, ReceiptsRoot: r.ReceiptsRoot,
		AccessList: r.AccessList, Requests: r.Requests, PublicKeys: keys, DepositsAsMainnet: r.DepositsAsMainnet,
	}
}

// ReadOutcome reads the artifact from a file. Errors begin with the path.
func ReadOutcome(path string) (*Outcome, error) {
	text, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	o := new(Outcome)
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

// Check checks that the outcome belongs to the block and the chain: the hashes of the
// access list and the requests are those in the header, and there is a key for every
// transaction.
func (o *Outcome) Check(chainID uint64, block *types.Block) error {
	switch header := block.Header(); {
	case o.ChainID != chainID || o.Hash != block.Hash() || o.Number != block.NumberU64():
		return fmt.Errorf("it is about block %d (%s) of chain %d, not about block %d (%s) of chain %d", o.Number, o.Hash, o.ChainID, block.NumberU64(), block.Hash(), chainID)
	case header.BlockAccessListHash == nil && len(o.AccessList) > 0:
		return fmt.Errorf("block %d: it has an access list, the block none", o.Number)
	case header.BlockAccessListHash != nil && crypto.Keccak256Hash(o.AccessList) != *header.BlockAccessListHash:
		return fmt.Errorf("block %d: its access list does not hash to blockAccessListHash %s", o.Number, header.BlockAccessListHash)
	case header.RequestsHash == nil && len(o.Requests) > 0:
		return fmt.Errorf("block %d: it has execution requests, the block none", o.Number)
	case header.RequestsHash != nil && types.CalcRequestsHash(o.Requests) != *header.RequestsHash:
		return fmt.Errorf("block %d: its execution requests do not hash to requestsHash %s", o.Number, header.RequestsHash)
	case len(o.PublicKeys) != len(PublicKey{})*len(block.Transactions()):
		return fmt.Errorf("block %d: it has %d bytes of public keys for %d transactions, want %d each", o.Number, len(o.PublicKeys), len(block.Transactions()), len(PublicKey{}))
	}
	return nil
}

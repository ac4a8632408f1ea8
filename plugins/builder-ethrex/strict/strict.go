package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/proofline/proofline/sdk/witness"
)

var (
	hash            = fixed(32)
	address         = fixed(20)
	uint64Number    = number(64, true)   // a u64
	uint64Quantity  = number(64, false)  // a u64 that ethrex reads as a U256
	uint256Quantity = number(256, false) // a U256
)

var block = object{
	"hash": hash, "size": uint64Number, "parentHash": hash, "sha3Uncles": hash, "miner": address, "stateRoot": hash,
	"transactionsRoot": hash, "receiptsRoot": hash, "logsBloom": fixed(256), "difficulty": absentOr(uint256Quantity),
	"number": uint64Number, "gasLimit": uint64Number, "gasUsed": uint64Number, "timestamp": uint64Number, "extraData": byteString, "mixHash": hash, "nonce": uint64Number,
	"baseFeePerGas": optional(uint64Number, true), "withdrawalsRoot": optional(hash, false), "blobGasUsed": optional(uint64Number, true),
	"excessBlobGas": optional(uint64Number, true), "parentBeaconBlockRoot": optional(hash, false), "requestsHash": optional(hash, false),
	"uncles": list(hash), "transactions": list(transaction),
	"withdrawals": list(object{"index": uint64Number, "validatorIndex": uint64Number, "address": address, "amount": uint64Number}.check),
}

// The members of all transactions, and those that the types add.
var (
	common = object{
		"blockNumber": nullable(uint64Number, true), "transactionIndex": nullable(uint64Number, true), "blockHash": optional(hash, false), "hash": hash, "from": address,
		"nonce": uint64Quantity, "gas": uint64Quantity, "value": uint256Quantity, "input": byteString, "r": uint256Quantity, "s": uint256Quantity,
	}
	typed = object{
		"chainId": uint64Quantity, "yParity": number(8, true),
		"accessList": list(object{"address": address, "storageKeys": list(hash)}.check),
	}
	fees         = object{"maxFeePerGas": uint64Quantity, "maxPriorityFeePerGas": uint64Quantity}
	anyRecipient = object{"to": nullable(address, true)}
	recipient    = object{"to": address}
	tuple        = object{"chainId": uint256Quantity, "address": address, "nonce": absentOr(uint64Number), "yParity": uint256Quantity, "r": uint256Quantity, "s": uint256Quantity}

	transactions = map[string]object{
		"0x0": union(common, anyRecipient, object{"gasPrice": uint256Quantity, "v": uint256Quantity}),
		"0x1": union(common, typed, anyRecipient, object{"gasPrice": uint256Quantity}),
		"0x2": union(common, typed, fees, anyRecipient),
		"0x3": union(common, typed, fees, recipient, object{"maxFeePerBlobGas": uint256Quantity, "blobVersionedHashes": list(hash)}),
		"0x4": union(common, typed, fees, recipient, object{"authorizationList": list(tuple.check)}),
	}
)

func union(parts ...object) object {
	all := object{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

func transaction(raw json.RawMessage) error {
	var have struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(raw, &have); err != nil || have.Type == nil {
		return errors.New("has no type")
	}
	rules, known := transactions[*have.Type]
	if !known {
		return fmt.Errorf("is of the unknown type %q", *have.Type)
	}
	return rules.check(raw)
}

// Block checks the result of eth_getBlockByNumber, with or without the JSON-RPC response
// around it.
func Block(data []byte) error {
	result, err := unwrap(data)
	if err != nil {
		return err
	}
	if err := block.check(result); err != nil {
		return fmt.Errorf("strict: block: %w", err)
	}
	return nil
}

// Witness checks the result of debug_executionWitness, with or without the JSON-RPC response
// around it. Keys must be present where needsKeys is set; otherwise they may be absent, but
// not null.
func Witness(data []byte, needsKeys bool) error {
	result, err := unwrap(data)
	if err != nil {
		return err
	}
	entries := list(byteString)
	rules := object{"state": entries, "codes": entries, "headers": list(header), "keys": entries}
	if !needsKeys {
		rules["keys"] = absentOr(entries)
	}
	if err := rules.check(result); err != nil {
		return fmt.Errorf("strict: witness: %w", err)
	}
	return nil
}

func header(raw json.RawMessage) error {
	if bytes.HasPrefix(raw, []byte("{")) {
		return errors.New("is an object, as of geth, where ethrex reads RLP strings only")
	}
	return byteString(raw)
}

// File applies check to the content of a file. Errors begin with the path.
func File(path string, check func(data []byte) error) error {
	text, err := witness.ReadFile(path)
	if err != nil {
		return err
	}
	if err := check(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Files checks the files of a block and a witness. Errors begin with the path.
func Files(blockFile, witnessFile string, needsKeys bool) error {
	if err := File(blockFile, Block); err != nil {
		return err
	}
	return File(witnessFile, func(data []byte) error { return Witness(data, needsKeys) })
}

// unwrap returns the result of a JSON-RPC response, or the document itself where it is none.
func unwrap(data []byte) (json.RawMessage, error) {
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("strict: %w", err)
	}
	if answer.Result != nil {
		return answer.Result, nil
	}
	return data, nil
}

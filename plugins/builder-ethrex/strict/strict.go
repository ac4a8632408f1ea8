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
	hash    = fixed(32)
	address = fixed(20)
	word    = number(64, true)   // a u64 of its own
	u64     = number(64, false)  // a u64 that is read as 256 bits first
	u256    = number(256, false) // a U256
)

var block = object{
	"hash": hash, "size": word, "parentHash": hash, "sha3Uncles": hash, "miner": address, "stateRoot": hash,
	"transactionsRoot": hash, "receiptsRoot": hash, "logsBloom": fixed(256), "difficulty": absentOr(u256),
	"number": word, "gasLimit": word, "gasUsed": word, "timestamp": word, "extraData": byteString, "mixHash": hash, "nonce": word,
	"baseFeePerGas": optional(word, true), "withdrawalsRoot": optional(hash, false), "blobGasUsed": optional(word, true),
	"excessBlobGas": optional(word, true), "parentBeaconBlockRoot": optional(hash, false), "requestsHash": optional(hash, false),
	"uncles": list(hash), "transactions": list(transaction),
	"withdrawals": list(object{"index": word, "validatorIndex": word, "address": address, "amount": word}.check),
}

// The members of all transactions, and what each type adds.
var (
	common = object{
		"blockNumber": nullable(word, true), "transactionIndex": nullable(word, true), "blockHash": optional(hash, false), "hash": hash, "from": address,
		"nonce": u64, "gas": u64, "value": u256, "input": byteString, "r": u256, "s": u256,
	}
	typed = object{
		"chainId": u64, "yParity": number(8, true),
		"accessList": list(object{"address": address, "storageKeys": list(hash)}.check),
	}
	fees         = object{"maxFeePerGas": u64, "maxPriorityFeePerGas": u64}
	anyRecipient = object{"to": nullable(address, true)}
	recipient    = object{"to": address}
	tuple        = object{"chainId": u256, "address": address, "nonce": absentOr(word), "yParity": u256, "r": u256, "s": u256}

	transactions = map[string]object{
		"0x0": union(common, anyRecipient, object{"gasPrice": u256, "v": u256}),
		"0x1": union(common, typed, anyRecipient, object{"gasPrice": u256}),
		"0x2": union(common, typed, fees, anyRecipient),
		"0x3": union(common, typed, fees, recipient, object{"maxFeePerBlobGas": u256, "blobVersionedHashes": list(hash)}),
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

// Block checks the answer to eth_getBlockByNumber, with or without the JSON-RPC
// envelope.
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

// Witness checks the answer to debug_executionWitness. Keys must be there where the
// format needs them; elsewhere they may be absent, but not null.
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

// File checks the document in a file. Errors begin with the path.
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

// Files checks block and witness in files, as File does.
func Files(blockFile, witnessFile string, needsKeys bool) error {
	if err := File(blockFile, Block); err != nil {
		return err
	}
	return File(witnessFile, func(data []byte) error { return Witness(data, needsKeys) })
}

// unwrap returns the result of a JSON-RPC answer, or the document itself.
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

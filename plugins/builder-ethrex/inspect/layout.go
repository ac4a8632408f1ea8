package inspect

import (
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/guest"
)

// Types of the layouts below. Sources: lambdaclass/ethrex@891528d for g4, and for the other
// formats the commits that added or removed a field, see layoutOf.
var (
	u8          = rkyv.Uint(1)
	u32         = rkyv.Uint(4)
	u64         = rkyv.Uint(8)
	u128        = rkyv.Uint(16)
	u256        = rkyv.Uint(32)
	hash        = rkyv.Raw(32)
	address     = rkyv.Raw(20)
	byteString  = rkyv.Bytes{}
	byteStrings = rkyv.Slice{Elem: rkyv.Bytes{}}

	// optionHash is ethrex's own enum, whose first variant is Some.
	optionHash = &rkyv.Enum{Name: "OptionH256", Variants: []rkyv.Field{{Name: "some", Type: hash}, {Name: "none"}}}
	optionU64  = rkyv.Option{Elem: u64}
)

func structure(name string, fields ...rkyv.Field) *rkyv.Struct {
	return &rkyv.Struct{Name: name, Fields: fields}
}

func field(name string, t rkyv.Type) rkyv.Field { return rkyv.Field{Name: name, Type: t} }

// layoutOf returns the type of the root object of a format. These commits of
// lambdaclass/ethrex added the fields of the later formats: ca9b9645 (amsterdam), e0144a6d
// (block access list, slot), b962fbfb (hashed keys), and the release v21 (hegota).
func layoutOf(format guest.Format) rkyv.Type {
	later := format != guest.G4
	hashed := format == guest.G8 || format == guest.G9 || format == guest.Zec
	block := blockLayout(later)
	witness := field("execution_witness", witnessLayout(configLayout(later, format == guest.G9), hashed))
	switch format {
	case guest.Zec, guest.Zec7:
		return structure("EthrexInput", field("block", block), witness)
	case guest.G4:
		return structure("ProgramInput", field("blocks", rkyv.Slice{Elem: block}), witness,
			field("elasticity_multiplier", u64), field("fee_configs", rkyv.Option{Elem: rkyv.Slice{Elem: feeConfig}}))
	}
	return structure("ProgramInput", field("blocks", rkyv.Slice{Elem: block}), witness)
}

// feeConfig is the type of the fee configuration of rollups. It is never present.
var feeConfig = rkyv.Raw(79)

func blockLayout(later bool) *rkyv.Struct {
	header := structure("BlockHeader",
		field("parent_hash", hash), field("ommers_hash", hash), field("coinbase", address), field("state_root", hash),
		field("transactions_root", hash), field("receipts_root", hash), field("logs_bloom", rkyv.Raw(256)), field("difficulty", u256),
		field("number", u64), field("gas_limit", u64), field("gas_used", u64), field("timestamp", u64), field("extra_data", byteString),
		field("prev_randao", hash), field("nonce", u64), field("base_fee_per_gas", optionU64), field("withdrawals_root", optionHash),
		field("blob_gas_used", optionU64), field("excess_blob_gas", optionU64), field("parent_beacon_block_root", optionHash),
		field("requests_hash", optionHash))
	if later {
		header.Fields = append(header.Fields, field("block_access_list_hash", optionHash), field("slot_number", optionU64))
	}
	withdrawal := structure("Withdrawal", field("index", u64), field("validator_index", u64), field("address", address), field("amount", u64))
	body := structure("BlockBody", field("transactions", rkyv.Slice{Elem: transactionLayout()}), field("ommers", rkyv.Slice{Elem: header}),
		field("withdrawals", rkyv.Option{Elem: rkyv.Slice{Elem: withdrawal}}))
	return structure("Block", field("header", header), field("body", body))
}

func transactionLayout() *rkyv.Enum {
	kind := &rkyv.Enum{Name: "TxKind", Variants: []rkyv.Field{{Name: "call", Type: address}, {Name: "create"}}}
	authorization := structure("AuthorizationTuple", field("chain_id", u256), field("address", address), field("nonce", u64),
		field("y_parity", u256), field("r", u256), field("s", u256))
	signature := []rkyv.Field{field("y_parity", rkyv.Bool{}), field("r", u256), field("s", u256)}
	variant := func(fields ...rkyv.Field) *rkyv.Struct { return structure("", append(fields, signature...)...) }
	to, payload := field("to", kind), []rkyv.Field{field("value", u256), field("data", byteString), field("access_list", byteStrings)}
	with := func(head []rkyv.Field, rest ...rkyv.Field) []rkyv.Field {
		return append(append(head, payload...), rest...)
	}
	fees := func(gas string, to rkyv.Field) []rkyv.Field {
		return []rkyv.Field{field("chain_id", u64), field("nonce", u64), field("max_priority_fee_per_gas", u64), field("max_fee_per_gas", u64), field(gas, u64), to}
	}
	return &rkyv.Enum{Name: "Transaction", Variants: []rkyv.Field{
		{Name: "legacy", Type: structure("LegacyTransaction", field("nonce", u64), field("gas_price", u256), field("gas", u64), to,
			field("value", u256), field("data", byteString), field("v", u256), field("r", u256), field("s", u256))},
		{Name: "eip2930", Type: variant(with([]rkyv.Field{field("chain_id", u64), field("nonce", u64), field("gas_price", u256), field("gas_limit", u64), to})...)},
		{Name: "eip1559", Type: variant(with(fees("gas_limit", to))...)},
		{Name: "eip4844", Type: variant(with(fees("gas", field("to", address)), field("max_fee_per_blob_gas", u256), field("blob_versioned_hashes", rkyv.Slice{Elem: hash}))...)},
		{Name: "eip7702", Type: variant(with(fees("gas_limit", field("to", address)), field("authorization_list", rkyv.Slice{Elem: authorization}))...)},
	}}
}

func witnessLayout(config *rkyv.Struct, hashed bool) *rkyv.Struct {
	node := nodeLayout()
	var key rkyv.Type = address
	if hashed {
		key = hash
	}
	w := structure("ExecutionWitness", field("codes", byteStrings), field("block_headers_bytes", byteStrings), field("first_block_number", u64),
		field("chain_config", config), field("state_trie_root", rkyv.Option{Elem: node}),
		field("storage_trie_roots", rkyv.Map{Key: key, Value: node}))
	if !hashed {
		w.Fields = append(w.Fields, field("keys", byteStrings))
	}
	return w
}

// nodeLayout returns the type of a trie node, which is recursive.
func nodeLayout() *rkyv.Enum {
	node := &rkyv.Enum{Name: "Node"}
	nibbles := structure("Nibbles", field("data", byteString), field("already_consumed", byteString))
	inline := structure("", field("data", rkyv.Raw(31)), field("length", u8))
	nodeHash := &rkyv.Enum{Name: "NodeHash", Variants: []rkyv.Field{{Name: "hashed", Type: hash}, {Name: "inline", Type: inline}}}
	ref := &rkyv.Enum{Name: "NodeRef", Variants: []rkyv.Field{{Name: "node", Type: rkyv.Pointer{Elem: node}}, {Name: "hash", Type: nodeHash}}}
	branch := structure("BranchNode")
	for _, name := range childNames {
		branch.Fields = append(branch.Fields, field(name, ref))
	}
	branch.Fields = append(branch.Fields, field("value", byteString))
	node.Variants = []rkyv.Field{
		{Name: "branch", Type: rkyv.Pointer{Elem: branch}},
		{Name: "extension", Type: structure("ExtensionNode", field("prefix", nibbles), field("child", ref))},
		{Name: "leaf", Type: structure("LeafNode", field("partial", nibbles), field("value", byteString))},
	}
	return node
}

var childNames = [16]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"}

// forkNames are the names of the fields of a chain configuration with the block or the time
// of a fork, in their order.
var forkNames = []string{
	"homestead_block", "dao_fork_block", "eip150_block", "eip155_block", "eip158_block", "byzantium_block", "constantinople_block",
	"petersburg_block", "istanbul_block", "muir_glacier_block", "berlin_block", "london_block", "arrow_glacier_block", "gray_glacier_block",
	"merge_netsplit_block", "shanghai_time", "cancun_time", "prague_time", "verkle_time", "osaka_time", "bpo1_time", "bpo2_time", "bpo3_time",
	"bpo4_time", "bpo5_time", "amsterdam_time", "hegota_time",
}

func configLayout(later, hegota bool) *rkyv.Struct {
	blob := structure("ForkBlobSchedule", field("base_fee_update_fraction", u64), field("max", u32), field("target", u32))
	schedule := structure("BlobSchedule")
	for _, name := range []string{"cancun", "prague", "osaka", "bpo1", "bpo2"} {
		schedule.Fields = append(schedule.Fields, field(name, blob))
	}
	for _, name := range []string{"bpo3", "bpo4", "bpo5", "amsterdam"} {
		if name != "amsterdam" || later {
			schedule.Fields = append(schedule.Fields, field(name, rkyv.Option{Elem: blob}))
		}
	}
	c := structure("ChainConfig", field("chain_id", u64))
	for _, name := range forkNames {
		if name == "amsterdam_time" && !later || name == "hegota_time" && !hegota {
			continue
		}
		c.Fields = append(c.Fields, field(name, optionU64))
		if name == "dao_fork_block" {
			c.Fields = append(c.Fields, field("dao_fork_support", rkyv.Bool{}))
		}
	}
	c.Fields = append(c.Fields, field("terminal_total_difficulty", rkyv.Option{Elem: u128}), field("terminal_total_difficulty_passed", rkyv.Bool{}),
		field("blob_schedule", schedule), field("deposit_contract_address", address), field("enable_verkle_at_genesis", rkyv.Bool{}))
	return c
}

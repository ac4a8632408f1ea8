package inspect

import (
	"encoding/binary"
	"fmt"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/chainspec"
)

// decodeBlock copies a block out of an archive. It computes the block's hash from the header.
func decodeBlock(v rkyv.View) (*ethblock.Block, error) {
	b := &ethblock.Block{Header: decodeHeader(v.Field("header"))}
	b.Hash = b.Header.ComputeHash()
	body := v.Field("body")
	transactions := body.Field("transactions")
	for i := range transactions.Len() {
		t, err := decodeTransaction(transactions.Index(i))
		if err != nil {
			return nil, fmt.Errorf("transactions[%d]: %w", i, err)
		}
		b.Transactions = append(b.Transactions, t)
	}
	if list, some := body.Field("withdrawals").Some(); some {
		for i := range list.Len() {
			w := list.Index(i)
			b.Withdrawals = append(b.Withdrawals, ethblock.Withdrawal{
				Index: w.Field("index").Uint64(), ValidatorIndex: w.Field("validator_index").Uint64(),
				Address: [20]byte(w.Field("address").Bytes()), Amount: w.Field("amount").Uint64(),
			})
		}
	}
	return b, nil
}

func decodeHeader(v rkyv.View) (h ethblock.Header) {
	for name, to := range map[string][]byte{
		"parent_hash": h.ParentHash[:], "ommers_hash": h.OmmersHash[:], "coinbase": h.Coinbase[:], "state_root": h.StateRoot[:],
		"transactions_root": h.TransactionsRoot[:], "receipts_root": h.ReceiptsRoot[:], "logs_bloom": h.LogsBloom[:], "prev_randao": h.PrevRandao[:],
	} {
		copy(to, v.Field(name).Bytes())
	}
	h.Difficulty = v.Field("difficulty").Uint256()
	h.Number, h.GasLimit, h.GasUsed = v.Field("number").Uint64(), v.Field("gas_limit").Uint64(), v.Field("gas_used").Uint64()
	h.Timestamp, h.Nonce = v.Field("timestamp").Uint64(), v.Field("nonce").Uint64()
	h.ExtraData = v.Field("extra_data").Bytes()
	h.BaseFeePerGas = someUint64(v.Field("base_fee_per_gas"))
	h.WithdrawalsRoot = someHash(v.Field("withdrawals_root"))
	h.BlobGasUsed = someUint64(v.Field("blob_gas_used"))
	h.ExcessBlobGas = someUint64(v.Field("excess_blob_gas"))
	h.ParentBeaconBlockRoot = someHash(v.Field("parent_beacon_block_root"))
	h.RequestsHash = someHash(v.Field("requests_hash"))
	if v.HasField("slot_number") {
		h.BlockAccessListHash = someHash(v.Field("block_access_list_hash"))
		h.SlotNumber = someUint64(v.Field("slot_number"))
	}
	return h
}

func someUint64(v rkyv.View) *uint64 {
	if inner, some := v.Some(); some {
		n := inner.Uint64()
		return &n
	}
	return nil
}

func someHash(v rkyv.View) *[32]byte {
	if name, inner := v.Variant(); name == "some" {
		h := [32]byte(inner.Bytes())
		return &h
	}
	return nil
}

// transactionTypes maps the variants of the enum Transaction to transaction types.
var transactionTypes = map[string]byte{
	"legacy": ethblock.TypeLegacy, "eip2930": ethblock.TypeAccessList, "eip1559": ethblock.TypeDynamicFee,
	"eip4844": ethblock.TypeBlob, "eip7702": ethblock.TypeSetCode,
}

func decodeTransaction(v rkyv.View) (t ethblock.Transaction, err error) {
	name, p := v.Variant()
	t.Type = transactionTypes[name]
	t.Nonce, t.Value, t.Data = p.Field("nonce").Uint64(), p.Field("value").Uint256(), p.Field("data").Bytes()
	t.R, t.S = p.Field("r").Uint256(), p.Field("s").Uint256()
	gas := "gas"
	if p.HasField("gas_limit") {
		gas = "gas_limit"
	}
	t.Gas = p.Field(gas).Uint64()
	switch to := p.Field("to"); to.Type().(type) {
	case rkyv.Raw:
		a := [20]byte(to.Bytes())
		t.To = &a
	default:
		if kind, inner := to.Variant(); kind == "call" {
			a := [20]byte(inner.Bytes())
			t.To = &a
		}
	}
	if p.HasField("gas_price") {
		t.GasPrice = p.Field("gas_price").Uint256()
	} else {
		t.MaxPriorityFeePerGas, t.MaxFeePerGas = p.Field("max_priority_fee_per_gas").Uint64(), p.Field("max_fee_per_gas").Uint64()
	}
	if t.Type == ethblock.TypeLegacy {
		t.V = p.Field("v").Uint256()
		return t, nil
	}
	t.ChainID, t.YParity = p.Field("chain_id").Uint64(), p.Field("y_parity").Bool()
	list := p.Field("access_list")
	for i := range list.Len() {
		item, err := decodeAccessItem(list.Index(i).Bytes())
		if err != nil {
			return t, fmt.Errorf("access_list[%d]: %w", i, err)
		}
		t.AccessList = append(t.AccessList, item)
	}
	if p.HasField("blob_versioned_hashes") {
		t.MaxFeePerBlobGas = p.Field("max_fee_per_blob_gas").Uint256()
		list := p.Field("blob_versioned_hashes")
		for i := range list.Len() {
			t.BlobVersionedHashes = append(t.BlobVersionedHashes, [32]byte(list.Index(i).Bytes()))
		}
	}
	if p.HasField("authorization_list") {
		list := p.Field("authorization_list")
		for i := range list.Len() {
			a := list.Index(i)
			t.AuthorizationList = append(t.AuthorizationList, ethblock.Authorization{
				ChainID: a.Field("chain_id").Uint256(), Address: [20]byte(a.Field("address").Bytes()), Nonce: a.Field("nonce").Uint64(),
				YParity: a.Field("y_parity").Uint256(), R: a.Field("r").Uint256(), S: a.Field("s").Uint256(),
			})
		}
	}
	return t, nil
}

// decodeAccessItem decodes an item of an access list: address, number of keys, and keys.
func decodeAccessItem(b []byte) (item ethblock.AccessItem, err error) {
	if len(b) < 28 || (len(b)-28)%32 != 0 || binary.LittleEndian.Uint64(b[20:]) != uint64((len(b)-28)/32) {
		return item, fmt.Errorf("%d bytes are no address with storage keys", len(b))
	}
	item.Address = [20]byte(b)
	for keys := b[28:]; len(keys) > 0; keys = keys[32:] {
		item.StorageKeys = append(item.StorageKeys, [32]byte(keys))
	}
	return item, nil
}

func decodeConfig(v rkyv.View) *chainspec.Config {
	c := &chainspec.Config{
		ChainID: v.Field("chain_id").Uint64(), DAOForkSupport: v.Field("dao_fork_support").Bool(),
		TerminalTotalDifficultyPassed: v.Field("terminal_total_difficulty_passed").Bool(),
		DepositContract:               [20]byte(v.Field("deposit_contract_address").Bytes()),
		VerkleAtGenesis:               v.Field("enable_verkle_at_genesis").Bool(),
	}
	for name, to := range map[string]**uint64{
		"homestead_block": &c.HomesteadBlock, "dao_fork_block": &c.DAOForkBlock, "eip150_block": &c.EIP150Block, "eip155_block": &c.EIP155Block,
		"eip158_block": &c.EIP158Block, "byzantium_block": &c.ByzantiumBlock, "constantinople_block": &c.ConstantinopleBlock,
		"petersburg_block": &c.PetersburgBlock, "istanbul_block": &c.IstanbulBlock, "muir_glacier_block": &c.MuirGlacierBlock,
		"berlin_block": &c.BerlinBlock, "london_block": &c.LondonBlock, "arrow_glacier_block": &c.ArrowGlacierBlock,
		"gray_glacier_block": &c.GrayGlacierBlock, "merge_netsplit_block": &c.MergeNetsplitBlock, "shanghai_time": &c.ShanghaiTime,
		"cancun_time": &c.CancunTime, "prague_time": &c.PragueTime, "verkle_time": &c.VerkleTime, "osaka_time": &c.OsakaTime,
		"bpo1_time": &c.BPO1Time, "bpo2_time": &c.BPO2Time, "bpo3_time": &c.BPO3Time, "bpo4_time": &c.BPO4Time, "bpo5_time": &c.BPO5Time,
		"amsterdam_time": &c.AmsterdamTime, "hegota_time": &c.HegotaTime,
	} {
		if v.HasField(name) {
			*to = someUint64(v.Field(name))
		}
	}
	if ttd, some := v.Field("terminal_total_difficulty").Some(); some {
		n := ttd.Uint256()
		c.TerminalTotalDifficulty = &n
	}
	s := v.Field("blob_schedule")
	for name, to := range map[string]*chainspec.Blob{
		"cancun": &c.BlobSchedule.Cancun, "prague": &c.BlobSchedule.Prague, "osaka": &c.BlobSchedule.Osaka, "bpo1": &c.BlobSchedule.BPO1, "bpo2": &c.BlobSchedule.BPO2,
	} {
		*to = decodeBlob(s.Field(name))
	}
	for name, to := range map[string]**chainspec.Blob{
		"bpo3": &c.BlobSchedule.BPO3, "bpo4": &c.BlobSchedule.BPO4, "bpo5": &c.BlobSchedule.BPO5, "amsterdam": &c.BlobSchedule.Amsterdam,
	} {
		if !s.HasField(name) {
			continue
		}
		if blob, some := s.Field(name).Some(); some {
			b := decodeBlob(blob)
			*to = &b
		}
	}
	return c
}

func decodeBlob(v rkyv.View) chainspec.Blob {
	return chainspec.Blob{
		BaseFeeUpdateFraction: v.Field("base_fee_update_fraction").Uint64(),
		Max:                   uint32(v.Field("max").Uint64()), Target: uint32(v.Field("target").Uint64()),
	}
}

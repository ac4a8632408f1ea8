package input

import (
	"encoding/binary"
	"fmt"

	"github.com/proofline/proofline/plugins/builder-stateless-input/ssz"
	"github.com/proofline/proofline/plugins/internal/guest"
)

// Input is the content of a StatelessInput. A list of items of fixed size is one byte slice
// with the concatenated items.
type Input struct {
	Dialect guest.Format
	Fork    guest.Fork

	Payload         Payload
	VersionedHashes []byte // 32 bytes each; from Cancun on
	BeaconRoot      [32]byte
	Requests        [5][]byte // by type, without the byte of the type; three from Prague on, five from Amsterdam on
	Witness         Witness
	ChainID         uint64
	PublicKeys      []byte // 65 bytes each, in the order of the transactions; D3 only
}

// Payload is the ExecutionPayload: the block.
type Payload struct {
	ParentHash    [32]byte
	FeeRecipient  [20]byte
	StateRoot     [32]byte
	ReceiptsRoot  [32]byte
	LogsBloom     [256]byte
	PrevRandao    [32]byte
	Number        uint64
	GasLimit      uint64
	GasUsed       uint64
	Timestamp     uint64
	ExtraData     []byte
	BaseFeePerGas [32]byte // little-endian
	BlockHash     [32]byte
	Transactions  [][]byte // canonical (EIP-2718), blob transactions without sidecar
	Withdrawals   []byte   // 44 bytes each; from Shanghai on
	BlobGasUsed   uint64   // from Cancun on
	ExcessBlobGas uint64   // from Cancun on
	AccessList    []byte   // RLP (EIP-7928); from Amsterdam on
	SlotNumber    uint64   // from Amsterdam on
}

// Witness is the part of the state that the block needs.
type Witness struct {
	State   [][]byte // trie nodes
	Codes   [][]byte
	Headers [][]byte // RLP, ascending, the parent last
}

// Limits of the schema, in bytes or in entries. A guest refuses an input that exceeds one.
// These are the limits of execution-specs and of reth; ethrex allows more for nodes and
// codes.
const (
	maxExtraData = 32
	maxHeaders   = 256
	maxHeader    = 1024
	maxNode      = 1024
	maxCode      = 65536
)

// requestTypes are the types of execution requests, with the sizes in bytes of the parts of
// an item (EIP-6110, EIP-7002, EIP-7251, and twice EIP-8282).
var requestTypes = [5]struct {
	name  string
	parts []int
}{
	{"deposits", []int{48, 32, 8, 96, 8}},
	{"withdrawals", []int{20, 48, 8}},
	{"consolidations", []int{20, 48, 48}},
	{"builder_deposits", []int{48, 32, 8, 96}},
	{"builder_exits", []int{20, 48}},
}

// requestTypesOf returns the number of types of execution requests of a fork.
func requestTypesOf(f guest.Fork) int {
	switch {
	case f >= guest.Amsterdam:
		return 5
	case f >= guest.Prague:
		return 3
	}
	return 0
}

// container describes the StatelessInput. Its fields point into in.
func (in *Input) container() *ssz.Container {
	fields := []ssz.Field{
		ssz.Nested("new_payload_request", in.request()),
		ssz.Nested("witness", &ssz.Container{Fields: []ssz.Field{
			ssz.List("state", &in.Witness.State, ssz.Limit{Entry: maxNode}),
			ssz.List("codes", &in.Witness.Codes, ssz.Limit{Entry: maxCode}),
			ssz.List("headers", &in.Witness.Headers, ssz.Limit{Length: maxHeaders, Entry: maxHeader}),
		}}),
		ssz.Number("chain_id", &in.ChainID),
	}
	if in.Dialect == guest.SSZD3 {
		fields = append(fields, ssz.Items("public_keys", &in.PublicKeys, 65))
	}
	return &ssz.Container{Fields: fields}
}

// request describes the NewPayloadRequest, whose root the guest commits to.
func (in *Input) request() *ssz.Container {
	fields := []ssz.Field{ssz.Nested("execution_payload", in.payload())}
	if in.Fork >= guest.Cancun {
		fields = append(fields,
			ssz.Items("versioned_hashes", &in.VersionedHashes, 32),
			ssz.Fixed("parent_beacon_block_root", in.BeaconRoot[:]))
	}
	if n := requestTypesOf(in.Fork); n > 0 {
		requests := &ssz.Container{Progressive: true}
		for i, r := range requestTypes[:n] {
			requests.Fields = append(requests.Fields, ssz.Items(r.name, &in.Requests[i], r.parts...))
		}
		fields = append(fields, ssz.Nested("execution_requests", requests))
	}
	return &ssz.Container{Fields: fields}
}

// payload describes the ExecutionPayload.
func (in *Input) payload() *ssz.Container {
	p := &in.Payload
	fields := []ssz.Field{
		ssz.Fixed("parent_hash", p.ParentHash[:]),
		ssz.Fixed("fee_recipient", p.FeeRecipient[:]),
		ssz.Fixed("state_root", p.StateRoot[:]),
		ssz.Fixed("receipts_root", p.ReceiptsRoot[:]),
		ssz.Fixed("logs_bloom", p.LogsBloom[:]),
		ssz.Fixed("prev_randao", p.PrevRandao[:]),
		ssz.Number("block_number", &p.Number),
		ssz.Number("gas_limit", &p.GasLimit),
		ssz.Number("gas_used", &p.GasUsed),
		ssz.Number("timestamp", &p.Timestamp),
		ssz.Bytes("extra_data", &p.ExtraData, ssz.Limit{Length: maxExtraData}),
		ssz.Fixed("base_fee_per_gas", p.BaseFeePerGas[:]),
		ssz.Fixed("block_hash", p.BlockHash[:]),
		ssz.List("transactions", &p.Transactions, ssz.Limit{}),
	}
	if in.Fork >= guest.Shanghai {
		fields = append(fields, ssz.Items("withdrawals", &p.Withdrawals, 8, 8, 20, 8))
	}
	if in.Fork >= guest.Cancun {
		fields = append(fields,
			ssz.Number("blob_gas_used", &p.BlobGasUsed),
			ssz.Number("excess_blob_gas", &p.ExcessBlobGas))
	}
	if in.Fork >= guest.Amsterdam {
		fields = append(fields,
			ssz.Bytes("block_access_list", &p.AccessList, ssz.Limit{}),
			ssz.Number("slot_number", &p.SlotNumber))
	}
	return &ssz.Container{Fields: fields, Progressive: true}
}

// Encode returns the encoded input without a frame. It fails where a limit is exceeded.
func (in *Input) Encode() ([]byte, error) {
	c := in.container()
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+c.Size()), in.Fork.SchemaID())
	return c.Append(b)
}

// Output returns the result that a guest commits to when it accepts the block.
func (in *Input) Output() guest.ValidationResult {
	return guest.ValidationResult{RequestRoot: in.request().Root(), Success: true, ChainID: in.ChainID, SchemaID: in.Fork.SchemaID()}
}

// Leaves returns the values in the order of the encoding.
func (in *Input) Leaves() []ssz.Leaf { return in.container().Leaves() }

// Decode decodes an input of a dialect. It refuses an encoding that Encode would not write.
// The values share the memory of data.
func Decode(data []byte, dialect guest.Format) (*Input, error) {
	fork, err := forkOf(data)
	if err != nil {
		return nil, err
	}
	in := &Input{Dialect: dialect, Fork: fork}
	if err := in.container().Decode(data[2:]); err != nil {
		return nil, fmt.Errorf("input%w", err)
	}
	return in, nil
}

// forkOf returns the fork in the schema id of an input.
func forkOf(data []byte) (guest.Fork, error) {
	if len(data) < 2 {
		return 0, fmt.Errorf("%d bytes, too short for a schema id", len(data))
	}
	fork := guest.Fork(data[0])
	if !fork.Known() || data[1] != 1 {
		return 0, fmt.Errorf("schema id %#04x is none of those known", binary.BigEndian.Uint16(data))
	}
	return fork, nil
}

// Detect returns the dialect of an input by its first offsets. It is only for showing files;
// a builder must not use it to decide what a guest reads.
func Detect(data []byte) (guest.Format, error) {
	if _, err := forkOf(data); err != nil {
		return "", err
	}
	if len(data) < 18 {
		return "", fmt.Errorf("%d bytes, too short for an input", len(data))
	}
	switch first := binary.LittleEndian.Uint32(data[2:]); first {
	case 20:
		return guest.SSZD3, nil
	case 16:
		// In D1 the third field is an ascending offset, too.
		if second, third := binary.LittleEndian.Uint32(data[6:]), binary.LittleEndian.Uint32(data[10:]); third >= second && binary.LittleEndian.Uint32(data[14:]) >= third {
			return guest.SSZD1, fmt.Errorf("an input of dialect D1, which is not read")
		}
		return guest.SSZD4, nil
	default:
		return "", fmt.Errorf("the first offset is %d, which no dialect has", first)
	}
}

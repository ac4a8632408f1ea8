package inspect

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ethereum/go-ethereum/common"

	"github.com/proofline/proofline/plugins/internal/guest"
)

// Summary describes an input.
type Summary struct {
	Dialect      guest.Format  `json:"dialect"`
	Framing      guest.Framing `json:"framing"`
	Fork         string        `json:"fork"`
	SchemaID     string        `json:"schema_id"`
	Bytes        int           `json:"bytes"` // without the frame
	ChainID      uint64        `json:"chain_id"`
	Number       uint64        `json:"number"`
	Hash         common.Hash   `json:"hash"`
	ParentHash   common.Hash   `json:"parent_hash"`
	StateRoot    common.Hash   `json:"state_root"`
	Timestamp    uint64        `json:"timestamp"`
	SlotNumber   uint64        `json:"slot_number,omitempty"`
	GasUsed      uint64        `json:"gas_used"`
	Transactions map[uint8]int `json:"transactions"` // by type
	Withdrawals  int           `json:"withdrawals"`
	Blobs        int           `json:"blobs"`
	AccessList   int           `json:"block_access_list_bytes"`
	Requests     [5]int        `json:"requests"` // by type
	Nodes        EntryTotals   `json:"nodes"`
	StrayNodes   int           `json:"stray_nodes"` // nodes that the parent's state root does not reach
	Codes        EntryTotals   `json:"codes"`
	Headers      EntryTotals   `json:"headers"`
	PublicKeys   int           `json:"public_keys"`
	RequestRoot  common.Hash   `json:"request_root"`
	PublicValues string        `json:"public_values"` // public values of a guest that accepts the block
	Findings     []string      `json:"findings"`
}

// EntryTotals is the number of entries of a list, and their total size in bytes.
type EntryTotals struct {
	Count int `json:"count"`
	Bytes int `json:"bytes"`
}

func totals(list [][]byte) (b EntryTotals) {
	for _, entry := range list {
		b.Count, b.Bytes = b.Count+1, b.Bytes+len(entry)
	}
	return b
}

// Faults returns the number of findings.
func (s *Summary) Faults() int { return len(s.Findings) }

// Summarize describes the input and checks it. Findings names the faults: the parts do not
// hash to the block's hash, the headers do not end at the parent, the parent's state root is
// no node, or a public key is not that of the transaction's sender.
func (f *File) Summarize() *Summary {
	in, p := f.Input, &f.Input.Payload
	output := in.Output()
	s := &Summary{
		Dialect: in.Dialect, Framing: f.Framing, Fork: in.Fork.String(), SchemaID: fmt.Sprintf("%#04x", in.Fork.SchemaID()), Bytes: len(f.Encoded),
		ChainID: in.ChainID, Number: p.Number, Hash: p.BlockHash, ParentHash: p.ParentHash, StateRoot: p.StateRoot, Timestamp: p.Timestamp,
		SlotNumber: p.SlotNumber, GasUsed: p.GasUsed, Transactions: make(map[uint8]int), Withdrawals: len(p.Withdrawals) / 44,
		Blobs: len(in.VersionedHashes) / 32, AccessList: len(p.AccessList),
		Nodes: totals(in.Witness.State), Codes: totals(in.Witness.Codes), Headers: totals(in.Witness.Headers), PublicKeys: len(in.PublicKeys) / 65,
		RequestRoot: output.RequestRoot, PublicValues: output.Hex(),
	}
	for i, size := range [5]int{192, 76, 116, 184, 68} {
		s.Requests[i] = len(in.Requests[i]) / size
	}
	for _, tx := range p.Transactions {
		kind := uint8(0)
		if len(tx) > 0 && tx[0] < 0xc0 {
			kind = tx[0]
		}
		s.Transactions[kind]++
	}
	s.Findings, s.StrayNodes = findings(in)
	return s
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("input", "%s, %s, schema %s (%s), %d bytes", s.Dialect, s.Framing, s.SchemaID, s.Fork, s.Bytes)
	row("block", "%d of chain %d, %s", s.Number, s.ChainID, s.Hash)
	row("parent", "%s", s.ParentHash)
	row("state root", "%s", s.StateRoot)
	row("time", "%d, slot %d", s.Timestamp, s.SlotNumber)
	row("gas used", "%d", s.GasUsed)
	row("transactions", "%s", typeCounts(s.Transactions))
	row("withdrawals", "%d", s.Withdrawals)
	row("blobs", "%d", s.Blobs)
	row("requests", "%d deposits, %d withdrawals, %d consolidations, %d builder deposits, %d builder exits", s.Requests[0], s.Requests[1], s.Requests[2], s.Requests[3], s.Requests[4])
	row("access list", "%d bytes", s.AccessList)
	row("witness", "%d nodes (%d bytes, %d stray), %d codes (%d bytes), %d headers", s.Nodes.Count, s.Nodes.Bytes, s.StrayNodes, s.Codes.Count, s.Codes.Bytes, s.Headers.Count)
	row("public keys", "%d", s.PublicKeys)
	row("request root", "%s", s.RequestRoot)
	row("public values", "%s", s.PublicValues)
	for _, text := range s.Findings {
		row("finding", "%s", text)
	}
	return t.Flush()
}

func typeCounts(counts map[uint8]int) string {
	total := 0
	var parts []string
	for kind := range uint8(128) {
		if n := counts[kind]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d of type %d", n, kind))
		}
	}
	return strings.Join(slices.Insert(parts, 0, fmt.Sprint(total)), ", ")
}

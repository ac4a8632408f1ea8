package inspect

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes the summary for people.
func (s *Summary) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }

	format := string(s.Format)
	for _, also := range s.AlsoValidAs {
		format += " or " + string(also)
	}
	row("format", "%s, %s, archive of %d bytes", format, s.Framing, s.ArchiveBytes)
	b := &s.Block
	row("block", "%d %v", b.Number, b.Hash)
	row("parent", "%v", b.ParentHash)
	row("time", "%d (%s)", b.Timestamp, time.Unix(int64(min(b.Timestamp, 1<<40)), 0).UTC().Format(time.DateTime+" UTC"))
	row("gas", "%d of %d", b.GasUsed, b.GasLimit)
	var kinds []string
	for _, name := range slices.Sorted(maps.Keys(b.TransactionTypes)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", b.TransactionTypes[name], name))
	}
	row("transactions", "%d (%s)", b.Transactions, strings.Join(kinds, ", "))
	row("withdrawals", "%d", b.Withdrawals)

	wit := &s.Witness
	row("codes", "%d, %d bytes", wit.Codes, wit.CodeBytes)
	row("headers", "%d", wit.Headers)
	if wit.Keys != nil {
		row("keys", "%d, %d of them addresses", *wit.Keys, *wit.Addresses)
	}
	if wit.State != nil {
		row("state trie", "%v, %d accounts", *wit.State, wit.Accounts)
	} else {
		row("state trie", "empty")
	}
	row("storage tries", "%d: %v, at most %d nodes in one", wit.StorageTries, wit.Storage, wit.LargestStorage)

	row("chain", "%d (%s), deposits at %v", s.Chain.ChainID, s.Chain.Network, s.Chain.DepositContract)
	for _, name := range forkNames {
		if at, ok := s.Chain.Forks[name]; ok && strings.HasSuffix(name, "_time") {
			row("  "+name, "%d", at)
		}
	}
	for _, finding := range s.Findings {
		row("FINDING", "%s", finding)
	}
	return w.Flush()
}

func (s TrieStats) String() string {
	return fmt.Sprintf("%d nodes (%d branches, %d extensions, %d leaves; %d unresolved references)", s.Nodes, s.Branches, s.Extensions, s.Leaves, s.Unresolved)
}

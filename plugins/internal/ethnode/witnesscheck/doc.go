// Package witnesscheck examines an execution witness while it streams by, in
// memory that hardly grows with its size, and says whether it can be the
// witness of a given block.
//
// It finds, without executing anything:
//
//   - headers that are no chain beginning with the block's parent,
//   - a parent state root that is none of the trie nodes,
//   - a trie node that no other node refers to: its parent was left out,
//   - a path of the state trie that ends at a node left out, for every account
//     that the block certainly reads: senders, recipients, withdrawals, and the
//     addresses that the witness itself names in its keys.
//
// What it cannot find is a missing leaf of a storage trie, or missing code; only
// execution does. The three shapes of package witness are understood.
package witnesscheck

// Package witnesscheck examines an execution witness while it streams by, and says
// whether it can be the witness of a given block. Package witness reads it; what is
// kept of it are hashes, and trie nodes up to a limit.
//
// It finds, without executing anything:
//
//   - headers that are no chain beginning with the block's parent,
//   - a parent state root that is none of the trie nodes,
//   - a path of the state trie that ends at a node left out, for every account
//     that the block certainly reads: senders, recipients, withdrawals, and the
//     addresses that the witness itself names in its keys,
//   - missing code of a recipient.
//
// It counts what nothing refers to. What it cannot find is another missing node,
// or the code of an account that is called from code; only execution does.
package witnesscheck

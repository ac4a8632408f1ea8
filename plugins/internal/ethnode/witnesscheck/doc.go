// Package witnesscheck checks, while an execution witness arrives, whether it can be
// the witness of a given block. Package witness parses it. Package witnesscheck keeps
// hashes, and trie nodes up to a limit.
//
// It finds, without executing anything:
//
//   - headers that do not form a chain that begins with the block's parent,
//   - a parent state root that is none of the trie nodes,
//   - a missing node on the path of the state trie to an account that the block
//     certainly reads: a sender, a recipient, the address of a withdrawal, or an
//     address in the witness's own keys,
//   - missing code of a recipient.
//
// It counts the entries that nothing refers to. It cannot find other missing nodes, or
// missing code of an account that is called from code. Only execution finds those.
package witnesscheck

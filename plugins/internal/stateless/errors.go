package stateless

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/version"

	"github.com/proofline/proofline/sdk/witness"
)

// IncompleteError means that the execution read something that the witness lacks.
// Another fetch, or another node, may provide it. The lists are in the order of
// reading. The first entry is certainly missing; later ones may be a consequence of
// it, because the execution went on with wrong data.
type IncompleteError struct {
	Block   uint64
	Nodes   []MissingNode
	Codes   []MissingCode
	Headers []MissingHeader
}

// MissingNode is an absent trie node.
type MissingNode struct {
	Hash    common.Hash
	Path    []byte          // nibbles from the root of its trie
	Owner   common.Hash     // Keccak-256 of the account's address; zero in the account trie
	Account *common.Address // the owner, where the execution touched it
}

func (n MissingNode) String() string {
	place := "of the account trie"
	switch {
	case n.Account != nil:
		place = "of the storage of " + n.Account.Hex()
	case n.Owner != common.Hash{}:
		place = "of the storage of the account with address hash " + n.Owner.Hex()
	}
	if len(n.Path) == 0 {
		return fmt.Sprintf("state node %s, the root %s", n.Hash, place)
	}
	var path strings.Builder
	for _, nibble := range n.Path {
		fmt.Fprintf(&path, "%x", nibble)
	}
	return fmt.Sprintf("state node %s at path %s %s", n.Hash, path.String(), place)
}

// MissingCode is an absent bytecode.
type MissingCode struct {
	Hash    common.Hash
	Account common.Address // the first account whose code was read
}

func (c MissingCode) String() string {
	return fmt.Sprintf("code %s of %s", c.Hash, c.Account.Hex())
}

// MissingHeader is an absent ancestor header.
type MissingHeader struct {
	Hash   common.Hash
	Number uint64
}

func (h MissingHeader) String() string {
	return fmt.Sprintf("header %s of block %d", h.Hash, h.Number)
}

func (e *IncompleteError) Error() string {
	var parts []string
	parts = appendFirst(parts, e.Headers)
	parts = appendFirst(parts, e.Nodes)
	parts = appendFirst(parts, e.Codes)
	return fmt.Sprintf("the witness of block %d is incomplete: it lacks %s", e.Block, strings.Join(parts, "; "))
}

// Unwrap returns witness.ErrIncomplete.
func (e *IncompleteError) Unwrap() error { return witness.ErrIncomplete }

// appendFirst appends the names of the first three missing things and the number of
// the others.
func appendFirst[T fmt.Stringer](parts []string, missing []T) []string {
	const named = 3
	for i, m := range missing {
		if i == named {
			return append(parts, fmt.Sprintf("and %d more of the kind", len(missing)-named))
		}
		parts = append(parts, m.String())
	}
	return parts
}

// WitnessError means that the witness cannot be the one of the block: its headers do
// not form a chain that ends at the block's parent, or its state cannot be read.
type WitnessError struct{ Err error }

func (e *WitnessError) Error() string { return e.Err.Error() }

func (e *WitnessError) Unwrap() error { return e.Err }

// InvalidError means that the block breaks a rule of the protocol: its body does not
// match its header, its header does not follow from its parent, or a transaction
// cannot be executed.
type InvalidError struct {
	Block uint64
	Err   error
}

func (e *InvalidError) Error() string { return fmt.Sprintf("block %d is invalid: %v", e.Block, e.Err) }

func (e *InvalidError) Unwrap() error { return e.Err }

// MismatchError means that the block was executed from a complete witness with another
// outcome than its header states.
type MismatchError struct {
	Block       uint64
	Differences []Difference
}

// Difference is one header field that the execution does not confirm.
type Difference struct {
	Field    string // as in the JSON of a header, for example "stateRoot"
	Header   string // value in the header
	Executed string // value that the execution computed
}

func (d Difference) String() string {
	return fmt.Sprintf("%s is %s in the header and %s by execution", d.Field, d.Header, d.Executed)
}

func (e *MismatchError) Error() string {
	parts := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		parts[i] = d.String()
	}
	return fmt.Sprintf("block %d does not execute to its header by the rules of %s: %s", e.Block, Engine(), strings.Join(parts, "; "))
}

// Engine returns the name and version of the EVM that executes blocks. A MismatchError
// soon after a fork may mean that this version is older than the fork.
func Engine() string {
	return fmt.Sprintf("go-ethereum %d.%d.%d", version.Major, version.Minor, version.Patch)
}

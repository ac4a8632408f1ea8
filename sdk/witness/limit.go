package witness

import (
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/core/types"
)

// BlockLimit is how many bytes the JSON of a block with this gas limit may have;
// 0 stands for an unknown gas limit. A byte of call data costs at least four gas
// and takes two characters; an entry of an access list 1,900 gas and 70
// characters; a transaction 21,000 gas and some 1,000 characters. The limit leaves
// as much again for white space and for members that nobody reads.
func BlockLimit(gasLimit uint64) int64 {
	const base, unknown, most = 8 << 20, 64 << 20, 128 << 20
	if gasLimit == 0 {
		return unknown
	}
	return base + int64(min(gasLimit, most-base))
}

// Limit is how many bytes the JSON of the witness of a block with this gas limit
// may have; 0 stands for an unknown gas limit. The most state for a unit of gas is
// code: 24,576 bytes for 2,600 gas, and two characters a byte.
func Limit(gasLimit uint64) int64 {
	const base, unknown, most, perGas = 64 << 20, 1 << 30, 4 << 30, 20
	if gasLimit == 0 {
		return unknown
	}
	return base + int64(min(gasLimit, (most-base)/perGas))*perGas
}

// CreatedCode is how many bytes of code a block can have created, at most: 200 gas a
// byte, and 23 bytes for an authorization (EIP-7702). Clients list such code in the
// witness although no account of the parent's state has it.
func CreatedCode(block *types.Block) int {
	const depositGas = 200
	n := int(min(block.GasUsed()/depositGas, 1<<30))
	for _, tx := range block.Transactions() {
		n += 23 * len(tx.SetCodeAuthorizations())
	}
	return n
}

// limitedReader fails behind a number of bytes, which may grow meanwhile.
type limitedReader struct {
	src        io.Reader
	left, seen int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.src.Read(p)
	l.seen += int64(n)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("over %d bytes, more than a block of its gas limit can need", l.seen+l.left)
	}
	return n, err
}

// set changes the limit, counted from the beginning.
func (l *limitedReader) set(limit int64) { l.left = limit - l.seen }

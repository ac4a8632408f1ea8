package witness

import (
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/core/types"
)

// blockLimit returns the largest size in bytes of the JSON of a block with this gas
// limit; 0 stands for an unknown gas limit. A byte of call data costs at least 4 gas and
// takes two characters. An entry of an access list costs 1,900 gas and takes 70
// characters. A transaction costs 21,000 gas and takes some 1,000 characters. The limit
// allows twice the resulting size, for white space and for members that are skipped.
func blockLimit(gasLimit uint64) int64 {
	const base, unknown, largest = 8 << 20, 64 << 20, 128 << 20
	if gasLimit == 0 {
		return unknown
	}
	return base + int64(min(gasLimit, largest-base))
}

// Limit returns the largest size in bytes of the JSON of the witness of a block with this
// gas limit; 0 stands for an unknown gas limit. Code gives the most state for a unit of
// gas: 24,576 bytes for 2,600 gas, and two characters a byte.
func Limit(gasLimit uint64) int64 {
	const base, unknown, largest, perGas = 64 << 20, 1 << 30, 4 << 30, 20
	if gasLimit == 0 {
		return unknown
	}
	return base + int64(min(gasLimit, (largest-base)/perGas))*perGas
}

// CreatedCode returns the largest number of bytes of code that a block can have created:
// one byte for 200 gas, and 23 bytes for an authorization (EIP-7702). Clients list such
// code in the witness although no account of the parent's state has it.
func CreatedCode(block *types.Block) int {
	const depositGas = 200
	n := int(min(block.GasUsed()/depositGas, 1<<30))
	for _, tx := range block.Transactions() {
		n += 23 * len(tx.SetCodeAuthorizations())
	}
	return n
}

// limitedReader fails after a number of bytes, which set may change while it reads.
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

// set changes the limit, which counts from the beginning of the stream.
func (l *limitedReader) set(limit int64) { l.left = limit - l.seen }

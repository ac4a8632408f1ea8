package ssz

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

const chunkSize = 32

// zeros[k] is the root of a tree of 2^k zero chunks.
var zeros = func() (list [64][chunkSize]byte) {
	for k := 1; k < len(list); k++ {
		list[k] = pair(list[k-1], list[k-1])
	}
	return list
}()

// pair returns the hash of two chunks.
func pair(left, right [chunkSize]byte) [chunkSize]byte {
	var b [2 * chunkSize]byte
	copy(b[:], left[:])
	copy(b[chunkSize:], right[:])
	return sha256.Sum256(b[:])
}

// tree returns the root of a binary tree of 2^depth chunks. data fills the first chunks, the
// others are zero.
func tree(data []byte, depth int) [chunkSize]byte {
	if len(data) == 0 {
		return zeros[depth]
	}
	if depth == 0 {
		var chunk [chunkSize]byte
		copy(chunk[:], data)
		return chunk
	}
	half := min(len(data), chunkSize<<(depth-1))
	return pair(tree(data[:half], depth-1), tree(data[half:], depth-1))
}

// depthOf returns the depth of the smallest tree with at least so many chunks.
func depthOf(chunks int) int {
	if chunks <= 1 {
		return 0
	}
	return bits.Len(uint(chunks - 1))
}

// fixedRoot returns the root of a number or a vector of bytes.
func fixedRoot(data []byte) [chunkSize]byte {
	return tree(data, depthOf(chunksOf(len(data))))
}

func chunksOf(size int) int { return (size + chunkSize - 1) / chunkSize }

// progressive returns the root of a progressive tree (EIP-7916) of the chunks in data. The
// first subtree has one chunk, each further one four times as many as the one before.
func progressive(data []byte) [chunkSize]byte { return progressiveFrom(data, 0) }

func progressiveFrom(data []byte, depth int) [chunkSize]byte {
	if len(data) == 0 {
		return zeros[0]
	}
	width := min(len(data), chunkSize<<depth)
	return pair(tree(data[:width], depth), progressiveFrom(data[width:], depth+2))
}

// withNumber mixes a number, for example a list's length, into a root.
func withNumber(root [chunkSize]byte, n uint64) [chunkSize]byte {
	var b [chunkSize]byte
	binary.LittleEndian.PutUint64(b[:], n)
	return pair(root, b)
}

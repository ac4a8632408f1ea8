package witnesscheck

import "github.com/proofline/proofline/plugins/internal/keccak"

// batch hashes entries of a witness several at a time, which takes less than half of the
// time. It is not safe for concurrent use.
type batch struct {
	// use gets the entries with their hashes, in their order. It reports whether it keeps
	// the entry, whose memory is used again otherwise.
	use func(entry []byte, hash [32]byte) (keeps bool)

	hasher  *keccak.Hasher
	entries [][]byte // copies of the entries that are not hashed yet
	chunk   []byte   // the memory from which the copies were taken last
}

// A batch ends with maxEntries entries, or where the next one does not fit in its chunk.
const (
	maxEntries = 256
	chunkSize  = 256 << 10 // bytes
)

// add adds an entry. It does not keep the slice.
func (b *batch) add(entry []byte) {
	if len(b.entries) == maxEntries || len(b.chunk)+len(entry) > cap(b.chunk) {
		b.flush()
	}
	if len(b.chunk)+len(entry) > cap(b.chunk) {
		b.chunk = make([]byte, 0, max(chunkSize, len(entry)))
	}
	at := len(b.chunk)
	b.chunk = append(b.chunk, entry...)
	b.entries = append(b.entries, b.chunk[at:len(b.chunk):len(b.chunk)])
}

// flush hashes the entries that are not hashed yet.
func (b *batch) flush() {
	if b.hasher == nil {
		b.hasher = keccak.New()
	}
	var hashes [maxEntries][32]byte
	b.hasher.Hash(b.entries, hashes[:])
	kept := false
	for i, entry := range b.entries {
		kept = b.use(entry, hashes[i]) || kept
	}
	b.entries = b.entries[:0]
	if !kept {
		b.chunk = b.chunk[:0]
	}
}

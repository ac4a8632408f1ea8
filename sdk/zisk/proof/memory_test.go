package proof_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// allocated returns the bytes that a call allocates.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Whatever a file says of its lengths, what is allocated for it is in proportion to
// its size: every integer of up to five bytes at each place of each layout's file is
// made as large as it can be, and the file is cut off. A file under zstd counts with
// the most that it may unpack to.
func TestMemoryFollowsTheFile(t *testing.T) {
	const slack = 256 << 10 // for errors, and what the runtime does by itself
	limit := func(size int) uint64 { return 80*uint64(size) + slack }
	worst := 0.0
	try := func(name string, data []byte) {
		t.Helper()
		used := allocated(func() { _, _ = proof.Decode(data, "") })
		if used > limit(len(data)) {
			t.Errorf("%s: %d bytes were allocated for a file of %d", name, used, len(data))
		}
		if len(data) >= 1024 {
			worst = max(worst, float64(used)/float64(len(data)))
		}
	}
	for _, layout := range layouts {
		file := prooftest.Encode(prooftest.New(layout, layout == proof.Ere, proof.Key{1, 2, 3, 4}, []uint32{5, 6}, 260, 5))
		try(string(layout), file)
		for at := 0; at < len(file); at += 1 + len(file)/400 {
			for _, huge := range [][]byte{
				{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, {0xff, 0xff, 0x03, 0, 0, 0, 0, 0}, // as a u64 or u32
				{253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff}, {252, 0xff, 0xff, 0x03, 0}, // as a varint
			} {
				changed := bytes.Clone(file)
				copy(changed[at:], huge)
				try(string(layout), changed)
			}
			try(string(layout), file[:at+1])
		}
	}
	zeros := make([]byte, 1<<20)
	binary.LittleEndian.PutUint64(zeros[8:], 1<<60)
	try("zeros behind a length", zeros)
	t.Logf("at most %.1f bytes for each byte of a file of 1 KiB or more", worst)

	bomb, err := proof.Compress(make([]byte, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if used := allocated(func() { _, err = proof.Decode(bomb, "") }); err == nil || used > limit(proof.MaxSize) {
		t.Errorf("%d bytes that unpack to 64 MiB: %d bytes were allocated, %v", len(bomb), used, err)
	}
}

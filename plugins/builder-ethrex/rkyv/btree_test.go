package rkyv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// numbers writes a map of n one-byte-out-of-line values.
func numbers(w *Writer, n int) (Entries[Position], Position) {
	e := Entries[Position]{
		Len: n, KeySize: 4, ValueSize: 8,
		Serialize: func(i int) Position { return w.Append([]byte{byte(i)}) },
		Key:       func(i int) { w.Uint32(uint32(i)) },
		Value:     func(_ int, r Position) { w.Slice(r, 1) },
	}
	return e, Tree(w, e)
}

func TestTreeSize(t *testing.T) {
	for n := range 3000 {
		w := new(Writer)
		e, root := numbers(w, n)
		if (root == None) != (n == 0) {
			t.Fatalf("%d entries: root at %d", n, root)
		}
		if have, want := int(w.Position()), TreeSize(e)+n; have != want {
			t.Fatalf("%d entries take %d bytes, TreeSize says %d", n, have, want)
		}
	}
}

// TestTreeBytes compares the digest of trees of all sizes with that of the reference writer
// (class BTreeMap of ethrex_rkyv_ref.py), which was compared with rkyv itself for sizes up to
// 1512.
func TestTreeBytes(t *testing.T) {
	const want = "f8c8065d7d54d9dc252ddcc79db81d9b0ddd2c5203db4eaa9aaf0438880921d4"
	all := sha256.New()
	for n := range 1501 {
		var archive bytes.Buffer
		w := NewWriter(&archive)
		_, root := numbers(w, n)
		w.Map(root, n)
		if size, err := w.Finish(); err != nil || size != int64(archive.Len()) {
			t.Fatalf("%d bytes, %d written: %v", size, archive.Len(), err)
		}
		all.Write(archive.Bytes())
	}
	if have := hex.EncodeToString(all.Sum(nil)); have != want {
		t.Errorf("trees of 0 to 1500 entries: digest %s, want %s", have, want)
	}
}

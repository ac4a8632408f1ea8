package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// checkMetaPages returns a problem for each damaged meta page. A bbolt file has two meta
// pages, and each transaction writes the older of them
// (etcd-io/bbolt:internal/common/meta.go@v1.5.0). When one is damaged bbolt uses the
// other without a warning, and so possibly the state before an acknowledged transaction.
func checkMetaPages(file io.ReaderAt, pageSize int) (found []Problem) {
	for page := range 2 {
		if err := checkMetaPage(file, int64(page*pageSize)); err != nil {
			found = append(found, Problem{Where: fmt.Sprintf("page %d", page), What: fmt.Sprintf(
				"this meta page is damaged (%v); the last transaction may be lost; proofline db compact makes a sound file of the other one", err)})
		}
	}
	return found
}

// checkMetaPage verifies the checksum and the magic number of the meta page that begins
// at an offset.
func checkMetaPage(file io.ReaderAt, at int64) error {
	const header, length, body = 16, 64, 56
	var meta [length]byte
	if _, err := file.ReadAt(meta[:], at+header); err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	sum := fnv.New64a()
	sum.Write(meta[:body])
	if binary.NativeEndian.Uint64(meta[body:]) != sum.Sum64() {
		return errNoMatch
	}
	if binary.NativeEndian.Uint32(meta[:]) != 0xED0CDAED {
		return errors.New("it has no magic number")
	}
	return nil
}

package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// A bbolt file has two meta pages, and each transaction writes the older of them
// (etcd-io/bbolt:internal/common/meta.go@v1.5.0). bbolt passes over one that is
// damaged and takes the other in silence, and with it the state before a
// transaction that may have been acknowledged. So both are looked at here.
func checkMetas(file io.ReaderAt, pageSize int) (found []Problem) {
	for page := range 2 {
		if err := checkMeta(file, int64(page*pageSize)); err != nil {
			found = append(found, Problem{Where: fmt.Sprintf("page %d", page), What: fmt.Sprintf(
				"this meta page is damaged (%v); the last transaction may be lost; proofline db compact makes a sound file of the other one", err)})
		}
	}
	return found
}

func checkMeta(file io.ReaderAt, at int64) error {
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

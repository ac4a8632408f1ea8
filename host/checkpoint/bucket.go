package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"unicode/utf8"

	"go.etcd.io/bbolt"
)

// tx is a transaction. In a writing one, sum is kept up to date with the records. It is
// nil in a reading transaction and during a migration.
type tx struct {
	*bbolt.Tx
	sum *sum
}

// bucket is a bucket and its path, which is the names from the top joined by slashes.
// Every value in it is sealed: the content is followed by a space and eight hex digits,
// the CRC-32C of path, key and content. bbolt has no checksums of its own, and a record
// that was changed on the disk must never be used.
type bucket struct {
	b    *bbolt.Bucket
	path string
	sum  *sum
}

// sum is a checksum over all records of a file. A seal detects a record that was
// changed. The sum detects a record that is missing or of an earlier transaction.
type sum struct {
	Records uint64 `json:"records"` // their number
	Seals   uint64 `json:"seals"`   // the sum of their seals modulo 2^64
}

// add counts a record that is written.
func (s *sum) add(sealed []byte) {
	s.Records++
	s.Seals += sealOf(sealed)
}

// remove discounts a record that is removed or replaced.
func (s *sum) remove(sealed []byte) {
	s.Records--
	s.Seals -= sealOf(sealed)
}

// sealOf returns the checksum in the seal of a value.
func sealOf(sealed []byte) uint64 {
	var crc [4]byte
	_, _ = hex.Decode(crc[:], sealed[max(len(sealed)-8, 0):]) // unseal detects a damaged seal
	return uint64(binary.BigEndian.Uint32(crc[:]))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealSize is the length of a seal in bytes.
const sealSize = 9

// crc returns the seal of a record.
func (b bucket) crc(key, content []byte) []byte {
	sum := crc32.Update(0, castagnoli, []byte(b.path))
	sum = crc32.Update(sum, castagnoli, []byte{0, byte(len(key) >> 8), byte(len(key))})
	sum = crc32.Update(sum, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, content)
	return hex.AppendEncode([]byte{' '}, binary.BigEndian.AppendUint32(nil, sum))
}

// seal returns the content of a record with its seal.
func (b bucket) seal(key, content []byte) []byte {
	return append(content[:len(content):len(content)], b.crc(key, content)...)
}

var errNoMatch = errors.New("its checksum does not match")

// unseal returns the content of a record. It returns an error when the seal does not
// match.
func (b bucket) unseal(key, value []byte) (content []byte, err error) {
	if n := len(value) - sealSize; n >= 0 && string(b.crc(key, value[:n])) == string(value[n:]) {
		return value[:n], nil
	}
	return nil, fmt.Errorf("record %s is damaged: %w", b.name(key), errNoMatch)
}

// numbered lists the buckets of the top level in which the keys of records begin with a
// number or a time.
var numbered = [][]byte{bucketRuns, bucketNumbers, bucketHistory, bucketOutbox, bucketReached, bucketReports, bucketRequests}

// name returns the path and the key of a record in readable form.
func (b bucket) name(key []byte) string {
	kind, _, _ := strings.Cut(b.path, "/")
	isNumbered := slices.ContainsFunc(numbered, func(name []byte) bool { return string(name) == kind })
	if id, rest, ok := bytes.Cut(key, []byte{0}); kind == string(bucketOwing) && ok && len(rest) > 8 {
		return fmt.Sprintf("%s/%s/%d/%s", b.path, id, binary.BigEndian.Uint64(rest), rest[8:])
	}
	switch {
	case isNumbered && len(key) == 8:
		return fmt.Sprintf("%s/%d", b.path, binary.BigEndian.Uint64(key))
	case isNumbered && len(key) > 8 && utf8.Valid(key[8:]):
		return fmt.Sprintf("%s/%d/%s", b.path, binary.BigEndian.Uint64(key), key[8:])
	case utf8.Valid(key):
		return b.path + "/" + string(key)
	}
	return fmt.Sprintf("%s/%x", b.path, key)
}

// top returns a bucket of the top level. All of them exist in every file.
func top(t tx, name []byte) bucket { return bucket{t.Bucket(name), string(name), t.sum} }

// child returns a bucket in this one. ok is false when there is none.
func (b bucket) child(name []byte) (c bucket, ok bool) {
	c = bucket{b.b.Bucket(name), b.path + "/" + string(name), b.sum}
	return c, c.b != nil
}

// childOrNew returns a bucket in this one and creates it when there is none.
func (b bucket) childOrNew(name []byte) (bucket, error) {
	c, err := b.b.CreateBucketIfNotExists(name)
	return bucket{c, b.path + "/" + string(name), b.sum}, err
}

// eachChild visits the buckets in this one until visit returns an error.
func (b bucket) eachChild(visit func(name []byte, child bucket) error) error {
	return b.b.ForEachBucket(func(name []byte) error {
		c, _ := b.child(name)
		return visit(name, c)
	})
}

// deleteChild removes a bucket in this one, if it exists.
func (b bucket) deleteChild(name []byte) error {
	c, ok := b.child(name)
	if !ok {
		return nil
	}
	err := c.b.ForEach(func(_, sealed []byte) error {
		b.sum.remove(sealed)
		return nil
	})
	return errors.Join(err, b.b.DeleteBucket(name))
}

// put seals and stores a record, in place of an earlier one.
func (b bucket) put(key, content []byte) error {
	sealed := b.seal(key, content)
	if b.sum != nil {
		if before := b.b.Get(key); before != nil {
			b.sum.remove(before)
		}
		b.sum.add(sealed)
	}
	return b.b.Put(key, sealed)
}

// delete removes a record, if it exists.
func (b bucket) delete(key []byte) error {
	before := b.b.Get(key)
	if before == nil {
		return nil
	}
	b.sum.remove(before)
	return b.b.Delete(key)
}

// write stores a value as JSON.
func (b bucket) write(key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.put(key, text)
}

// read decodes the record of a key. ok is false when there is none.
func read[T any](b bucket, key []byte) (value T, ok bool, err error) {
	sealed := b.b.Get(key)
	if sealed == nil {
		return value, false, nil
	}
	value, err = decode[T](b, key, sealed)
	return value, err == nil, err
}

// decode unseals a record and decodes it from JSON.
func decode[T any](b bucket, key, sealed []byte) (value T, err error) {
	text, err := b.unseal(key, sealed)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("record %s: %w", b.name(key), err)
	}
	return value, nil
}

// nextNumber assigns the next number of a bucket, from 1 on. bbolt's own sequences are
// not used because no checksum protects them.
func nextNumber(t tx, b bucket) (uint64, error) {
	last, _, err := read[uint64](top(t, bucketLast), []byte(b.path))
	if err != nil {
		return 0, err
	}
	return last + 1, top(t, bucketLast).write([]byte(b.path), last+1)
}

// each decodes every record from a key on. It skips records that cannot be decoded, and
// the error names all of them. The bucket must not be changed meanwhile.
func each[T any](b bucket, from []byte, visit func(key []byte, value T)) (err error) {
	c := b.b.Cursor()
	for key, sealed := c.Seek(from); key != nil; key, sealed = c.Next() {
		if sealed == nil {
			continue // a bucket
		}
		value, bad := decode[T](b, key, sealed)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		visit(key, value)
	}
	return err
}

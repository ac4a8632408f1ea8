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

// tx is a transaction. In one that writes, sum follows the records; it is nil
// in one that only reads, and during a migration.
type tx struct {
	*bbolt.Tx
	sum *sum
}

// bucket is a bucket and its path, the names from the top joined by slashes.
// Every value in it is sealed: behind the content stand a space and eight hex
// digits, the CRC-32C of path, key and content. bbolt has no checksums of its
// own, and a record that has been changed on the disk must never be believed.
type bucket struct {
	b    *bbolt.Bucket
	path string
	sum  *sum
}

// sum is over all records of a file. A seal tells of a record that was changed;
// the sum tells of one that is missing, or is of an earlier transaction.
type sum struct {
	Records uint64 `json:"records"`
	Seals   uint64 `json:"seals"` // their sum modulo 2^64
}

func (s *sum) add(sealed []byte) {
	s.Records++
	s.Seals += sealOf(sealed)
}

func (s *sum) remove(sealed []byte) {
	s.Records--
	s.Seals -= sealOf(sealed)
}

func sealOf(sealed []byte) uint64 {
	var crc [4]byte
	_, _ = hex.Decode(crc[:], sealed[max(len(sealed)-8, 0):]) // a damaged seal is found by unseal
	return uint64(binary.BigEndian.Uint32(crc[:]))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 9

func (b bucket) crc(key, content []byte) []byte {
	sum := crc32.Update(0, castagnoli, []byte(b.path))
	sum = crc32.Update(sum, castagnoli, []byte{0, byte(len(key) >> 8), byte(len(key))})
	sum = crc32.Update(sum, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, content)
	return hex.AppendEncode([]byte{' '}, binary.BigEndian.AppendUint32(nil, sum))
}

func (b bucket) seal(key, content []byte) []byte {
	return append(content[:len(content):len(content)], b.crc(key, content)...)
}

var errNoMatch = errors.New("its checksum does not match")

func (b bucket) unseal(key, value []byte) (content []byte, err error) {
	if n := len(value) - sealSize; n >= 0 && string(b.crc(key, value[:n])) == string(value[n:]) {
		return value[:n], nil
	}
	return nil, fmt.Errorf("record %s is damaged: %w", b.name(key), errNoMatch)
}

// numbered are the buckets, or the buckets of buckets, whose keys begin with a
// number or a time.
var numbered = [][]byte{bucketRuns, bucketNumbers, bucketHistory, bucketOutbox, bucketReached, bucketReports, bucketRequests}

// name is a record's bucket and key for people.
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

// top returns a bucket of the schema; they are there from the creation on.
func top(t tx, name []byte) bucket { return bucket{t.Bucket(name), string(name), t.sum} }

// child returns a bucket in this one; ok is false where there is none.
func (b bucket) child(name []byte) (c bucket, ok bool) {
	c = bucket{b.b.Bucket(name), b.path + "/" + string(name), b.sum}
	return c, c.b != nil
}

func (b bucket) childOrNew(name []byte) (bucket, error) {
	c, err := b.b.CreateBucketIfNotExists(name)
	return bucket{c, b.path + "/" + string(name), b.sum}, err
}

func (b bucket) eachChild(visit func(name []byte, child bucket) error) error {
	return b.b.ForEachBucket(func(name []byte) error {
		c, _ := b.child(name)
		return visit(name, c)
	})
}

// deleteChild removes a bucket in this one, where there is one.
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

// read decodes the value of a key; ok is false where there is none.
func read[T any](b bucket, key []byte) (value T, ok bool, err error) {
	sealed := b.b.Get(key)
	if sealed == nil {
		return value, false, nil
	}
	value, err = decode[T](b, key, sealed)
	return value, err == nil, err
}

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

// nextNumber gives out the next number of a bucket, counting from 1. bbolt's own
// sequences are not used, because no checksum guards them.
func nextNumber(t tx, b bucket) (uint64, error) {
	last, _, err := read[uint64](top(t, bucketLast), []byte(b.path))
	if err != nil {
		return 0, err
	}
	return last + 1, top(t, bucketLast).write([]byte(b.path), last+1)
}

// each decodes every record from a key on, and goes on behind one that cannot be
// decoded; the error names all of those. The bucket must not be changed meanwhile.
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

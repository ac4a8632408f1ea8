package checkpoint

import (
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

// bucket is a bucket and its path, the names from the top joined by slashes.
// Every value in it is sealed: behind the content stand a space and eight hex
// digits, the CRC-32C of path, key and content. bbolt has no checksums of its
// own, and a record that has been changed on the disk must never be believed.
type bucket struct {
	b    *bbolt.Bucket
	path string
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 9

func (b bucket) sum(key, content []byte) []byte {
	sum := crc32.Update(0, castagnoli, []byte(b.path))
	sum = crc32.Update(sum, castagnoli, []byte{0, byte(len(key) >> 8), byte(len(key))})
	sum = crc32.Update(sum, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, content)
	return hex.AppendEncode([]byte{' '}, binary.BigEndian.AppendUint32(nil, sum))
}

func (b bucket) seal(key, content []byte) []byte {
	return append(content[:len(content):len(content)], b.sum(key, content)...)
}

func (b bucket) unseal(key, value []byte) (content []byte, err error) {
	if n := len(value) - sealSize; n >= 0 && string(b.sum(key, value[:n])) == string(value[n:]) {
		return value[:n], nil
	}
	return nil, fmt.Errorf("record %s is damaged: its checksum does not match", b.name(key))
}

// numbered are the buckets, or the buckets of buckets, whose keys begin with a
// number or a time.
var numbered = [][]byte{bucketNumbers, bucketHistory, bucketOutbox, bucketReached, bucketReports, bucketRequests}

// name is a record's bucket and key for people.
func (b bucket) name(key []byte) string {
	kind, _, _ := strings.Cut(b.path, "/")
	isNumbered := slices.ContainsFunc(numbered, func(name []byte) bool { return string(name) == kind })
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
func top(tx *bbolt.Tx, name []byte) bucket { return bucket{tx.Bucket(name), string(name)} }

// child returns a bucket in this one; ok is false where there is none.
func (b bucket) child(name []byte) (c bucket, ok bool) {
	c = bucket{b.b.Bucket(name), b.path + "/" + string(name)}
	return c, c.b != nil
}

func (b bucket) childOrNew(name []byte) (bucket, error) {
	c, err := b.b.CreateBucketIfNotExists(name)
	return bucket{c, b.path + "/" + string(name)}, err
}

func (b bucket) eachChild(visit func(name []byte, child bucket) error) error {
	return b.b.ForEachBucket(func(name []byte) error {
		c, _ := b.child(name)
		return visit(name, c)
	})
}

func (b bucket) put(key, content []byte) error { return b.b.Put(key, b.seal(key, content)) }

func (b bucket) delete(key []byte) error { return b.b.Delete(key) }

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
	return decode[T](b, key, sealed)
}

func decode[T any](b bucket, key, sealed []byte) (value T, ok bool, err error) {
	text, err := b.unseal(key, sealed)
	if err != nil {
		return value, false, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, false, fmt.Errorf("record %s: %w", b.name(key), err)
	}
	return value, true, nil
}

// nextNumber gives out the next number of a bucket, counting from 1. bbolt's own
// sequences are not used, because no checksum guards them.
func nextNumber(tx *bbolt.Tx, b bucket) (uint64, error) {
	last, _, err := read[uint64](top(tx, bucketLast), []byte(b.path))
	if err != nil {
		return 0, err
	}
	return last + 1, top(tx, bucketLast).write([]byte(b.path), last+1)
}

// each decodes every record. The bucket must not be changed meanwhile.
func each[T any](b bucket, visit func(key []byte, value T) error) error {
	return b.b.ForEach(func(key, sealed []byte) error {
		if sealed == nil {
			return nil // a bucket
		}
		value, _, err := decode[T](b, key, sealed)
		if err != nil {
			return err
		}
		return visit(key, value)
	})
}

// checkSeals holds every record of the file against its checksum, and looks for
// buckets that are missing.
func checkSeals(tx *bbolt.Tx, report func(where, what string)) {
	for _, name := range topLevel {
		if b := top(tx, name); b.b == nil {
			report(string(name), "the bucket is missing")
		} else {
			checkBucket(b, report)
		}
	}
	_ = tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		for _, known := range topLevel {
			if string(name) == string(known) {
				return nil
			}
		}
		report(fmt.Sprintf("%q", name), "the bucket is unknown")
		return nil
	})
}

func checkBucket(b bucket, report func(where, what string)) {
	_ = b.b.ForEach(func(key, sealed []byte) error {
		if sealed == nil {
			c, _ := b.child(key)
			checkBucket(c, report)
			return nil
		}
		if b.path == string(bucketMeta) && string(key) == string(keySchema) {
			return nil // bare, so that every version can read it
		}
		if _, err := b.unseal(key, sealed); err != nil {
			report(b.name(key), errNoMatch.Error())
		}
		return nil
	})
}

var errNoMatch = errors.New("its checksum does not match")

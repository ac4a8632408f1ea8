// Package ledger records what was sent to EthProofs about each block. With it, package
// delivery never sends an earlier phase after a later one, and can decide what an
// answer of 409 means, across restarts and reorgs.
//
// It is a bbolt file:
//
//	targets/
//	  <target>/             one bucket per Target, named by its String
//	    blocks/             number (8 bytes, big-endian) -> Entry as JSON
//	    open/               number -> time (unix s, 8 bytes) of a block that is announced and not proved
//	    checks/             number -> Check as JSON: a scheduled check of a stored proof
//	versions/
//	  <url>#<cluster>       -> latest known id of the cluster version (8 bytes, big-endian)
//
// One process at a time has the file open. The methods of Ledger may be called
// concurrently. Every change is on disk when the call returns.
package ledger

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Ledger is an open ledger file.
type Ledger struct {
	db  *bbolt.DB
	now func() time.Time
}

var (
	targetsBucket  = []byte("targets")
	blocksBucket   = []byte("blocks")
	openBucket     = []byte("open")
	checksBucket   = []byte("checks")
	versionsBucket = []byte("versions")
)

// Open opens or creates the file. It waits up to 10 s for another process that has the
// file open.
func Open(path string) (*Ledger, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 10 * time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("the ledger %s is in use by another process", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the ledger %s cannot be opened: %w", path, err)
	}
	return &Ledger{db: db, now: time.Now}, nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.db.Close() }

// Entry returns the entry of a number, and the zero Entry where nothing was sent.
func (l *Ledger) Entry(target Target, number uint64) (Entry, error) {
	var entry Entry
	err := l.db.View(func(tx *bbolt.Tx) error {
		blocks := bucketOf(tx, target, blocksBucket)
		if blocks == nil {
			return nil
		}
		return decode(blocks.Get(key(number)), &entry)
	})
	if err != nil {
		return Entry{}, fmt.Errorf("the ledger's entry of block %d: %w", number, err)
	}
	return entry, nil
}

// Versions returns the entries of a number under all versions of a cluster, by the id
// of the version.
func (l *Ledger) Versions(url string, cluster int, number uint64) (map[int64]Entry, error) {
	entries := map[int64]Entry{}
	prefix := Target{URL: url, Cluster: cluster}.prefix()
	err := l.db.View(func(tx *bbolt.Tx) error {
		targets := tx.Bucket(targetsBucket)
		if targets == nil {
			return nil
		}
		cursor := targets.Cursor()
		for name, _ := cursor.Seek([]byte(prefix)); bytes.HasPrefix(name, []byte(prefix)); name, _ = cursor.Next() {
			version, err := strconv.ParseInt(string(name[len(prefix):]), 10, 64)
			if err != nil {
				return fmt.Errorf("target %q: %w", name, err)
			}
			blocks := targets.Bucket(name).Bucket(blocksBucket)
			if blocks == nil {
				continue
			}
			value := blocks.Get(key(number))
			if value == nil {
				continue
			}
			var entry Entry
			if err := decode(value, &entry); err != nil {
				return err
			}
			entries[version] = entry
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the ledger's entries of block %d: %w", number, err)
	}
	return entries, nil
}

// Update changes the entry of a number in one transaction and returns the new entry.
// The transaction may call change more than once, each time with the stored entry.
func (l *Ledger) Update(target Target, number uint64, change func(*Entry)) (Entry, error) {
	var entry Entry
	err := l.db.Update(func(tx *bbolt.Tx) error {
		entry = Entry{}
		blocks, err := createBucket(tx, target, blocksBucket)
		if err != nil {
			return err
		}
		open, err := createBucket(tx, target, openBucket)
		if err != nil {
			return err
		}
		if err := decode(blocks.Get(key(number)), &entry); err != nil {
			return err
		}
		change(&entry)
		entry.UpdatedAt = l.now().UTC()
		encoded, err := json.Marshal(entry)
		if err != nil {
			return err
		}
		if err := blocks.Put(key(number), encoded); err != nil {
			return err
		}
		if !entry.IsOpen() {
			return open.Delete(key(number))
		}
		return open.Put(key(number), key(uint64(entry.AnnouncedAt.Unix())))
	})
	if err != nil {
		return Entry{}, fmt.Errorf("the ledger's entry of block %d: %w", number, err)
	}
	return entry, nil
}

// OpenBlock is a block whose entry IsOpen.
type OpenBlock struct {
	Number uint64
	Since  time.Time // of the first acknowledged announcement
}

// OpenBlocks returns the open blocks of a target that were announced before the time,
// ascending by number.
func (l *Ledger) OpenBlocks(target Target, before time.Time) ([]OpenBlock, error) {
	var found []OpenBlock
	err := l.db.View(func(tx *bbolt.Tx) error {
		open := bucketOf(tx, target, openBucket)
		if open == nil {
			return nil
		}
		return open.ForEach(func(number, since []byte) error {
			at := time.Unix(int64(binary.BigEndian.Uint64(since)), 0)
			if at.Before(before) {
				found = append(found, OpenBlock{binary.BigEndian.Uint64(number), at})
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("the ledger's open blocks: %w", err)
	}
	return found, nil
}

// Version returns the id of the cluster version that SetVersion has stored, and 0 where
// there is none.
func (l *Ledger) Version(url string, cluster int) (int64, error) {
	var version int64
	err := l.db.View(func(tx *bbolt.Tx) error {
		if bucket := tx.Bucket(versionsBucket); bucket != nil {
			if value := bucket.Get(versionKey(url, cluster)); len(value) == 8 {
				version = int64(binary.BigEndian.Uint64(value))
			}
		}
		return nil
	})
	return version, err
}

// SetVersion stores the id of the version that a cluster has now.
func (l *Ledger) SetVersion(url string, cluster int, version int64) error {
	return l.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(versionsBucket)
		if err != nil {
			return err
		}
		return bucket.Put(versionKey(url, cluster), key(uint64(version)))
	})
}

// Prune removes the entries of all targets that are not open and were last changed
// before the time. It returns how many it has removed.
func (l *Ledger) Prune(before time.Time) (int, error) {
	removed := 0
	err := l.db.Update(func(tx *bbolt.Tx) error {
		removed = 0
		targets := tx.Bucket(targetsBucket)
		if targets == nil {
			return nil
		}
		return targets.ForEachBucket(func(name []byte) error {
			blocks := targets.Bucket(name).Bucket(blocksBucket)
			if blocks == nil {
				return nil
			}
			var old [][]byte
			err := blocks.ForEach(func(number, value []byte) error {
				var entry Entry
				if err := decode(value, &entry); err != nil {
					return fmt.Errorf("block %d: %w", binary.BigEndian.Uint64(number), err)
				}
				if !entry.IsOpen() && entry.UpdatedAt.Before(before) {
					old = append(old, slices.Clone(number))
				}
				return nil
			})
			if err != nil {
				return err
			}
			for _, number := range old {
				if err := blocks.Delete(number); err != nil {
					return err
				}
			}
			removed += len(old)
			return nil
		})
	})
	if err != nil {
		return 0, fmt.Errorf("pruning the ledger: %w", err)
	}
	return removed, nil
}

// bucketOf returns a bucket of a target, nil where there is none.
func bucketOf(tx *bbolt.Tx, target Target, name []byte) *bbolt.Bucket {
	targets := tx.Bucket(targetsBucket)
	if targets == nil {
		return nil
	}
	bucket := targets.Bucket([]byte(target.String()))
	if bucket == nil {
		return nil
	}
	return bucket.Bucket(name)
}

func createBucket(tx *bbolt.Tx, target Target, name []byte) (*bbolt.Bucket, error) {
	targets, err := tx.CreateBucketIfNotExists(targetsBucket)
	if err != nil {
		return nil, err
	}
	bucket, err := targets.CreateBucketIfNotExists([]byte(target.String()))
	if err != nil {
		return nil, err
	}
	return bucket.CreateBucketIfNotExists(name)
}

func key(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func versionKey(url string, cluster int) []byte { return fmt.Appendf(nil, "%s#%d", url, cluster) }

func decode(value []byte, entry *Entry) error {
	if value == nil {
		return nil
	}
	return json.Unmarshal(value, entry)
}

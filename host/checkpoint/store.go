package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// schemaVersion is the version that this program writes. A file with a higher
// one is refused; one with a lower one is migrated.
const schemaVersion = 1

var (
	bucketMeta     = []byte("meta")
	bucketRuns     = []byte("runs")
	bucketCursors  = []byte("cursors")
	bucketJobs     = []byte("jobs")
	bucketActive   = []byte("active")
	bucketNumbers  = []byte("numbers")
	bucketHistory  = []byte("history")
	bucketOutbox   = []byte("outbox")
	bucketReached  = []byte("reached")
	bucketReports  = []byte("reports")
	bucketRequests = []byte("requests")

	keySchema  = []byte("schema")
	keyCreated = []byte("created")

	topLevel = [][]byte{
		bucketMeta, bucketRuns, bucketCursors, bucketJobs, bucketActive, bucketNumbers,
		bucketHistory, bucketOutbox, bucketReached, bucketReports, bucketRequests,
	}
)

// ErrInUse is returned by Open when another process has the file.
var ErrInUse = errors.New("the checkpoint is in use by another process")

// Store is an open checkpoint.
type Store struct {
	db   *bbolt.DB
	path string
}

// Open opens the checkpoint for writing and creates it where it does not exist.
// Another process that has it open makes it return ErrInUse within a second.
func Open(path string) (*Store, error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("create checkpoint %s: %w", path, err)
	}
	s, err := open(path, false)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return s, nil
}

// OpenReadOnly opens an existing checkpoint beside other readers. It returns
// ErrInUse while a host has it open, and an fs.ErrNotExist where there is none.
func OpenReadOnly(path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return open(path, true)
}

func open(path string, readOnly bool) (s *Store, err error) {
	defer func() {
		// bbolt panics on some damaged files; to the operator that is the same
		// thing as a damaged file that it notices.
		if r := recover(); r != nil {
			s, err = nil, damaged(path, fmt.Errorf("%v", r))
		}
	}()
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, damaged(path, errors.New("it is empty")) // bbolt would begin a new file
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         time.Second,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 64 << 20,
		ReadOnly:        readOnly,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open checkpoint: %w", err)
	case err != nil:
		return nil, damaged(path, err)
	}
	s = &Store{db: db, path: path}
	if err := s.checkSchema(); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("checkpoint %s cannot be read: %w (restore a backup of it, or move it away to start anew; then blocks that were in work are selected again)", path, err)
}

// create makes a new file under a temporary name, so that a crash at the very
// first start leaves either nothing or a whole checkpoint.
func create(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.new-%d", path, os.Getpid())
	defer os.Remove(temp)
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range topLevel {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		if err := meta.Put(keyCreated, []byte(time.Now().UTC().Format(time.RFC3339))); err != nil {
			return err
		}
		return meta.Put(keySchema, binary.AppendUvarint(nil, schemaVersion))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkSchema refuses a file that is no checkpoint or that a newer program
// wrote.
func (s *Store) checkSchema() error {
	version, err := s.schema()
	if err != nil {
		return damaged(s.path, err)
	}
	if version > schemaVersion {
		return fmt.Errorf("checkpoint %s has schema %d, this program knows %d: upgrade proofline, or restore the backup that the upgrade made", s.path, version, schemaVersion)
	}
	return nil
}

func (s *Store) schema() (version uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			return errors.New("it is a bbolt file but no proofline checkpoint")
		}
		v, n := binary.Uvarint(meta.Get(keySchema))
		if n <= 0 {
			return errors.New("it names no schema version")
		}
		version = v
		return nil
	})
	return version, err
}

// Path returns the file's name.
func (s *Store) Path() string { return s.path }

// Close closes the file. No method may run or be called after it.
func (s *Store) Close() error { return s.db.Close() }

func be8(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func put(b *bbolt.Bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}

// get decodes the value of a key; ok is false where there is none.
func get[T any](b *bbolt.Bucket, key []byte) (value T, ok bool, err error) {
	text := b.Get(key)
	if text == nil {
		return value, false, nil
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, false, fmt.Errorf("record %q: %w", key, err)
	}
	return value, true, nil
}

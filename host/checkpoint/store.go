package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/proofline/proofline/sdk/files"
)

// schemaVersion is the version that this program writes. A file with a higher
// one is refused; one with a lower one is migrated.
const schemaVersion = 3

var (
	bucketMeta     = []byte("meta")
	bucketRuns     = []byte("runs")
	bucketCursors  = []byte("cursors")
	bucketJobs     = []byte("jobs")
	bucketActive   = []byte("active")
	bucketNumbers  = []byte("numbers")
	bucketHistory  = []byte("history")
	bucketOutbox   = []byte("outbox")
	bucketOwing    = []byte("owing")
	bucketReached  = []byte("reached")
	bucketReports  = []byte("reports")
	bucketRequests = []byte("requests")
	bucketLast     = []byte("last")

	keySchema  = []byte("schema")
	keyCreated = []byte("created")
	keySum     = []byte("sum")

	topLevel = [][]byte{
		bucketMeta, bucketRuns, bucketCursors, bucketJobs, bucketActive, bucketNumbers,
		bucketHistory, bucketOutbox, bucketOwing, bucketReached, bucketReports, bucketRequests, bucketLast,
	}
)

// ErrInUse is returned by Open when another process has the file.
var ErrInUse = errors.New("the checkpoint is in use by another process")

// Store is an open checkpoint.
type Store struct {
	// Committed is called after each writing transaction with the time that it took. It
	// may be nil, and must be set before the store is shared.
	Committed func(took time.Duration)

	db   *bbolt.DB
	file *os.File // the open file of db
	path string
}

// Open opens the checkpoint for writing and creates it when it does not exist. It
// returns ErrInUse within a second when another process has the file open. It refuses a
// damaged file and leaves it unchanged; see inspect for the damage that it finds.
func Open(path string) (*Store, error) {
	if err := create(path); err != nil {
		return nil, environment(fmt.Errorf("create checkpoint %s: %w", path, err))
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	s, err := open(path, false)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(); err != nil {
		s.db.Close()
		return nil, environment(fmt.Errorf("checkpoint %s: %w", path, err))
	}
	sweep(path)
	return s, nil
}

// OpenReadOnly opens an existing checkpoint for reading. Several processes may do so. It
// returns ErrInUse while a host has the file open, and fs.ErrNotExist when there is no
// file.
func OpenReadOnly(path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	s, err := open(path, true)
	if err != nil {
		return nil, err
	}
	version, err := s.schema()
	if err == nil && version < schemaVersion {
		err = oldSchema(path, version)
	}
	if err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// oldSchema returns the error for a file that has to be migrated first.
func oldSchema(path string, version uint64) error {
	return fmt.Errorf("checkpoint %s has schema %d, this program %d: proofline run brings it up to date", path, version, schemaVersion)
}

// open opens an existing file and checks its schema version.
func open(path string, readOnly bool) (*Store, error) {
	s, err := openFile(path, readOnly)
	if err != nil {
		return nil, err
	}
	if err := s.checkSchema(); err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// openFile opens an existing file. With readOnly it reads only the meta pages.
func openFile(path string, readOnly bool) (s *Store, err error) {
	// bbolt panics or faults on some damaged files. That becomes the same error as damage
	// that bbolt reports.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, damaged(path, fmt.Errorf("%v", r))
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return nil, environment(fmt.Errorf("open checkpoint: %w", err))
	}
	if info.Size() == 0 {
		return nil, damaged(path, errors.New("it is empty")) // bbolt would create a new file
	}
	var file *os.File
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         time.Second,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 64 << 20,
		ReadOnly:        readOnly,
		OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(path, flag&^os.O_CREATE, mode)
			file = f
			return f, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	case file == nil:
		return nil, environment(fmt.Errorf("open checkpoint: %w", err))
	case err != nil:
		return nil, damaged(path, err)
	}
	s = &Store{db: db, file: file, path: path}
	// A process that has just compacted the checkpoint has put another file in its place.
	if now, err := os.Stat(path); err != nil || !os.SameFile(info, now) {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return s, nil
}

// create makes a new file when there is none. It writes the file under a temporary name,
// so that a crash at the first start leaves either no checkpoint or a complete one.
func create(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(temp.Name(), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(b *bbolt.Tx) error {
		t := tx{b, new(sum)}
		for _, name := range topLevel {
			if _, err := t.CreateBucket(name); err != nil {
				return err
			}
		}
		if err := top(t, bucketMeta).put(keyCreated, []byte(time.Now().UTC().Format(time.RFC3339))); err != nil {
			return err
		}
		return errors.Join(writeSum(t, *t.sum), putSchema(t))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return files.SyncDir(filepath.Dir(path))
}

// errNothing ends a transaction that has nothing to write. update returns nil for it.
var errNothing = errors.New("nothing to write")

// update runs a writing transaction and keeps the sum of the records up to date.
func (s *Store) update(change func(tx) error) error {
	began := time.Now()
	err := s.db.Update(func(b *bbolt.Tx) error {
		before, err := readSum(tx{Tx: b})
		if err != nil {
			return err
		}
		after := before
		if err := change(tx{b, &after}); err != nil || after == before {
			return err
		}
		return writeSum(tx{Tx: b}, after)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	if err == nil && s.Committed != nil {
		s.Committed(time.Since(began))
	}
	return environment(err)
}

// view runs a reading transaction.
func (s *Store) view(read func(tx) error) error {
	return s.db.View(func(b *bbolt.Tx) error { return read(tx{Tx: b}) })
}

// checkSchema refuses a file that is no checkpoint or that a newer program has written.
func (s *Store) checkSchema() error {
	version, err := s.schema()
	if err != nil {
		return damaged(s.path, err)
	}
	return knownSchema(s.path, version)
}

// knownSchema returns an error for a schema that is newer than this program.
func knownSchema(path string, version uint64) error {
	if version > schemaVersion {
		return fmt.Errorf("checkpoint %s has schema %d, this program knows %d: upgrade proofline, or restore the backup that the upgrade made", path, version, schemaVersion)
	}
	return nil
}

// schema returns the schema version of the file.
func (s *Store) schema() (version uint64, err error) {
	err = s.view(func(t tx) error {
		version, err = schemaOf(t)
		return err
	})
	return version, err
}

// schemaOf reads the schema version in a transaction.
func schemaOf(t tx) (uint64, error) {
	b := t.Bucket(bucketMeta)
	if b == nil {
		return 0, errors.New("it is a bbolt file but no proofline checkpoint")
	}
	version, n := binary.Uvarint(b.Get(keySchema))
	if n <= 0 || version == 0 {
		return 0, errors.New("it names no schema version")
	}
	if version < 3 && b.Get(keySum) != nil {
		return 0, fmt.Errorf("it names schema %d, but has what only later ones have", version)
	}
	return version, nil
}

// putSchema writes schemaVersion, without a seal.
func putSchema(t tx) error {
	return t.Bucket(bucketMeta).Put(keySchema, binary.AppendUvarint(nil, schemaVersion))
}

// Path returns the path of the file.
func (s *Store) Path() string { return s.path }

// Close closes the file. No method may run or be called after it.
func (s *Store) Close() error { return s.db.Close() }

// be8 returns a number as it is stored in a key.
func be8(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// instant returns a time as it is stored in a key, in nanoseconds since 1970. Times
// before 1970 or after 2262 are moved to that range.
func instant(t time.Time) []byte {
	switch first, last := time.Unix(0, 0), time.Unix(0, math.MaxInt64); {
	case t.Before(first):
		t = first
	case t.After(last):
		t = last
	}
	return be8(uint64(t.UnixNano()))
}

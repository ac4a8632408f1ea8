package checkpoint

import (
	"encoding/binary"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// migrations lead from schema i+1 to i+2. Each has a test with a file of the old
// schema in testdata.
var migrations = []func(*bbolt.Tx) error{}

// migrate brings an older file to schemaVersion in one transaction, after a
// backup beside it.
func (s *Store) migrate() error {
	version, err := s.schema()
	if err != nil || version == schemaVersion {
		return err
	}
	backup := fmt.Sprintf("%s.schema-%d", s.path, version)
	if err := s.Backup(backup); err != nil {
		return fmt.Errorf("back up before migration: %w", err)
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		for v := version; v < schemaVersion; v++ {
			if err := migrations[v-1](tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", v, err)
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, binary.AppendUvarint(nil, schemaVersion))
	})
}

// Backup writes a consistent copy to path while the store is in use. The copy
// appears whole or not at all.
func (s *Store) Backup(path string) error {
	temp := path + ".part"
	defer os.Remove(temp)
	if err := s.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(temp, 0o600) }); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

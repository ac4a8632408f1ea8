package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/failpoint"
)

// migrations[i] migrates from schema i+1 to i+2. Each has a test with a file of the old
// schema in testdata.
var migrations = []func(tx) error{
	sealAll, jobsByStage,
}

// migrate brings an older file to schemaVersion in one transaction. Before that it makes
// a backup beside the file.
func (s *Store) migrate() error {
	version, err := s.schema()
	if err != nil || version == schemaVersion {
		return err
	}
	backup := fmt.Sprintf("%s.schema-%d", s.path, version)
	if err := s.Backup(backup); err != nil {
		return fmt.Errorf("back up before migration: %w", err)
	}
	err = s.db.Update(func(b *bbolt.Tx) error {
		t := tx{Tx: b}
		for _, name := range topLevel {
			if _, err := t.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		for v := version; v < schemaVersion; v++ {
			if err := migrations[v-1](t); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", v, err)
			}
		}
		var all sum
		for _, name := range topLevel {
			sumUp(top(t, name), &all, func(string, string) {}) // examine finds the same
		}
		if err := errors.Join(writeSum(t, all), putSchema(t)); err != nil {
			return err
		}
		if found := examine(t, new(Counts)); len(found) > 0 {
			return fmt.Errorf("migrate from schema %d: %w", version, summary(found))
		}
		failpoint.Hit(failpoint.Migrating)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; the file is as it was, and %s is a copy of it", err, filepath.Base(backup))
	}
	return nil
}

// sealAll migrates to schema 2: every value gets a seal, and the last assigned numbers
// become records.
func sealAll(t tx) error {
	for _, name := range topLevel {
		if err := sealBucket(top(t, name)); err != nil {
			return err
		}
	}
	numbered := []bucket{top(t, bucketRequests)}
	_ = top(t, bucketOutbox).eachChild(func(_ []byte, box bucket) error {
		numbered = append(numbered, box)
		return nil
	})
	for _, b := range numbered {
		if err := top(t, bucketLast).write([]byte(b.path), b.b.Sequence()); err != nil {
			return err
		}
	}
	return nil
}

// sealBucket seals every value of a bucket and of the buckets in it.
func sealBucket(b bucket) error {
	bare := map[string][]byte{}
	err := b.b.ForEach(func(key, value []byte) error {
		switch {
		case value == nil:
			c, _ := b.child(key)
			return sealBucket(c)
		case len(value) > 0 && value[0] == '{' && !json.Valid(value):
			return errors.New("record " + b.name(key) + " is no JSON")
		case string(key) != string(keySchema):
			bare[string(key)] = append([]byte{}, value...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, value := range bare {
		if err := b.put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Check is a scheduled check of a stored proof.
type Check struct {
	Target Target `json:"-"`
	Number uint64 `json:"-"`

	ProofID int64     `json:"proof_id"`
	Proof   SentProof `json:"proof"`
	// Download and Verify are the steps that remain: to download and compare the stored
	// bytes, and to have the site verify the proof.
	Download bool      `json:"download,omitempty"`
	Verify   bool      `json:"verify,omitempty"`
	Tries    int       `json:"tries,omitempty"` // failed so far
	Since    time.Time `json:"since"`           // when the proof was accepted
	Due      time.Time `json:"due"`             // when the check may run
}

// PutCheck adds or replaces the check of a block. It removes a check without remaining
// steps.
func (l *Ledger) PutCheck(check Check) error {
	err := l.db.Update(func(tx *bbolt.Tx) error {
		checks, err := createBucket(tx, check.Target, checksBucket)
		if err != nil {
			return err
		}
		if !check.Download && !check.Verify {
			return checks.Delete(key(check.Number))
		}
		encoded, err := json.Marshal(check)
		if err != nil {
			return err
		}
		return checks.Put(key(check.Number), encoded)
	})
	if err != nil {
		return fmt.Errorf("the ledger's check of block %d: %w", check.Number, err)
	}
	return nil
}

// NextCheck returns the check of a cluster that is due first, whether or not it is due
// yet. Found is false where there is no check.
func (l *Ledger) NextCheck(url string, cluster int) (next Check, found bool, err error) {
	prefix := Target{URL: url, Cluster: cluster}.prefix()
	err = l.db.View(func(tx *bbolt.Tx) error {
		targets := tx.Bucket(targetsBucket)
		if targets == nil {
			return nil
		}
		return targets.ForEachBucket(func(name []byte) error {
			id, ok := strings.CutPrefix(string(name), prefix)
			checks := targets.Bucket(name).Bucket(checksBucket)
			if !ok || checks == nil {
				return nil
			}
			version, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				return fmt.Errorf("target %q: %w", name, err)
			}
			return checks.ForEach(func(number, value []byte) error {
				check := Check{Target: Target{url, cluster, version}, Number: binary.BigEndian.Uint64(number)}
				if err := json.Unmarshal(value, &check); err != nil {
					return fmt.Errorf("block %d: %w", check.Number, err)
				}
				if !found || check.Due.Before(next.Due) {
					next, found = check, true
				}
				return nil
			})
		})
	})
	if err != nil {
		return Check{}, false, fmt.Errorf("the ledger's checks: %w", err)
	}
	return next, found, nil
}

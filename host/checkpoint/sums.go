package checkpoint

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// checkSeals verifies the seal of every record and the sum over all of them. It also
// reports buckets that are missing or unknown.
func checkSeals(t tx, report func(where, what string)) {
	var found sum
	for _, name := range topLevel {
		if b := top(t, name); b.b == nil {
			report(string(name), "the bucket is missing")
		} else {
			sumUp(b, &found, report)
		}
	}
	_ = t.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		for _, known := range topLevel {
			if string(name) == string(known) {
				return nil
			}
		}
		report(fmt.Sprintf("%q", name), "the bucket is unknown")
		return nil
	})
	if want, err := readSum(t); err != nil {
		report(string(bucketMeta)+"/"+string(keySum), err.Error())
	} else if found != want {
		report("file", fmt.Sprintf("records are missing, or are of another time: it holds %d records and should hold %d, the sums of their checksums are %x and %x",
			found.Records, want.Records, found.Seals, want.Seals))
	}
}

// sumUp adds the records of a bucket and of the buckets in it to a sum, and reports
// seals that do not match.
func sumUp(b bucket, all *sum, report func(where, what string)) {
	_ = b.b.ForEach(func(key, sealed []byte) error {
		if sealed == nil {
			c, _ := b.child(key)
			sumUp(c, all, report)
			return nil
		}
		if b.path == string(bucketMeta) && (string(key) == string(keySchema) || string(key) == string(keySum)) {
			return nil
		}
		if _, err := b.unseal(key, sealed); err != nil {
			report(b.name(key), errNoMatch.Error())
		}
		all.add(sealed)
		return nil
	})
}

// readSum returns the stored sum.
func readSum(t tx) (sum, error) {
	s, ok, err := read[sum](top(t, bucketMeta), keySum)
	if err == nil && !ok {
		err = fmt.Errorf("there is no sum of the records")
	}
	return s, err
}

// writeSum stores a sum. The record of the sum itself is not part of it.
func writeSum(t tx, s sum) error {
	t.sum = nil
	return top(t, bucketMeta).write(keySum, s)
}

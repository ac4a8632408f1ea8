package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"os"

	"go.etcd.io/bbolt"
)

// Problem is something that is wrong with a checkpoint.
type Problem struct {
	Where string `json:"where"` // "file", a page, a bucket, or a record as bucket/key
	What  string `json:"what"`
	meta  bool   // one of the two meta pages is damaged
}

// maxProblems bounds a report: what has gone wrong a hundred times is known.
const maxProblems = 100

// Counts is what a checkpoint holds.
type Counts struct {
	Jobs     int `json:"jobs"`
	Active   int `json:"active"`   // of Jobs, not finished
	Events   int `json:"events"`   // that wait in outboxes
	Requests int `json:"requests"` // for the next run
}

// Report is the outcome of Check.
type Report struct {
	Path     string    `json:"path"`
	Schema   uint64    `json:"schema"`
	Size     int64     `json:"size"` // of the file, in bytes
	Used     int64     `json:"used"` // of Size, by data
	Counts   Counts    `json:"counts"`
	Problems []Problem `json:"problems"` // at most 100
}

// Check looks at everything in a file that no host has open: pages, checksums,
// and whether the records agree. It changes nothing. What is wrong is in the
// report; an error means that the file could not be looked at.
func Check(path string) (Report, error) {
	report := Report{Path: path, Problems: []Problem{}}
	info, err := os.Stat(path)
	if err != nil {
		return report, environment(err)
	}
	report.Size = info.Size()
	s, found, used, err := openUnread(path, math.MaxInt64)
	if err != nil || len(found) > 0 {
		report.Problems = append(report.Problems, found...)
		return report, err
	}
	defer s.db.Close()
	report.Used = used
	err = s.db.View(func(tx *bbolt.Tx) error {
		if report.Schema, err = schemaOf(tx); err != nil {
			return err
		}
		if report.Schema < schemaVersion {
			return fmt.Errorf("it has schema %d, this program %d: proofline run brings it up to date", report.Schema, schemaVersion)
		}
		for err := range tx.Check() { // bbolt's own opinion, too
			report.Problems = append(report.Problems, Problem{Where: "file", What: err.Error()})
		}
		report.Problems = append(report.Problems, examine(tx, &report.Counts)...)
		return nil
	})
	return report, err
}

// Bounds of what is looked at before every start, in bytes of data. Pages and
// checksums cost half a second at the first, records a second at the other.
const (
	inspectAtMost = 512 << 20
	examineAtMost = 64 << 20
)

// inspect refuses a damaged file before it is used. In a file of moderate size it
// looks at every page and every checksum, so that whatever has been changed on
// the disk is noticed; in a smaller one, after a run that did not end in good
// order, also whether the records agree. In a larger file damage is noticed where
// it is met: a record is held against its checksum whenever it is read.
func inspect(path string) error {
	s, found, _, err := openUnread(path, inspectAtMost)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return damaged(path, summary(found))
	}
	defer s.db.Close()
	return s.db.View(func(tx *bbolt.Tx) error {
		version, err := schemaOf(tx)
		if err != nil || version != schemaVersion || tx.Size() > inspectAtMost {
			return nil
		}
		checkSeals(tx, func(where, what string) { found = append(found, Problem{Where: where, What: what}) })
		if len(found) == 0 {
			if run, err := lastRun(tx); err == nil && run != nil && run.Stopped.IsZero() && tx.Size() <= examineAtMost {
				found = examine(tx, new(Counts))
			}
		}
		if len(found) > 0 {
			return damaged(path, summary(found))
		}
		return nil
	})
}

// openUnread opens a file for reading after it has looked at its pages, if it
// holds at most so many bytes. Until then bbolt has read no more of it than the
// meta pages. Where pages are damaged it returns what is wrong with them and no
// store; else how many bytes hold data.
func openUnread(path string, atMost int64) (s *Store, found []Problem, used int64, err error) {
	if s, err = openFile(path, true); err != nil {
		return nil, nil, 0, err
	}
	info, err := s.file.Stat()
	if err == nil && s.extent() <= atMost {
		found, used = checkPages(s.file, info.Size())
	}
	if err == nil && len(found) == 0 {
		err = s.checkSchema()
	}
	if err != nil || len(found) > 0 {
		return nil, found, 0, errors.Join(err, s.db.Close())
	}
	return s, nil, used, nil
}

// extent is how many bytes of the file are in use or were.
func (s *Store) extent() (size int64) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	return size
}

// examine looks at checksums, and if they match, whether the records agree.
func examine(tx *bbolt.Tx, counts *Counts) (found []Problem) {
	report := func(where, what string) {
		if len(found) < maxProblems {
			found = append(found, Problem{Where: where, What: what})
		}
	}
	if checkSeals(tx, report); len(found) == 0 {
		checkRecords(tx, counts, report)
	}
	return found
}

// summary makes one error of problems.
func summary(found []Problem) error {
	text := found[0].Where + ": " + found[0].What
	if more := len(found) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return errors.New(text)
}

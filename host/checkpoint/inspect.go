package checkpoint

import (
	"errors"
	"fmt"
	"os"
)

// Problem is something that is wrong with a checkpoint.
type Problem struct {
	Where string `json:"where"` // "file", a page, a bucket, or a record as bucket/key
	What  string `json:"what"`
}

// maxProblems bounds a report: what has gone wrong a hundred times is known.
const maxProblems = 100

// Counts is what a checkpoint holds.
type Counts struct {
	Jobs     int `json:"jobs"`
	Active   int `json:"active"`   // of Jobs, open
	Events   int `json:"events"`   // that wait in outboxes
	Requests int `json:"requests"` // for the next run
}

// Report is the outcome of Check.
type Report struct {
	Path     string    `json:"path"`
	Schema   uint64    `json:"schema"`
	Size     int64     `json:"size"` // of the file, in bytes
	Used     int64     `json:"used"` // of Size, by data; 0 where pages are damaged
	Counts   Counts    `json:"counts"`
	Problems []Problem `json:"problems"` // at most 100
	// Mendable is true where pages are damaged and every record is whole all the
	// same: Compact makes a sound file.
	Mendable bool `json:"mendable,omitempty"`
}

// Check looks at everything in a file that no host has open: pages, checksums,
// and whether the records agree. It changes nothing. What is wrong is in the
// report; an error means that the file could not be looked at.
func Check(path string) (Report, error) { return inspectFile(path, lookAtAll) }

func inspectFile(path string, mode lookMode) (Report, error) {
	report := Report{Path: path, Problems: []Problem{}}
	info, err := os.Stat(path)
	if err != nil {
		return report, environment(err)
	}
	report.Size = info.Size()
	if info.Size() == 0 {
		report.Problems = append(report.Problems, Problem{"file", "it is empty"})
		return report, nil
	}
	found, err := look(mode, path, "")
	if err != nil {
		return report, err
	}
	report.Schema, report.Used, report.Counts = found.Schema, found.Used, found.Counts
	report.Problems = append(report.Problems, found.Problems...)
	if len(report.Problems) > 0 {
		if !found.RecordsDamaged {
			records, err := look(lookAtRecords, path, "")
			report.Mendable = err == nil && len(records.Problems) == 0
		}
		return report, nil
	}
	if err := knownSchema(path, found.Schema); err != nil {
		return report, err
	}
	if found.Schema < schemaVersion && mode == lookAtAll {
		return report, oldSchema(path, found.Schema)
	}
	return report, nil
}

// err is what is wrong with a file, with the ways out; nil for a sound one.
func (r Report) err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	if r.Mendable {
		return mendable(r.Path, summary(r.Problems))
	}
	return damaged(r.Path, summary(r.Problems))
}

// Bounds of what is looked at before every start, by the size of the file in
// bytes. Pages and checksums cost half a second at the first, records a second at
// the other.
const (
	inspectAtMost = 512 << 20
	examineAtMost = 64 << 20
)

// inspect refuses a damaged file before it is used. In a file of moderate size it
// has every page and every checksum looked at, so that whatever has been changed
// on the disk is noticed; in a smaller one, after a run that did not end in good
// order, also whether the records agree. In a larger file damage is noticed where
// it is met: a record is held against its checksum whenever it is read.
func inspect(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > inspectAtMost {
		return nil
	}
	report, err := inspectFile(path, lookAtStart)
	if err != nil {
		return err
	}
	return report.err()
}

// examine looks at checksums, and if they match, whether the records agree.
func examine(t tx, counts *Counts) (found []Problem) {
	report := func(where, what string) {
		if len(found) < maxProblems {
			found = append(found, Problem{Where: where, What: what})
		}
	}
	if checkSeals(t, report); len(found) == 0 {
		checkRecords(t, counts, report)
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

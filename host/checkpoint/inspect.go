package checkpoint

import (
	"errors"
	"fmt"
	"os"
)

// Problem is one fault of a checkpoint.
type Problem struct {
	Where string `json:"where"` // "file", a page, a bucket, or a record as bucket/key
	What  string `json:"what"`
}

// maxProblems is the largest number of problems in a report.
const maxProblems = 100

// Counts are the numbers of records in a checkpoint.
type Counts struct {
	Jobs     int `json:"jobs"`
	Active   int `json:"active"`   // the open ones of Jobs
	Events   int `json:"events"`   // events in outboxes
	Requests int `json:"requests"` // requests for the next run
}

// Report is the outcome of Check.
type Report struct {
	Path     string    `json:"path"`
	Schema   uint64    `json:"schema"`
	Size     int64     `json:"size"` // size of the file in bytes
	Used     int64     `json:"used"` // the part of Size that holds data; 0 when pages are damaged
	Counts   Counts    `json:"counts"`
	Problems []Problem `json:"problems"` // at most 100
	// Repairable is true when pages are damaged but every record is intact, so that
	// Compact can repair the file.
	Repairable bool `json:"mendable,omitempty"`
}

// Check examines a whole file: its pages, its checksums, and whether the records agree
// with each other. It changes nothing. No host may have the file open. The report holds
// the problems; an error means that the file could not be examined.
func Check(path string) (Report, error) { return inspectFile(path, scanAll) }

// inspectFile scans a file and returns the report.
func inspectFile(path string, mode scanMode) (Report, error) {
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
	found, err := scan(mode, path, "")
	if err != nil {
		return report, err
	}
	report.Schema, report.Used, report.Counts = found.Schema, found.Used, found.Counts
	report.Problems = append(report.Problems, found.Problems...)
	if len(report.Problems) > 0 {
		if !found.RecordsDamaged {
			records, err := scan(scanRecords, path, "")
			report.Repairable = err == nil && len(records.Problems) == 0
		}
		return report, nil
	}
	if err := knownSchema(path, found.Schema); err != nil {
		return report, err
	}
	if found.Schema < schemaVersion && mode == scanAll {
		return report, oldSchema(path, found.Schema)
	}
	return report, nil
}

// err returns the error for a damaged file, with its remedies; nil for an intact one.
func (r Report) err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	if r.Repairable {
		return repairable(r.Path, summary(r.Problems))
	}
	return damaged(r.Path, summary(r.Problems))
}

// Sizes in bytes up to which a file is examined before every start. Pages and checksums
// take half a second at the first size, records a second at the other.
const (
	maxInspected = 512 << 20 // pages and checksums
	maxExamined  = 64 << 20  // agreement of the records
)

// inspect refuses a damaged file before it is used. Up to maxInspected every page and
// every checksum is examined, so that any change on the disk is found. Up to maxExamined
// the agreement of the records is examined, too, when the last run ended in a crash. In
// a larger file damage is found when it is read, because the checksum of a record is
// verified at every read.
func inspect(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxInspected {
		return nil
	}
	report, err := inspectFile(path, scanAtStart)
	if err != nil {
		return err
	}
	return report.err()
}

// examine verifies the checksums and, when they match, whether the records agree with
// each other. It adds the numbers of records to counts.
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

// summary returns one error for several problems.
func summary(found []Problem) error {
	text := found[0].Where + ": " + found[0].What
	if more := len(found) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return errors.New(text)
}

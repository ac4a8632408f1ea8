package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 500
	// maxLooked is how many records are read for one page at most. A page that
	// was cut off there may have fewer jobs than asked for, and a Next.
	maxLooked = 5000
)

// Range narrows a list that is read in pages. The zero value takes every job.
type Range struct {
	States   []status.JobState // any of these; empty for all
	From, To *uint64           // block numbers, both inclusive; nil for no bound
	Since    time.Time         // of the block; zero for no bound
	Until    time.Time
	After    string // Page.Next of the page before; empty for the first
	Limit    int    // of jobs; DefaultPage where it is 0, MaxPage at most
}

// Page is a part of a list, the highest block number first.
type Page struct {
	Jobs []status.Job `json:"jobs"`
	Next string       `json:"next,omitempty"` // asks for the page behind this one; empty at the end
}

// ErrPosition says that a Range.After was not made by a Page.
var ErrPosition = errors.New("this is no position in a list; take the value of next from the page before")

// ReadPage reads a page of the jobs, finished or not, with what became of their
// events.
func ReadPage(store *checkpoint.Store, stages []engine.StageRef, r Range) (Page, error) {
	page := Page{Jobs: []status.Job{}}
	if r.Limit <= 0 {
		r.Limit = DefaultPage
	}
	r.Limit = min(r.Limit, MaxPage)
	number, id, err := r.start()
	if err != nil {
		return page, err
	}
	for looked := 0; looked < maxLooked; {
		records, err := store.Older(number, id, min(r.Limit+1, maxLooked-looked))
		if err != nil {
			return page, err
		}
		if len(records) == 0 {
			page.Next = ""
			return page, WithReports(store, page.Jobs)
		}
		for _, rec := range records {
			if r.From != nil && rec.Block.Number < *r.From {
				page.Next = ""
				return page, WithReports(store, page.Jobs)
			}
			if len(page.Jobs) == r.Limit && r.takes(rec) {
				return page, WithReports(store, page.Jobs)
			}
			looked++
			number, id = rec.Block.Number, rec.ID
			page.Next = fmt.Sprintf("%d.%s", number, id)
			if r.takes(rec) {
				page.Jobs = append(page.Jobs, engine.Describe(rec, stages))
			}
		}
	}
	return page, WithReports(store, page.Jobs)
}

// start is the position behind which the page begins.
func (r Range) start() (number uint64, id string, err error) {
	number = math.MaxUint64
	if r.To != nil && *r.To < math.MaxUint64 {
		number = *r.To + 1
	}
	if r.After == "" {
		return number, "", nil
	}
	text, id, found := strings.Cut(r.After, ".")
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil || !found || id == "" || len(id) > 100 {
		return 0, "", ErrPosition
	}
	if after >= number {
		return number, "", nil
	}
	return after, id, nil
}

func (r Range) takes(rec *record.Job) bool {
	at := rec.Block.Time
	if at.IsZero() {
		at = rec.Created
	}
	return (len(r.States) == 0 || slices.Contains(r.States, rec.State)) &&
		(r.Since.IsZero() || !at.Before(r.Since)) && (r.Until.IsZero() || at.Before(r.Until))
}

// FinishedSince reads the jobs that came to their end at that time or later, in
// that order, with what became of their events.
func FinishedSince(store *checkpoint.Store, stages []engine.StageRef, since time.Time) ([]status.Job, error) {
	records, err := store.FinishedSince(since)
	if err != nil {
		return nil, err
	}
	jobs := make([]status.Job, 0, len(records))
	for _, rec := range records {
		jobs = append(jobs, engine.Describe(rec, stages))
	}
	return jobs, WithReports(store, jobs)
}

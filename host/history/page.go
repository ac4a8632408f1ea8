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

// Limits of a page.
const (
	DefaultPage = 50  // jobs of a page when Range.Limit is zero
	MaxPage     = 500 // jobs of the largest page
	// maxPageReads is the largest number of records that are read for one page. A page
	// that ends there may have fewer jobs than Range.Limit, and a Next.
	maxPageReads = 5000
)

// Range selects the jobs of a list that is read in pages. The zero value selects every
// job.
type Range struct {
	States   []status.JobState // any of these; empty for all
	From, To *uint64           // block numbers, both inclusive; nil for no bound
	Since    time.Time         // earliest block time, inclusive; zero for no bound
	Until    time.Time         // latest block time, exclusive; zero for no bound
	After    string            // Page.Next of the page before; empty for the first page
	Limit    int               // jobs of the page, at most MaxPage; 0 for DefaultPage
}

// Page is a part of a list, the highest block number first.
type Page struct {
	Jobs []status.Job `json:"jobs"`
	Next string       `json:"next,omitempty"` // Range.After of the next page; empty on the last page
}

// ErrPosition is the error for a Range.After that is no Page.Next.
var ErrPosition = errors.New("this is no position in a list; take the value of next from the page before")

// ReadPage returns a page of jobs, finished or not, with their reports.
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
	for reads := 0; reads < maxPageReads; {
		records, err := store.Older(number, id, min(r.Limit+1, maxPageReads-reads))
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
			if len(page.Jobs) == r.Limit && r.includes(rec) {
				return page, WithReports(store, page.Jobs)
			}
			reads++
			number, id = rec.Block.Number, rec.ID
			page.Next = fmt.Sprintf("%d.%s", number, id)
			if r.includes(rec) {
				page.Jobs = append(page.Jobs, engine.Describe(rec, stages))
			}
		}
	}
	return page, WithReports(store, page.Jobs)
}

// start returns the position before which Store.Older reads the page.
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

// includes reports whether the state and the block time of a job are in the range. A
// block without a known time counts by the time at which its job was made.
func (r Range) includes(rec *record.Job) bool {
	at := rec.Block.Time
	if at.IsZero() {
		at = rec.Created
	}
	return (len(r.States) == 0 || slices.Contains(r.States, rec.State)) &&
		(r.Since.IsZero() || !at.Before(r.Since)) && (r.Until.IsZero() || at.Before(r.Until))
}

// FinishedSince returns the jobs that finished at that time or later, the oldest first,
// with their reports.
func FinishedSince(store *checkpoint.Store, stages []engine.StageRef, since time.Time) ([]status.Job, error) {
	records, err := store.FinishedSince(since)
	return described(store, stages, records, err)
}

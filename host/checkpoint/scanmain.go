package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

// init makes every program that contains this package, also a test, able to be the
// process that scan starts.
func init() {
	if len(os.Args) == 4 && os.Args[0] == scanName {
		os.Exit(scanMain(scanMode(os.Args[1]), os.Args[2], os.Args[3]))
	}
}

// testModes are modes that a test adds before init.
var testModes map[scanMode]func()

// scanMain is the main function of the scanning process. It returns the exit code.
func scanMain(mode scanMode, path, to string) int {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// The kernel kills the process at the hard limit.
	limit := syscall.Rlimit{Cur: maxScanCPU(info.Size()), Max: maxScanCPU(info.Size())}
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &limit)
	debug.SetMaxStack(64 << 20)
	go limitHeap(maxScanHeap + info.Size())
	found := scanFile(mode, path, to)
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return 1
	}
	return 0
}

// limitHeap ends the process when its heap exceeds the limit in bytes.
func limitHeap(limit int64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		if metrics.Read(heap); heap[0].Value.Uint64() > uint64(limit) {
			fmt.Fprintln(os.Stderr, "out of memory")
			os.Exit(1)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// scanFile scans a file in this process. It may crash, or never return.
func scanFile(mode scanMode, path, to string) (found findings) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			found.problem("file", fmt.Sprint(r))
		}
	}()
	s, err := openFile(path, true)
	if errors.Is(err, ErrInUse) {
		return findings{InUse: true}
	}
	if err != nil {
		found.problem("file", errors.Unwrap(err).Error())
		return found
	}
	defer s.db.Close()
	if mode == scanAndCopy {
		return s.copyRecords(to)
	}
	if test, ok := testModes[mode]; ok {
		test()
	}
	if mode != scanRecords {
		found.Problems = checkMetaPages(s.file, s.db.Info().PageSize)
		s.checkPages(&found)
		if len(found.Problems) > 0 {
			return found
		}
	}
	_ = s.view(func(t tx) error {
		s.scanRecords(t, mode, &found)
		return nil
	})
	found.RecordsDamaged = len(found.Problems) > 0
	return found
}

// problem adds a problem, up to maxProblems.
func (f *findings) problem(where, what string) {
	if len(f.Problems) < maxProblems {
		f.Problems = append(f.Problems, Problem{where, plainMessage(strings.TrimSpace(what))})
	}
}

// scanRecords checks the checksums and, depending on the mode, the records.
func (s *Store) scanRecords(t tx, mode scanMode, found *findings) {
	var err error
	if found.Schema, err = schemaOf(t); err != nil {
		found.problem("file", err.Error())
		return
	}
	switch {
	case found.Schema != schemaVersion:
		return // the migration examines the records of an older file
	case mode != scanAtStart:
		found.Problems = examine(t, &found.Counts)
		return
	}
	checkSeals(t, found.problem)
	if run, err := lastRun(t); len(found.Problems) == 0 && err == nil && run != nil && run.Stopped.IsZero() && t.Size() <= maxExamined {
		found.Problems = examine(t, new(Counts))
	}
}

// checkPages makes bbolt check its pages. It also checks what bbolt does not check: that
// pages with overflow do not share a page and lie before the end of the file.
func (s *Store) checkPages(found *findings) {
	_ = s.db.View(func(t *bbolt.Tx) error {
		if info, err := s.file.Stat(); err != nil || info.Size() < t.Size() {
			found.problem("file", fmt.Sprintf("it ends before the %d bytes that it should have", t.Size()))
			return err
		}
		for err := range t.Check() {
			if found.problem("file", err.Error()); len(found.Problems) == maxProblems {
				return nil // bbolt may follow a cycle of pages
			}
		}
		if len(found.Problems) > 0 {
			return nil
		}
		pageSize := s.db.Info().PageSize
		free, pages := 0, int(t.Size())/pageSize
		for id := 0; id < pages; id++ {
			page, err := t.Page(id)
			switch {
			case err != nil:
				return err
			case page.Type == "free":
				free++
			case page.OverflowCount >= pages-id:
				found.problem(fmt.Sprintf("page %d", id), "it goes on behind the end of the file")
				return nil
			default:
				for range page.OverflowCount {
					if id++; isFree(t, id) {
						found.problem(fmt.Sprintf("page %d", id), "it is both used and free")
					}
				}
			}
		}
		found.Used = int64(pages-free) * int64(pageSize)
		return nil
	})
}

// isFree reports whether a page is on the free list.
func isFree(t *bbolt.Tx, id int) bool {
	page, err := t.Page(id)
	return err == nil && page.Type == "free"
}

// copyRecords writes the records to a new file.
func (s *Store) copyRecords(to string) (found findings) {
	err := s.compactInto(to)
	var errno syscall.Errno
	switch {
	case err == nil:
	case errors.As(err, &errno):
		found.Machine, found.Errno = err.Error(), int(errno)
	default:
		found.problem("file", err.Error())
	}
	return found
}

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

// Whatever program this package is part of, a test's included, can play the
// process that look starts.
func init() {
	if len(os.Args) == 4 && os.Args[0] == lookName {
		os.Exit(lookMain(lookMode(os.Args[1]), os.Args[2], os.Args[3]))
	}
}

// lookTests are modes that a test adds before init.
var lookTests map[lookMode]func()

// lookMain is that process. It returns the exit code.
func lookMain(mode lookMode, path, to string) int {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	// At the hard limit the system ends the process, whatever it does.
	limit := syscall.Rlimit{Cur: lookCPU(info.Size()), Max: lookCPU(info.Size())}
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &limit)
	debug.SetMaxStack(64 << 20)
	go limitMemory(lookMemory + info.Size())
	found := lookAt(mode, path, to)
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		return 1
	}
	return 0
}

func limitMemory(limit int64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		if metrics.Read(heap); heap[0].Value.Uint64() > uint64(limit) {
			fmt.Fprintln(os.Stderr, "out of memory")
			os.Exit(1)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// lookAt does what look is asked for. It may crash, or never return.
func lookAt(mode lookMode, path, to string) (found findings) {
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
	if mode == lookAndCopy {
		return s.lookAndCopy(to)
	}
	if play, ok := lookTests[mode]; ok {
		play()
	}
	if mode != lookAtRecords {
		found.Problems = checkMetas(s.file, s.db.Info().PageSize)
		s.checkPages(&found)
		if len(found.Problems) > 0 {
			return found
		}
	}
	_ = s.view(func(t tx) error {
		s.lookAtRecords(t, mode, &found)
		return nil
	})
	found.RecordsDamaged = len(found.Problems) > 0
	return found
}

func (f *findings) problem(where, what string) {
	if len(f.Problems) < maxProblems {
		f.Problems = append(f.Problems, Problem{where, inWords(strings.TrimSpace(what))})
	}
}

func (s *Store) lookAtRecords(t tx, mode lookMode, found *findings) {
	var err error
	if found.Schema, err = schemaOf(t); err != nil {
		found.problem("file", err.Error())
		return
	}
	switch {
	case found.Schema != schemaVersion:
		return // what is in an older file the migration looks at
	case mode != lookAtStart:
		found.Problems = examine(t, &found.Counts)
		return
	}
	checkSeals(t, found.problem)
	if run, err := lastRun(t); len(found.Problems) == 0 && err == nil && run != nil && run.Stopped.IsZero() && t.Size() <= examineAtMost {
		found.Problems = examine(t, new(Counts))
	}
}

// checkPages has bbolt check its pages, and looks at what bbolt does not: that
// pages with overflow lie side by side, without sharing a page, up to the end.
func (s *Store) checkPages(found *findings) {
	_ = s.db.View(func(t *bbolt.Tx) error {
		if info, err := s.file.Stat(); err != nil || info.Size() < t.Size() {
			found.problem("file", fmt.Sprintf("it ends before the %d bytes that it should have", t.Size()))
			return err
		}
		for err := range t.Check() {
			if found.problem("file", err.Error()); len(found.Problems) == maxProblems {
				return nil // bbolt may be in a circle
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

func isFree(t *bbolt.Tx, id int) bool {
	page, err := t.Page(id)
	return err == nil && page.Type == "free"
}

// lookAndCopy writes the records to a new file.
func (s *Store) lookAndCopy(to string) (found findings) {
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

package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// scanName is argv[0] of the process that scans a file. bbolt does not check its file: a
// damaged page makes it read outside of the mapping, which ends the process, or loop for
// ever. Therefore a file is first scanned by another process of this program. A crash of
// that process, or a run that takes too long, means that the file is damaged.
const scanName = "proofline-checkpoint-scan"

// scanMode selects what the scanning process does.
type scanMode string

const (
	scanAtStart scanMode = "start"   // pages and checksums; in a small file after a crash also records
	scanAll     scanMode = "all"     // pages, checksums and records
	scanRecords scanMode = "records" // checksums and records of a file with damaged pages
	scanAndCopy scanMode = "copy"    // copies the records to a new file
)

// findings is the result of a scan. The scanning process writes it to its standard
// output.
type findings struct {
	InUse          bool      `json:"in_use,omitempty"`
	Schema         uint64    `json:"schema,omitempty"`
	Used           int64     `json:"used,omitempty"`
	Counts         Counts    `json:"counts"`
	Problems       []Problem `json:"problems,omitempty"`
	RecordsDamaged bool      `json:"records_damaged,omitempty"` // the problems are about records
	Machine        string    `json:"machine,omitempty"`         // why scanAndCopy could not write
	Errno          int       `json:"errno,omitempty"`           // of Machine
}

// Limits of the scanning process. Its CPU time does not depend on the load of the machine
// or the speed of the disk, so that a busy machine never makes an intact file count as
// damaged. maxScanTime ends a process that waits for ever.
const (
	maxScanTime = 10 * time.Minute
	maxScanHeap = 128 << 20 // bytes of heap in addition to the size of the file
)

// maxScanCPU returns the limit of CPU time in seconds for a file of a size in bytes. It
// is over ten times what a scan takes.
func maxScanCPU(size int64) uint64 { return 3 + uint64(size>>24) }

// scan runs another process that scans the file at path. With scanAndCopy that process
// writes the records to a new file at to.
func scan(mode scanMode, path, to string) (found findings, err error) {
	f, err := os.Open(path)
	if err != nil {
		return found, environment(fmt.Errorf("open checkpoint: %w", err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return found, environment(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxScanTime)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{scanName, string(mode), path, to}
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Stdout, cmd.Stderr = &out, &errs
	// The process group keeps a Ctrl-C away from the process. The parent death signal is
	// sent when the thread that forked ends, so the thread is locked.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return found, environment(fmt.Errorf("start the check of checkpoint %s: %w", path, err))
	}
	err = cmd.Wait()
	ended, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	limit := time.Duration(maxScanCPU(info.Size())) * time.Second
	switch {
	case err == nil && json.Unmarshal(out.Bytes(), &found) == nil:
	case ctx.Err() != nil || ended.Signal() == syscall.SIGKILL && spent > limit-time.Second:
		found = findings{Problems: []Problem{{"file", fmt.Sprintf("the check of it goes on for ever: it was ended after %s of computing", spent.Round(time.Second))}}}
	case ended.Signal() == syscall.SIGKILL || ended.Signal() == syscall.SIGTERM || ended.Signal() == syscall.SIGINT:
		return found, fmt.Errorf("the check of checkpoint %s was ended from outside (%v)", path, err)
	default:
		found = findings{Problems: []Problem{{"file", "the check of it crashed: " + firstLine(errs.String(), err)}}}
	}
	switch {
	case found.InUse:
		return found, fmt.Errorf("%s: %w", path, ErrInUse)
	case found.Machine != "":
		return found, environment(fmt.Errorf("%s: %w", found.Machine, syscall.Errno(found.Errno)))
	}
	return found, nil
}

// firstLine returns the first line that a crashed process has written, or err when it
// has written nothing.
func firstLine(text string, err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return fmt.Sprint(err)
	}
	return plainMessage(line)
}

// plainMessage removes from a message the parts that say only that a Go program has
// panicked, because the fault is in the file and not in the program.
func plainMessage(text string) string {
	for _, prefix := range []string{"runtime: ", "fatal error: ", "panic: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	if strings.HasPrefix(text, "goroutine stack exceeds") {
		return "a page leads back to itself"
	}
	return text
}

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

// bbolt trusts its file: a damaged page makes it read outside of the mapping,
// which ends the process, or go round in a circle. So a file is first looked at by
// another process, which is this program under the name of lookName. What ends
// that process, or lets it go on for too long, is damage.
const lookName = "proofline-checkpoint-look"

// lookMode says what that process does.
type lookMode string

const (
	lookAtStart   lookMode = "start"   // pages and checksums; after a crash, in a small file, records
	lookAtAll     lookMode = "all"     // pages, checksums, records
	lookAtRecords lookMode = "records" // checksums and records, of a file with damaged pages
	lookAndCopy   lookMode = "copy"    // the records to a new file
)

// findings is what that process writes to its standard output.
type findings struct {
	InUse          bool      `json:"in_use,omitempty"`
	Schema         uint64    `json:"schema,omitempty"`
	Used           int64     `json:"used,omitempty"`
	Counts         Counts    `json:"counts"`
	Problems       []Problem `json:"problems,omitempty"`
	RecordsDamaged bool      `json:"records_damaged,omitempty"` // Problems are of records
	Machine        string    `json:"machine,omitempty"`         // lookAndCopy could not write, and the errno
	Errno          int       `json:"errno,omitempty"`
}

// Limits of that process. What it takes to compute does not depend on the load of
// the machine or the speed of the disk, so that a sound file is never taken for a
// damaged one on a busy machine; the time is for one that waits for ever.
const (
	lookTime   = 10 * time.Minute
	lookMemory = 128 << 20 // bytes of heap, beside the size of the file
)

// lookCPU is how many seconds of computing a file of a size may cost: over ten
// times what it costs.
func lookCPU(size int64) uint64 { return 3 + uint64(size>>24) }

// look has a file looked at by another process.
func look(mode lookMode, path, to string) (found findings, err error) {
	f, err := os.Open(path)
	if err != nil {
		return found, environment(fmt.Errorf("open checkpoint: %w", err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return found, environment(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{lookName, string(mode), path, to}
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.Stdout, cmd.Stderr = &out, &errs
	// A Ctrl-C is for the host alone. The parent death signal belongs to the
	// thread that forks.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return found, environment(fmt.Errorf("start the check of checkpoint %s: %w", path, err))
	}
	err = cmd.Wait()
	ended, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	limit := time.Duration(lookCPU(info.Size())) * time.Second
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

// firstLine is what a process that crashed said first.
func firstLine(text string, err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return fmt.Sprint(err)
	}
	return inWords(line)
}

// inWords leaves out of a message what only says that a Go program has panicked:
// to the operator the file is damaged, not the program.
func inWords(text string) string {
	for _, prefix := range []string{"runtime: ", "fatal error: ", "panic: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	if strings.HasPrefix(text, "goroutine stack exceeds") {
		return "a page leads back to itself"
	}
	return text
}

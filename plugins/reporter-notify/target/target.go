// Package target implements the receivers of lines other than a URL: File appends a line
// to a file, and Command runs a program with the line as its standard input.
package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/retry"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/process"
)

// File appends lines to a file. It opens the file for each line, so that the file may be
// rotated at any time. Its methods may be called concurrently.
type File struct {
	Path string
	mu   sync.Mutex // held while a line is written
}

// Append writes the line and a line break, and returns when both are on disk. After a
// failure the file has no part of the line. Where an earlier process was interrupted
// within a line, Append first ends that line. Its errors are of the class environment.
func (f *File) Append(line []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.append(line); err != nil {
		remedy := cmp.Or(files.Remedy(err, filepath.Dir(f.Path)), "see that the directory exists and can be written to by proofline")
		return sdk.Environment(fmt.Errorf("append to %s: %w", f.Path, err), remedy)
	}
	return nil
}

func (f *File) append(line []byte) (err error) {
	file, err := os.OpenFile(f.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return withoutPath(err)
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = withoutPath(closing)
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return withoutPath(err)
	}
	text := make([]byte, 0, len(line)+2)
	if size := info.Size(); info.Mode().IsRegular() && size > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			text = append(text, '\n')
		}
	}
	text = append(append(text, line...), '\n')
	if _, err := file.Write(text); err != nil {
		if info.Mode().IsRegular() {
			_ = file.Truncate(info.Size())
		}
		return withoutPath(err)
	}
	if !info.Mode().IsRegular() { // a pipe or a device
		return nil
	}
	return withoutPath(file.Sync())
}

// withoutPath returns the error without the path, which the caller adds.
func withoutPath(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// Command runs a program once per line. Its methods may be called concurrently.
type Command struct {
	Argv    []string      // program and arguments
	Timeout time.Duration // of one run
}

// Feed runs the program with the line as its standard input, and returns when the
// program and all its children have ended. The exit code 0 means success. Any other code
// is a retryable error, except 126 and 127, which are errors of the class environment: a
// shell returns them for a program that cannot be run or found. The program's environment
// has PATH, HOME, USER, LANG, TZ, TMPDIR and the variables, so that it contains no secret
// of the pipeline. Feed writes the line to a file in the directory scratch. The try
// counts from 1.
func (c *Command) Feed(ctx context.Context, line []byte, scratch string, variables []string, try uint32) error {
	// Package process gives a program no standard input. The shell therefore opens the
	// file as its own standard input and then executes the program in its place.
	input := filepath.Join(scratch, "event.json")
	if err := os.WriteFile(input, append(line, '\n'), 0o600); err != nil {
		return sdk.Environment(err, "make room on the disk of "+scratch)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	tool := process.Command{
		Path: "/bin/sh", Args: append([]string{"-c", `exec "$@" <"$0"`, input}, c.Argv...),
		Env: append(inherited(), variables...), Grace: 5 * time.Second,
	}
	_, err := tool.Run(ctx)
	if err == nil {
		return nil
	}
	if exit, ok := errors.AsType[*process.ExitError](err); ok && ctx.Err() == nil {
		switch exit.Code {
		case 126, 127:
			return sdk.Environment(fmt.Errorf("command %s cannot be run: %s", c.Argv[0], strings.Join(exit.Tail, " ")), "check the stage's command and the PATH of proofline")
		}
		exit.Tool = c.Argv[0]
		return sdk.RetryAfter(exit, retry.Backoff(try))
	}
	if ctx.Err() == context.DeadlineExceeded {
		return sdk.RetryAfter(fmt.Errorf("command %s was stopped after %s (timeout)", c.Argv[0], c.Timeout), retry.Backoff(try))
	}
	return err
}

// inherited returns the variables of the plugin's environment that a command gets.
func inherited() (env []string) {
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// Attempt holds what a run needs from a task or an event.
type Attempt struct {
	Work     string // absolute path of the scratch directory, {work}
	Values   Values
	Log      *slog.Logger
	Progress func(sdk.Progress)
	Adopt    func(path, name string) (sdk.Artifact, error)
	// Environ are further variables of the program, "NAME=value".
	Environ []string
}

// AddFile adds a placeholder with the path of a file below {work}.
func (a Attempt) AddFile(name, file string) { a.Values.Names[name] = filepath.Join(a.Work, file) }

// Run runs the configured command. The result has the artifacts of Config.Outputs, the
// facts and the work time.
func (c *Config) Run(ctx context.Context, a Attempt) (*sdk.Result, error) {
	exit, r, err := c.run(ctx, c.Command, a)
	if err != nil {
		return nil, err
	}
	result := &sdk.Result{WorkTime: exit.Duration}
	var took time.Duration
	if result.Facts, took, err = c.readFacts(a.Work); err != nil {
		a.Log.Warn("the program's figures are incomplete", "error", err)
	}
	switch {
	case took > 0:
		result.WorkTime = took
	case r.timed:
		result.WorkTime = c.Time.duration(r.took)
	case c.Time != nil:
		a.Log.Warn("the program did not print its time; the wall clock counts", "wall_clock", exit.Duration.String())
	}
	for _, o := range c.Outputs {
		artifact, err := Collect(a, o.File, o.Name)
		if err != nil {
			return nil, err
		}
		result.Outputs = append(result.Outputs, artifact)
	}
	return result, nil
}

// RunCommand runs another command line with the same environment and the same classes of
// error. It collects no files and no facts.
func (c *Config) RunCommand(ctx context.Context, argv []string, a Attempt) error {
	_, _, err := c.run(ctx, argv, a)
	return err
}

func (c *Config) run(ctx context.Context, argv []string, a Attempt) (*process.Exit, *reader, error) {
	argv, err := a.Values.expandAll(argv)
	if err != nil {
		return nil, nil, err
	}
	env := append(os.Environ(), a.Environ...)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		value, err := a.Values.expand(c.Env[name])
		if err != nil {
			return nil, nil, err
		}
		env = append(env, name+"="+value)
	}
	// A relative path of the program is relative to the pipeline file, which is the
	// plugin's own directory, not to the program's.
	if strings.ContainsRune(argv[0], filepath.Separator) {
		if argv[0], err = filepath.Abs(argv[0]); err != nil {
			return nil, nil, err
		}
	}
	dir := a.Work
	if c.Dir != "" {
		dir = c.Dir
	}
	r := c.reader(a.Progress)
	readLine := func(stream string) func(string) {
		return func(line string) {
			a.Log.Debug(line, "stream", stream)
			r.line(line)
		}
	}
	tool := process.Command{Path: argv[0], Args: argv[1:], Dir: dir, Env: env, Grace: c.Grace.Std(), Stdout: readLine("stdout"), Stderr: readLine("stderr")}
	exit, err := tool.Run(ctx)
	if err != nil {
		return exit, r, c.Errors.class(ctx, err, r)
	}
	return exit, r, nil
}

// class returns the error of a run with its class.
func (e Errors) class(ctx context.Context, err error, r *reader) error {
	ended, ok := errors.AsType[*process.ExitError](err)
	if ctx.Err() != nil || !ok {
		return err // cancelled or not started; the caller adds a class where it has none
	}
	remedy := e.Remedy
	if remedy == "" {
		remedy = "see the log of the stage, and provide what the program lacks"
	}
	if r.firstSign != "" && !strings.Contains(err.Error(), r.firstSign) {
		err = fmt.Errorf("%w: %s", err, r.firstSign)
	}
	code := func(list []int) bool { return ended.Signal == 0 && slices.Contains(list, ended.Code) }
	switch {
	case code(e.RetryableExits):
		return sdk.Retryable(err)
	case code(e.PermanentExits):
		return sdk.Permanent(err)
	case code(e.EnvironmentExits):
		return sdk.Environment(err, remedy)
	case ended.Signal == syscall.SIGKILL:
		return sdk.Environment(err, "look for an out-of-memory kill in the kernel's log, and give the program more memory")
	case r.class == sdk.ClassEnvironment:
		return sdk.Environment(err, remedy)
	case r.class == sdk.ClassPermanent:
		return sdk.Permanent(err)
	case ended.Signal == 0 && (ended.Code == 126 || ended.Code == 127):
		return sdk.Environment(err, "the shell did not find or may not run a program of the command: install it")
	}
	return sdk.Retryable(err)
}

// Collect makes an artifact of a file below {work} that the program has written. It
// returns a retryable error where the file is absent, empty or no regular file.
func Collect(a Attempt, file, name string) (sdk.Artifact, error) {
	if name == "" {
		name = filepath.Base(file)
	}
	path := filepath.Join(a.Work, file)
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return sdk.Artifact{}, sdk.Retryable(fmt.Errorf("the program ended well, but did not write %s: %w", file, errors.Unwrap(err)))
	case !info.Mode().IsRegular():
		return sdk.Artifact{}, sdk.Retryable(fmt.Errorf("the program ended well, but %s is no regular file", file))
	case info.Size() == 0:
		return sdk.Artifact{}, sdk.Retryable(fmt.Errorf("the program ended well, but %s is empty", file))
	}
	return a.Adopt(path, name)
}

// Version runs a command line that prints the program's version. It returns the first
// line that is not empty, or an empty text where argv is empty.
func Version(ctx context.Context, argv []string) (string, error) {
	if len(argv) == 0 {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var first string
	readLine := func(line string) {
		if first == "" {
			first = strings.TrimSpace(line)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return "", sdk.Environment(err, "install the program, or write its whole path")
	}
	tool := process.Command{Path: path, Args: argv[1:], Env: os.Environ(), Stdout: readLine, Stderr: readLine}
	if _, err := tool.Run(ctx); err != nil {
		return "", err
	}
	return first, nil
}

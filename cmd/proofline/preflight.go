package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// askLimit is how long one plugin may take to judge its configuration.
const askLimit = time.Minute

// The questions that a plugin answers about its configuration when it is run by
// hand.
const (
	askValidate = "validate" // is it right, by itself
	askCheck    = "check"    // and is what it refers to there
)

// askPlugin runs "PLUGIN <question> --config - --json" with the config block on
// standard input, where no other process sees it, and with the environment that
// it would have as a stage, and as the stage's user.
func askPlugin(ctx context.Context, path, question string, s *pipeline.Stage) (contract.Assessment, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, question, "--config", "-", "--json")
	user := s.Sandbox.Account
	cmd.Env = launch.EnvironmentOf(user, os.Environ(), s.Env)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(s.Config), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if user != nil && account.Rights() == nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user.UID), Gid: uint32(user.GID)}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return contract.Assessment{}, fmt.Errorf("the plugin's %s has not ended within %v", question, askLimit)
	}
	var answer contract.Assessment
	if json.Unmarshal(stdout.Bytes(), &answer) == nil {
		return answer, nil // the exit code only says whether there is an error among them
	}
	if json.Unmarshal(stdout.Bytes(), &answer.Findings) == nil {
		return answer, nil // a plugin that knows no traits prints the findings alone
	}
	words := strings.TrimSpace(stderr.String())
	if words == "" && err != nil {
		words = err.Error()
	}
	return contract.Assessment{}, fmt.Errorf("the plugin's %s failed: %s", question, text.Line(words, 500))
}

// Free disk space. A mainnet block takes some tens of megabytes while it is at work,
// and those that are kept add up; below noSpace the first blocks fail.
const (
	lowSpace = 10 << 30
	noSpace  = 1 << 30
)

// spaceFinding judges the free space of a disk.
func spaceFinding(free uint64) (severity contract.Severity, low bool) {
	switch {
	case free < noSpace:
		return contract.SeverityError, true
	case free < lowSpace:
		return contract.SeverityWarning, true
	}
	return "", false
}

// hostFindings checks what the host itself needs. While it runs, its port and
// its folders are its own.
func hostFindings(p *pipeline.Pipeline, running bool) pipeline.Findings {
	findings := pipeline.Findings{}
	add := func(severity contract.Severity, path, summary, remedy string) {
		findings = append(findings, p.Locate(severity, path, summary, remedy))
	}
	for _, dir := range []struct{ key, path string }{{"data", p.Data}, {"output", p.Output}} {
		existing, err := writable(dir.path)
		if err != nil {
			add(contract.SeverityError, dir.key, err.Error(), "make the folder writable, or name another one")
			continue
		}
		var fs unix.Statfs_t
		if unix.Statfs(existing, &fs) == nil {
			free := fs.Bavail * uint64(fs.Bsize)
			if severity, low := spaceFinding(free); low {
				add(severity, dir.key, fmt.Sprintf("only %s are free in %s", size(int64(free)), existing),
					fmt.Sprintf("make room, or name a folder on another disk: %s are needed to work, %s to work for long", size(noSpace), size(lowSpace)))
			}
		}
	}
	if existing, err := writable(p.Data); err == nil {
		if took, err := syncTime(existing); err == nil {
			severity, remedy := syncVerdict(took)
			add(severity, "data", fmt.Sprintf("a record takes %v to reach the disk of %s", took.Round(10*time.Microsecond), existing), remedy)
		}
	}
	if running {
		add(contract.SeverityInfo, "", "a proofline runs this pipeline", "")
		return findings
	}
	listener, err := net.Listen("tcp", p.Monitor.Listen)
	if err != nil {
		add(contract.SeverityError, "monitor.listen", fmt.Sprintf("cannot listen on %s: %v", p.Monitor.Listen, errors.Unwrap(err)), "stop what uses the port, set HEALTH_PORT, or write another address")
		return findings
	}
	listener.Close()
	return findings
}

// slowSync is the time for a record above which many blocks at once wait for the disk:
// each takes about twenty records.
const slowSync = 200 * time.Millisecond

func syncVerdict(took time.Duration) (severity contract.Severity, remedy string) {
	if took > slowSync {
		return contract.SeverityWarning, "name a data folder on a local SSD: network and rotating disks hold up every step"
	}
	return contract.SeverityInfo, ""
}

// syncTime is the median time in which 4 KiB reach the disk of a directory, of five
// tries, as the checkpoint writes them.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".proofline-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var times []time.Duration
	for range 5 {
		began := time.Now()
		if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// writable reports whether files can be made in a directory, or in the nearest
// one above it that exists, which it names.
func writable(dir string) (existing string, err error) {
	for existing = dir; ; existing = filepath.Dir(existing) {
		info, err := os.Stat(existing)
		if errors.Is(err, fs.ErrNotExist) && existing != filepath.Dir(existing) {
			continue
		}
		if err != nil {
			return existing, err
		}
		if !info.IsDir() {
			return existing, fmt.Errorf("%s is no folder", existing)
		}
		break
	}
	f, err := os.CreateTemp(existing, ".proofline-*")
	if err != nil {
		return existing, fmt.Errorf("no file can be made in %s: %w", existing, errors.Unwrap(err))
	}
	return existing, errors.Join(f.Close(), os.Remove(f.Name()))
}

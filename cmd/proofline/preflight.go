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

// pluginCommandLimit is how long a plugin may take to check its configuration.
const pluginCommandLimit = time.Minute

// The commands of a plugin that check its configuration.
const (
	commandValidate = "validate" // checks the configuration alone
	commandCheck    = "check"    // also checks the files and services that it names
)

// runPluginCommand runs "PLUGIN <command> --config - --json" with the stage's environment
// and user. It passes the config block on standard input, where no other process can read
// it.
func runPluginCommand(ctx context.Context, path, command string, s *pipeline.Stage) (contract.Assessment, error) {
	ctx, cancel := context.WithTimeout(ctx, pluginCommandLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, command, "--config", "-", "--json")
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
		return contract.Assessment{}, fmt.Errorf("the plugin's %s has not ended within %v", command, pluginCommandLimit)
	}
	var assessment contract.Assessment
	if json.Unmarshal(stdout.Bytes(), &assessment) == nil {
		return assessment, nil // the exit code only says whether one of the findings is an error
	}
	if json.Unmarshal(stdout.Bytes(), &assessment.Findings) == nil {
		return assessment, nil // a plugin without traits prints only the findings
	}
	output := strings.TrimSpace(stderr.String())
	if output == "" && err != nil {
		output = err.Error()
	}
	return contract.Assessment{}, fmt.Errorf("the plugin's %s failed: %s", command, text.Line(output, 500))
}

// Limits of the free disk space in bytes. A mainnet block takes some tens of megabytes
// while it is at work, and kept blocks add up. Below noSpace the first blocks fail.
const (
	lowSpace = 10 << 30
	noSpace  = 1 << 30
)

// spaceFinding returns the severity of too little free space, and whether it is too
// little.
func spaceFinding(free uint64) (severity contract.Severity, low bool) {
	switch {
	case free < noSpace:
		return contract.SeverityError, true
	case free < lowSpace:
		return contract.SeverityWarning, true
	}
	return "", false
}

// hostFindings checks folders, disks and the port of the host. If the host is running, the
// port is in use by the host itself.
func hostFindings(p *pipeline.Pipeline, running bool) pipeline.Findings {
	findings := pipeline.Findings{}
	add := func(severity contract.Severity, path, summary, remedy string) {
		findings = append(findings, p.Locate(severity, path, summary, remedy))
	}
	for _, dir := range []struct{ key, path string }{{"data", p.Data}, {"output", p.Output}} {
		existing, err := nearestWritable(dir.path)
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
	if existing, err := nearestWritable(p.Data); err == nil {
		if took, err := syncTime(existing); err == nil {
			severity, remedy := syncFinding(took)
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

// slowSync is the longest acceptable time to write one record. A block has about twenty
// records, so that above it several blocks at once wait for the disk.
const slowSync = 200 * time.Millisecond

// syncFinding returns severity and remedy for the time to write one record.
func syncFinding(took time.Duration) (severity contract.Severity, remedy string) {
	if took > slowSync {
		return contract.SeverityWarning, "name a data folder on a local SSD: network and rotating disks hold up every step"
	}
	return contract.SeverityInfo, ""
}

// syncTime returns the median time to write 4 KiB durably to the disk of a directory, of
// five tries. It writes as the checkpoint does.
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

// nearestWritable returns a directory, or the nearest existing one above it. The error is
// not nil if no file can be made there.
func nearestWritable(dir string) (existing string, err error) {
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

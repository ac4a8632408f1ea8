package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/wire"
)

// Accesses that a confined plugin must not have. The result is correct if it has them.
func init() {
	tricks["other files"] = func(h *hostile, task contract.Task, out stream) error {
		// The pipeline file is known to lie in the working directory.
		if _, err := os.ReadFile("pipeline.yaml"); err != nil {
			return err
		}
		return behave(h, task, out)
	}
	tricks["secret"] = func(h *hostile, task contract.Task, out stream) error {
		if _, err := hostVariable("ETHPROOFS_API_KEY"); err != nil {
			return err
		}
		return behave(h, task, out)
	}
	tricks["pry"] = pry
	tricks["network"] = func(h *hostile, task contract.Task, out stream) error {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+os.Getenv("HOSTILE_PORT"), 5*time.Second)
		if err != nil {
			return err
		}
		conn.Close()
		return behave(h, task, out)
	}
}

// pry tries accesses that a plugin of another user must not have. It fails with a list of
// those that it has, or of its capabilities.
func pry(h *hostile, task contract.Task, out stream) error {
	var open []string
	found := func(what string, err error) {
		if err == nil {
			open = append(open, what)
		}
	}
	read := func(path string) {
		f, err := os.Open(path)
		found(path, err)
		f.Close()
	}
	attempts := filepath.Join(task.Dir, "..", "..", "..")
	data := filepath.Dir(attempts)
	for _, path := range []string{
		"checkpoint.db", ".", "attempts", "run", "run/hostile.lock", "run/control.json", "state", "state/source", "state/source/geth",
		filepath.Join("attempts", task.Job, "source", "1"), filepath.Join("attempts", task.Job, "source", "1", "out", "block.json"),
	} {
		read(filepath.Join(data, path))
	}
	_, err := hostVariable("ETHPROOFS_API_KEY")
	found("the host's environment", err)
	sockets, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(sockets)) {
		if fields := strings.Fields(line); len(fields) > 7 && strings.HasSuffix(fields[7], "/control.sock") {
			conn, err := net.Dial("unix", fields[7])
			found("the control socket "+fields[7], err)
			if err == nil {
				conn.Close()
			}
		}
	}
	for _, a := range task.Inputs {
		path := filepath.Join(task.Dir, a.Path)
		found("changing "+a.Name, os.Chmod(path, 0o600))
		found("removing "+a.Name, os.Remove(path))
		if _, err := os.ReadFile(path); err != nil {
			open = append(open, err.Error())
		}
	}
	for _, dir := range []string{".", "in"} {
		found("making files in "+dir, os.WriteFile(filepath.Join(task.Dir, dir, "new"), nil, 0o600))
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, right := range []string{"\nGroups:\t \n", "\nNoNewPrivs:\t1\n", "\nCapPrm:\t0000000000000000\n"} {
		if !strings.Contains(string(status), right) {
			open = append(open, "not "+strings.TrimSpace(right))
		}
	}
	if os.Getuid() == 0 || len(open) > 0 {
		return wire.StatusError(contract.Permanent(fmt.Errorf("user %d reaches: %q", os.Getuid(), open)))
	}
	return behave(h, task, out)
}

// hostVariable searches a variable in the plugin's own environment, and then in those of
// its ancestors.
func hostVariable(name string) (string, error) {
	if value := os.Getenv(name); value != "" {
		return value, nil
	}
	var errs []error
	for pid := os.Getppid(); pid > 1; {
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			errs = append(errs, err)
		}
		for entry := range strings.SplitSeq(string(environ), "\x00") {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value, nil
			}
		}
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			errs = append(errs, err)
			break
		}
		_, rest, _ := strings.Cut(string(status), "\nPPid:")
		rest, _, _ = strings.Cut(rest, "\n")
		if pid, err = strconv.Atoi(strings.TrimSpace(rest)); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s was not given to this plugin: %w", name, errors.Join(errs...))
}

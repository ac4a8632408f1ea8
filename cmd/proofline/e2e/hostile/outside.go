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
)

// What a confined plugin must not reach. The result is good where it does.
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
	tricks["network"] = func(h *hostile, task contract.Task, out stream) error {
		conn, err := net.DialTimeout("tcp", "127.0.0.1:"+os.Getenv("HOSTILE_PORT"), 5*time.Second)
		if err != nil {
			return err
		}
		conn.Close()
		return behave(h, task, out)
	}
}

// hostVariable looks for a variable in the plugin's own environment, and then in those
// of its ancestors.
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

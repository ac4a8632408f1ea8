package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// Record is what a running host leaves in run/host.json of its data directory.
type Record struct {
	PID     int       `json:"pid"`
	Socket  string    `json:"socket"` // absolute path
	Started time.Time `json:"started"`
}

func recordPath(data string) string { return filepath.Join(data, "run", "host.json") }

// Announce writes the record, readable by the host's user only, and returns a
// function that takes it back. A record that a killed host left is replaced.
func Announce(data string, r Record) (withdraw func() error, err error) {
	path := recordPath(data)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := files.WriteJSON(path, 0o600, r); err != nil {
		return nil, fmt.Errorf("announce the host in %s: %w", path, err)
	}
	return func() error {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}, nil
}

// ErrNotRunning says that no host runs the pipeline.
var ErrNotRunning = errors.New("no proofline runs this pipeline")

// Find reads the record of the host that uses a data directory. It answers
// ErrNotRunning where there is none; whether the host is still alive only a
// call shows.
func Find(data string) (Record, error) {
	text, err := os.ReadFile(recordPath(data))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNotRunning
	}
	if errors.Is(err, fs.ErrPermission) {
		return Record{}, notOurs(data, err)
	}
	if err != nil {
		return Record{}, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil || r.Socket == "" {
		return Record{}, fmt.Errorf("%s is damaged; remove it if no proofline runs with this data directory", recordPath(data))
	}
	return r, nil
}

// notOurs is the error of somebody who may not enter what belongs to the user of a
// host: its data directory and its socket are private.
func notOurs(path string, err error) error {
	remedy := "ask as the user who runs it"
	for dir := path; ; dir = filepath.Dir(dir) { // the nearest one that may be looked at
		info, failed := os.Stat(dir)
		if failed == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				if owner, failed := user.LookupId(fmt.Sprint(st.Uid)); failed == nil {
					remedy += ": sudo -u " + owner.Username + " proofline …"
				}
			}
			break
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return contract.Environment(fmt.Errorf("%s belongs to another user: %w", path, err), remedy)
}

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

// Record is the content of run/host.json in the data directory of a running host.
type Record struct {
	PID     int       `json:"pid"`
	Socket  string    `json:"socket"` // absolute path
	Started time.Time `json:"started"`
}

// recordPath returns the path of run/host.json.
func recordPath(data string) string { return filepath.Join(data, "run", "host.json") }

// Announce writes the record, readable only by the host's user, and returns a function
// that removes it. It replaces the record of a host that was killed.
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

// ErrNotRunning is the error of a call while no host runs the pipeline.
var ErrNotRunning = errors.New("no proofline runs this pipeline")

// Find reads the record of the host that uses a data directory. It returns ErrNotRunning
// when there is no record. A record does not prove that the host still runs.
func Find(data string) (Record, error) {
	text, err := os.ReadFile(recordPath(data))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNotRunning
	}
	if errors.Is(err, fs.ErrPermission) {
		return Record{}, otherUser(data, err)
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

// otherUser returns the error for a data directory or a socket that is private to another
// user, who runs the host. The remedy names that user if possible.
func otherUser(path string, err error) error {
	remedy := "ask as the user who runs it"
	for dir := path; ; dir = filepath.Dir(dir) { // up to the first directory that can be examined
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

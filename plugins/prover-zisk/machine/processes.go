package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/procfs"
)

// ownerVariable is set in the environment of every process that a stage starts. Processes
// inherit it even if they leave their group and session, so that it also finds those that
// have outlived their parent.
const ownerVariable = "PROOFLINE_ZISK_OWNER"

// Owner identifies a stage across restarts.
type Owner string

// OwnerOf returns the owner that belongs to a stage's state directory.
func OwnerOf(stateDir string) Owner {
	sum := sha256.Sum256([]byte(filepath.Clean(stateDir)))
	return Owner(hex.EncodeToString(sum[:12]))
}

// Variable returns the entry for the environment of a process that the owner starts.
func (o Owner) Variable() string { return ownerVariable + "=" + string(o) }

func (o Owner) mark() procfs.Mark { return procfs.Variable(ownerVariable, string(o)) }

// Processes returns the ids of the processes with the owner's mark, except this process,
// in ascending order. It does not find processes of other users.
func (o Owner) Processes() []int {
	return o.mark().Find()
}

// Kill kills every process of the owner and waits until none is left. It returns the ids of
// the processes that it found, and an error if some are left when ctx ends, as a process
// in an uninterruptible wait is.
func (o Owner) Kill(ctx context.Context) ([]int, error) {
	var all []int
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		now := o.Processes()
		// A process that is ending has lost its environment, but holds its ports for
		// another moment.
		if len(now) == 0 && !slices.ContainsFunc(all, procfs.Alive) {
			return all, nil
		}
		for _, pid := range now {
			if !slices.Contains(all, pid) {
				all = append(all, pid)
			}
			// A process may start another one between the search and the signal. The
			// next round finds it.
			o.mark().Kill(pid)
		}
		select {
		case <-ctx.Done():
			return all, fmt.Errorf("processes %v of an earlier run do not end: %w", o.Processes(), context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

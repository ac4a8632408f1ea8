package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/proofline/proofline/sdk/contract"
)

// damaged says that a file cannot be believed, and what the ways out are.
func damaged(path string, err error) error {
	return contract.Environment(fmt.Errorf("checkpoint %s is damaged: %w", path, err),
		"proofline db check tells all of it; restore a backup of the file, or move it away to start anew, then blocks that were in work are selected again")
}

// mendable says that pages of a file are damaged and every record is whole.
func mendable(path string, err error) error {
	return contract.Environment(fmt.Errorf("checkpoint %s is damaged: %w", path, err),
		"every record in it is whole: proofline db compact makes a sound file; or restore a backup of the file")
}

// remedies are what helps against faults of the machine.
var remedies = []struct {
	fault  error
	remedy string
}{
	{syscall.ENOSPC, "make room on the disk"},
	{syscall.EDQUOT, "make room within the quota"},
	{syscall.EFBIG, "raise the limit on the size of files"},
	{syscall.EROFS, "mount the file system writable"},
	{syscall.EIO, "look at the disk: dmesg, smartctl"},
	{fs.ErrPermission, "give the user that runs proofline the right to write there"},
}

// environment marks an error as the machine's where it is, with what helps.
func environment(err error) error {
	for _, r := range remedies {
		if errors.Is(err, r.fault) && contract.ClassOf(err) != contract.ClassEnvironment {
			return contract.Environment(err, r.remedy)
		}
	}
	return err
}

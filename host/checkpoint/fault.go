package checkpoint

import (
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
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

// environment marks an error as the machine's where it is, with what helps.
func environment(err error) error { return files.Fault(err, "the checkpoint") }

package checkpoint

import (
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// damaged returns the error for a damaged file, with its remedies.
func damaged(path string, err error) error {
	return contract.Environment(fmt.Errorf("checkpoint %s is damaged: %w", path, err),
		"proofline db check lists every fault; restore a backup of the file, or move it away to start anew: then the blocks that were in work are selected again")
}

// repairable returns the error for a file with damaged pages in which every record is
// intact.
func repairable(path string, err error) error {
	return contract.Environment(fmt.Errorf("checkpoint %s is damaged: %w", path, err),
		"every record in it is whole: proofline db compact makes a sound file; or restore a backup of the file")
}

// environment gives an error of the machine, such as a full disk, its class and a
// remedy. Other errors are returned unchanged.
func environment(err error) error { return files.Fault(err, "the checkpoint") }

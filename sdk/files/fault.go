package files

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/proofline/proofline/sdk/contract"
)

// remedies lists the errors that are faults of the machine rather than of a block,
// and what the operator can do about each.
var remedies = []struct {
	fault  error
	remedy string
	placed bool // the name of the place is appended to the remedy
}{
	{syscall.ENOSPC, "make room on the disk of ", true},
	{syscall.EDQUOT, "make room within the quota on the disk of ", true},
	{syscall.EFBIG, "raise the limit on the size of files (ulimit -f)", false},
	{syscall.EROFS, "mount the file system writable that holds ", true},
	{syscall.EIO, "look at the disk with dmesg and smartctl; it holds ", true},
	{syscall.EMFILE, "raise the limit of open files (ulimit -n)", false},
	{syscall.ENFILE, "raise the limit of open files of the machine (sysctl fs.file-max)", false},
	{fs.ErrPermission, "give the user that runs proofline the right to read and write ", true},
}

// Remedy returns what the operator can do about an error of the file system. The place
// is a path or a name such as "the data directory". The result is empty where
// the error is not known as a fault of the machine.
func Remedy(err error, place string) string {
	for _, r := range remedies {
		switch {
		case !errors.Is(err, r.fault):
		case r.placed:
			return r.remedy + place
		default:
			return r.remedy
		}
	}
	return ""
}

// Fault returns an error of the file system at place as an environment error with a
// remedy if it is a fault of the machine, such as a full disk. It returns every other
// error unchanged, and also an error that has a class already. Nil stays nil.
func Fault(err error, place string) error {
	if _, classed := errors.AsType[*contract.Error](err); classed {
		return err
	}
	if remedy := Remedy(err, place); remedy != "" {
		return contract.Environment(err, remedy)
	}
	return err
}

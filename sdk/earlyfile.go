package sdk

import (
	"os"

	"golang.org/x/sys/unix"
)

// earlyFile is a file whose content goes to the disk while it is being written, so that the
// host, which syncs it before it records the result, finds little left to do. It promises
// nothing about what is on the disk.
type earlyFile struct {
	*os.File
	written, begun int64 // bytes
}

// earlyStep is the number of bytes that are handed to the disk at a time.
const earlyStep = 1 << 20

// Write implements io.Writer.
func (f *earlyFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if f.written += int64(n); f.written-f.begun >= earlyStep {
		f.begin()
	}
	return n, err
}

// begin has the kernel begin to write to the disk what it has not begun to write. Where
// that fails, the host's sync writes it.
func (f *earlyFile) begin() {
	_ = unix.SyncFileRange(int(f.Fd()), f.begun, f.written-f.begun, unix.SYNC_FILE_RANGE_WRITE)
	f.begun = f.written
}

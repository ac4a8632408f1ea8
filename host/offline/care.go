package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// CheckCheckpoint looks at everything in the checkpoint of a data directory.
// While a host has it open, it looks at a copy that the host makes beside it.
func CheckCheckpoint(ctx context.Context, data string) (checkpoint.Report, error) {
	path := File(data)
	report, err := checkpoint.Check(path)
	if errors.Is(err, checkpoint.ErrInUse) {
		part := fmt.Sprintf("%s.check-%d", path, os.Getpid())
		defer os.Remove(part)
		if err = copyLive(ctx, data, part); err == nil {
			report, err = checkpoint.Check(part)
		}
		if info, failed := os.Stat(path); failed == nil {
			report.Size = info.Size() // the copy has no room to grow
		}
	}
	report.Path = path
	return report, missing(path, err)
}

// BackUpCheckpoint copies the checkpoint of a data directory to a file, or into a
// directory under a name with the time in it; empty for the data directory. A
// running host makes the copy. It is checked before it gets its name and returned
// as a report; one that is not sound is not kept. A file is replaced only if it
// is a checkpoint.
func BackUpCheckpoint(ctx context.Context, data, to string, now time.Time) (report checkpoint.Report, err error) {
	path := File(data)
	if to == "" {
		to = data
	}
	if to, err = filepath.Abs(to); err != nil {
		return report, err
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, "checkpoint-"+now.UTC().Format("20060102T150405Z")+".db")
	}
	if err := replaceable(path, to); err != nil {
		return report, err
	}
	part := fmt.Sprintf("%s.part-%d", to, os.Getpid())
	defer os.Remove(part)
	store, err := checkpoint.OpenReadOnly(path)
	switch {
	case errors.Is(err, checkpoint.ErrInUse):
		err = copyLive(ctx, data, part)
	case err == nil:
		err = errors.Join(store.Backup(part), store.Close())
	}
	if err != nil {
		return report, missing(path, err)
	}
	if report, err = checkpoint.Check(part); err != nil {
		return report, err
	}
	report.Path = to
	if len(report.Problems) > 0 {
		return report, nil
	}
	return report, files.Rename(part, to)
}

// CompactCheckpoint rewrites the checkpoint of a data directory without unused
// space, as checkpoint.Compact does. While a host has it open the error names
// that host.
func CompactCheckpoint(data string) (before, after int64, lost []checkpoint.Problem, err error) {
	path := File(data)
	before, after, lost, err = checkpoint.Compact(path)
	if errors.Is(err, checkpoint.ErrInUse) {
		return 0, 0, nil, inUse(data)
	}
	return before, after, lost, missing(path, err)
}

// copyLive has the host that uses a data directory copy its checkpoint.
func copyLive(ctx context.Context, data, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	client, err := control.Dial(ctx, data)
	if errors.Is(err, control.ErrNotRunning) {
		return inUse(data)
	}
	if err != nil {
		return err
	}
	return errors.Join(client.Backup(ctx, to), client.Close())
}

// missing says that there is no checkpoint where that is the error.
func missing(path string, err error) error {
	if _, gone := os.Stat(path); err == nil || !errors.Is(gone, fs.ErrNotExist) {
		return err
	}
	return contract.Environment(fmt.Errorf("there is no checkpoint %s", path), "the first proofline run makes it")
}

// replaceable refuses to write a backup over what is no backup.
func replaceable(path, to string) error {
	there, err := os.Stat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if original, err := os.Stat(path); err == nil && os.SameFile(there, original) {
		return contract.Permanent(fmt.Errorf("%s is the checkpoint itself", to))
	}
	if report, err := checkpoint.Check(to); err != nil || len(report.Problems) > 0 {
		return contract.Permanent(fmt.Errorf("%s is there and is no sound checkpoint: it is not replaced", to))
	}
	return nil
}

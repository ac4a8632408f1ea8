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

// CheckCheckpoint checks the checkpoint of a data directory, as checkpoint.Check does.
// While a host has it open, it checks a copy that the host makes beside it.
func CheckCheckpoint(ctx context.Context, data string) (checkpoint.Report, error) {
	path := CheckpointPath(data)
	report, err := checkpoint.Check(path)
	if errors.Is(err, checkpoint.ErrInUse) {
		part := fmt.Sprintf("%s.check-%d", path, os.Getpid())
		defer os.Remove(part)
		if err = copyLive(ctx, data, part); err == nil {
			report, err = checkpoint.Check(part)
		}
		if info, failed := os.Stat(path); failed == nil {
			report.Size = info.Size() // the copy is smaller, because it has no reserve
		}
	}
	report.Path = path
	return report, missing(path, err)
}

// BackUpCheckpoint copies the checkpoint of a data directory to the file to. When to is a
// directory, the copy gets a name with the time in it; an empty to is the data directory.
// A running host makes the copy itself. The copy is checked before it gets its name, and
// the report of that check is returned; a copy with problems is removed. An existing file
// is replaced only if it is a checkpoint.
func BackUpCheckpoint(ctx context.Context, data, to string, now time.Time) (report checkpoint.Report, err error) {
	path := CheckpointPath(data)
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

// CompactCheckpoint rewrites the checkpoint of a data directory without unused space, as
// checkpoint.Compact does. While a host has it open, the error names that host.
func CompactCheckpoint(data string) (before, after int64, repaired []checkpoint.Problem, err error) {
	path := CheckpointPath(data)
	before, after, repaired, err = checkpoint.Compact(path)
	if errors.Is(err, checkpoint.ErrInUse) {
		return 0, 0, nil, inUse(data)
	}
	return before, after, repaired, missing(path, err)
}

// copyLive makes the host that uses a data directory copy its checkpoint.
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

// missing returns an error with a remedy when err occurred because there is no checkpoint,
// else err.
func missing(path string, err error) error {
	if _, failed := os.Stat(path); err == nil || !errors.Is(failed, fs.ErrNotExist) {
		return err
	}
	return contract.Environment(fmt.Errorf("there is no checkpoint %s", path), "the first proofline run makes it")
}

// replaceable returns an error unless the file to does not exist or is a checkpoint other
// than path.
func replaceable(path, to string) error {
	target, err := os.Stat(to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if original, err := os.Stat(path); err == nil && os.SameFile(target, original) {
		return contract.Permanent(fmt.Errorf("%s is the checkpoint itself", to))
	}
	if report, err := checkpoint.Check(to); err != nil || len(report.Problems) > 0 {
		return contract.Permanent(fmt.Errorf("%s exists and is no intact checkpoint, so it is not replaced: name another file", to))
	}
	return nil
}

package offline

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/proofline/proofline/host/launch"
)

// AttemptFiles are the files of an attempt that are kept. They are kept for the last
// attempt of each stage and for failed attempts.
type AttemptFiles struct {
	Stage   string        `json:"stage"`
	Attempt uint32        `json:"attempt"`
	Dir     string        `json:"dir"`           // absolute
	Log     string        `json:"log,omitempty"` // the last lines of the plugin's log before the attempt failed
	Files   []AttemptFile `json:"files"`         // all files except the log and the inputs
}

// AttemptFile is one file of an attempt.
type AttemptFile struct {
	Name string `json:"name"` // relative to the attempt's directory, with slashes
	Size int64  `json:"size"` // in bytes
}

// FilesOf returns the kept files of a job in a data directory, ordered by stage and
// attempt. It does not follow links that lead out of the data directory. There are none
// when the data directory does not exist.
func FilesOf(data, job string) (kept []AttemptFiles, err error) {
	root, err := os.OpenRoot(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if !filepath.IsLocal(job) || filepath.Base(job) != job {
		return nil, errors.New("a job's id is one path element")
	}
	dirs, err := fs.Glob(root.FS(), path.Join("attempts", job, "*", "*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		number, bad := strconv.ParseUint(path.Base(dir), 10, 32)
		if bad != nil { // the directory belongs to an event
			continue
		}
		a := AttemptFiles{Stage: path.Base(path.Dir(dir)), Attempt: uint32(number), Dir: filepath.Join(data, filepath.FromSlash(dir)), Files: []AttemptFile{}}
		if err := a.read(root, dir); err != nil {
			return nil, err
		}
		kept = append(kept, a)
	}
	slices.SortFunc(kept, func(a, b AttemptFiles) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Attempt, b.Attempt))
	})
	return kept, nil
}

// read reads the log and lists the files of an attempt.
func (a *AttemptFiles) read(root *os.Root, dir string) error {
	text, err := root.ReadFile(filepath.FromSlash(path.Join(dir, launch.LogFile)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	a.Log = string(text)
	return fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // the host has removed it meanwhile
			return nil
		case err != nil:
			return err
		case entry.IsDir() && name == path.Join(dir, "in"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || name == path.Join(dir, launch.LogFile):
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // the host has removed it meanwhile
		}
		rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.FromSlash(name))
		if err != nil {
			return err
		}
		a.Files = append(a.Files, AttemptFile{Name: filepath.ToSlash(rel), Size: info.Size()})
		return nil
	})
}

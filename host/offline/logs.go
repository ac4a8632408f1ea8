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

// Kept is what is left on disk of an attempt: of the last ones of each stage, and of
// those that failed.
type Kept struct {
	Stage   string     `json:"stage"`
	Attempt uint32     `json:"attempt"`
	Dir     string     `json:"dir"`           // absolute
	Log     string     `json:"log,omitempty"` // the last lines of the plugin; of a failed attempt
	Files   []KeptFile `json:"files"`         // beside the log and the inputs
}

// KeptFile is one file of an attempt.
type KeptFile struct {
	Name string `json:"name"` // relative to the attempt's directory, with slashes
	Size int64  `json:"size"`
}

// KeptOf lists what is kept of a job in a data directory, by stage and attempt. Names
// that a plugin has made lead nowhere outside it.
func KeptOf(data, job string) (kept []Kept, err error) {
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
		if bad != nil { // requests of reporters
			continue
		}
		k := Kept{Stage: path.Base(path.Dir(dir)), Attempt: uint32(number), Dir: filepath.Join(data, filepath.FromSlash(dir)), Files: []KeptFile{}}
		if err := k.read(root, dir); err != nil {
			return nil, err
		}
		kept = append(kept, k)
	}
	slices.SortFunc(kept, func(a, b Kept) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Attempt, b.Attempt))
	})
	return kept, nil
}

func (k *Kept) read(root *os.Root, dir string) error {
	text, err := root.ReadFile(filepath.FromSlash(path.Join(dir, launch.LogFile)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	k.Log = string(text)
	return fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // tidied away meanwhile
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
			return nil // as above
		}
		rel, err := filepath.Rel(filepath.FromSlash(dir), filepath.FromSlash(name))
		if err != nil {
			return err
		}
		k.Files = append(k.Files, KeptFile{Name: filepath.ToSlash(rel), Size: info.Size()})
		return nil
	})
}

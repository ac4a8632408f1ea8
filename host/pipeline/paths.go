package pipeline

import (
	"path/filepath"
	"strings"
)

// paths holds what the paths in a pipeline file are relative to.
type paths struct {
	dir  string // the file's directory; absolute unless the working directory is not known
	home string // the home folder, for a leading ~; empty if it is not known
}

func newPaths(file string, lookup Lookup) paths {
	p := paths{dir: filepath.Dir(file)}
	if abs, err := filepath.Abs(p.dir); err == nil { // fails if the working directory was removed
		p.dir = abs
	}
	p.home, _ = lookup("HOME")
	return p
}

// resolve makes a path absolute. A relative path is relative to the file's directory,
// and a leading ~ is the home folder.
func (p paths) resolve(path string) (string, *problem) {
	if strings.ContainsRune(path, 0) {
		return "", &problem{"a path cannot hold a NUL byte", "remove it"}
	}
	if rest, ok := strings.CutPrefix(path, "~"); ok {
		switch {
		case rest != "" && rest[0] != '/':
			return "", &problem{"the home folder of another user is not looked up", "write the path without ~"}
		case p.home == "":
			return "", &problem{"~ stands for the home folder, and the variable HOME is not set", "write the path without ~"}
		}
		path = p.home + rest
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir, path)
	}
	return filepath.Clean(path), nil
}

// isWithin reports whether a path is the folder or lies in it. Both are absolute. It
// follows symbolic links in the parts of the paths that exist.
func isWithin(path, folder string) bool {
	path, folder = realPath(path), realPath(folder)
	return path == folder || strings.HasPrefix(path, strings.TrimSuffix(folder, "/")+"/")
}

// realPath resolves the symbolic links in the part of a path that exists.
func realPath(path string) string {
	for at, rest := path, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
	}
}

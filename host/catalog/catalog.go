// Package catalog finds plugin binaries by name and returns their manifests. It starts
// no stages; package launch does.
//
// A plugin is an executable file with the name of the plugin. The directories are
// searched in this order, and the first that has the file wins:
//
//  1. the directories of the pipeline file
//  2. those of $PROOFLINE_PLUGIN_PATH
//  3. plugins/ beside the running executable
//  4. ./bin/plugins
//
// The manifest comes from the file plugins.lock in the same directory. Then the SHA-256
// of the binary must be the locked one, and nothing is executed. A binary without a lock
// entry is run with "describe", with PATH and HOME as its only environment.
//
// A plugin in ./bin/plugins needs a lock entry, unless the directory was also named in
// another way. A command that is run in a directory of another person must not execute
// the programs that lie there.
package catalog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/wire"
)

// EnvPath lists further plugin directories, separated as in $PATH.
const EnvPath = "PROOFLINE_PLUGIN_PATH"

// Binary is the executable of a plugin with its manifest.
type Binary struct {
	Name     string
	Path     string // absolute
	SHA256   [32]byte
	Manifest contract.Manifest
	Locked   bool // plugins.lock has an entry with this hash
}

// Verify reads the file again and returns a ChangedError when its hash has changed. It is
// called before a locked binary is started.
func (b Binary) Verify() error {
	_, sum, err := files.Digest(b.Path)
	if err != nil {
		return fmt.Errorf("plugin %q: %w", b.Name, err)
	}
	if sum != b.SHA256 {
		return &ChangedError{Binary: b, Now: hexSum(sum)}
	}
	return nil
}

// ChangedError is the error for a binary that was replaced after it was found.
type ChangedError struct {
	Binary Binary
	Now    string // SHA-256, hexadecimal
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("plugin %q: %s has changed on disk since proofline read it (sha256 was %.16s…, is %.16s…)",
		e.Binary.Name, e.Binary.Path, hexSum(e.Binary.SHA256), e.Now)
}

// Catalog finds plugins. It returns the same Binary for a name every time; only a new
// Catalog sees changed files. It is safe for concurrent use.
type Catalog struct {
	dirs     []string // absolute
	localDir string   // ./bin/plugins if it is in dirs for no other reason, else empty

	mu    sync.Mutex
	found map[string]Binary // by name
}

// Open returns a catalog of the given directories and the usual ones. A directory that
// does not exist is no error.
func Open(dirs []string) *Catalog {
	all := slices.Clone(dirs)
	all = append(all, filepath.SplitList(os.Getenv(EnvPath))...)
	if self, err := os.Executable(); err == nil {
		all = append(all, filepath.Join(filepath.Dir(self), "plugins"))
	}

	c := &Catalog{found: map[string]Binary{}}
	for _, dir := range all {
		if dir == "" {
			continue
		}
		if abs, err := filepath.Abs(dir); err == nil && !slices.Contains(c.dirs, abs) {
			c.dirs = append(c.dirs, abs)
		}
	}
	if abs, err := filepath.Abs(filepath.Join("bin", "plugins")); err == nil && !slices.Contains(c.dirs, abs) {
		c.dirs, c.localDir = append(c.dirs, abs), abs
	}
	return c
}

// Dirs returns the directories in the order in which they are searched.
func (c *Catalog) Dirs() []string { return slices.Clone(c.dirs) }

// validName matches the names that a plugin may have. They are safe as file names.
var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Find returns the plugin with a name, or the plugin whose old name it is. The error is
// a *NotFoundError when there is none.
func (c *Catalog) Find(name string) (Binary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(name, true)
}

// Read hashes the files of plugins concurrently, so that a later Find is fast. It ignores
// errors, which Find will return.
func (c *Catalog) Read(names []string) {
	var reading sync.WaitGroup
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !validName.MatchString(name) {
			continue
		}
		for _, dir := range c.dirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && executable(info) {
				reading.Go(func() { _, _ = examine(path, false) })
				break
			}
		}
	}
	reading.Wait()
}

// find finds a plugin. When run is false nothing is executed, and the error for a plugin
// without a lock entry is ErrUnlocked. Catalog.mu must be held.
func (c *Catalog) find(name string, run bool) (Binary, error) {
	if b, ok := c.found[name]; ok {
		return b, nil
	}
	if !validName.MatchString(name) {
		return Binary{}, fmt.Errorf("%q is no plugin name: want lower-case letters, digits, dots and hyphens, without a directory", name)
	}
	for _, dir := range c.dirs {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Binary{}, fmt.Errorf("plugin %q: %w", name, err)
		}
		if !executable(info) {
			return Binary{}, fmt.Errorf("plugin %q: %s is not an executable file (chmod +x %s)", name, path, path)
		}
		if dir == c.localDir {
			if locked, err := readLock(dir); err != nil {
				return Binary{}, err
			} else if _, ok := locked[name]; !ok {
				return Binary{}, fmt.Errorf("plugin %q: %s is not run, because nobody has named its folder and no %s pins it: "+
					"pin it with \"proofline plugins lock %s\", or name the folder under plugins: {dirs: […]} or in $%s", name, path, LockName, dir, EnvPath)
			}
		}
		b, err := read(dir, name, run)
		if err != nil {
			return b, err
		}
		c.found[name] = b
		return b, nil
	}
	if renamed, ok := Current(name); ok {
		if b, err := c.find(renamed.Name, run); err == nil {
			return b, nil
		}
	}
	return Binary{}, &NotFoundError{Name: name, Searched: c.Dirs(), Nearest: nearest(name, c.names())}
}

// ErrUnlocked is wrapped by the error for a plugin without a lock entry when the plugin
// must not be run.
var ErrUnlocked = errors.New("it has no entry in plugins.lock, and a plugin is not run only to be listed")

// read returns the plugin dir/name. Its manifest comes from the lock or, when run is
// true, from the plugin.
func read(dir, name string, run bool) (Binary, error) {
	b := Binary{Name: name, Path: filepath.Join(dir, name)}
	locked, err := readLock(dir)
	if err != nil {
		return Binary{}, err
	}
	f, err := examine(b.Path, false)
	if err != nil {
		return Binary{}, fmt.Errorf("plugin %q: %w", name, err)
	}
	b.SHA256 = f.sum
	if entry, ok := locked[name]; ok {
		if err := entry.check(b); err != nil {
			return Binary{}, err
		}
		b.Manifest, b.Locked = entry.manifest(), true
		return b, nil
	}
	if !run {
		return b, fmt.Errorf("%w: pin it with \"proofline plugins lock %s\"", ErrUnlocked, dir)
	}
	if f, err = examine(b.Path, true); err != nil {
		return Binary{}, err
	}
	b.Manifest = f.manifest
	return b, nil
}

// Listing is an entry of List: a plugin, or the error why the file is no plugin.
type Listing struct {
	Binary
	Err error
}

// List returns every plugin that Find would find, sorted by name. It uses only the locks
// and runs nothing. A plugin without a lock entry has its path, its hash and the error
// ErrUnlocked.
func (c *Catalog) List() []Listing {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Listing
	for _, name := range c.names() {
		b, err := c.find(name, false)
		if err != nil {
			b.Name = name
		}
		list = append(list, Listing{b, err})
	}
	return list
}

// names returns the names of the executables in all directories, sorted and without
// duplicates.
func (c *Catalog) names() []string {
	var names []string
	for _, dir := range c.dirs {
		found, _ := executables(dir) // a directory that cannot be read has no plugins
		names = append(names, found...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// executables returns the names of the files in a directory that may be plugins, sorted.
func executables(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(dir, entry.Name()))
		if err == nil && executable(info) && validName.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// executable reports whether a file is a plain file that a user may execute.
func executable(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// checkManifest returns an error when a manifest does not fit the name of its plugin, or
// lacks a kind or a version.
func checkManifest(name string, m contract.Manifest) error {
	switch {
	case m.Name != name:
		return fmt.Errorf("it calls itself %q; a plugin's file must have the plugin's name", m.Name)
	case !slices.Contains(contract.Kinds(), m.Kind):
		return fmt.Errorf("unknown kind %q", m.Kind)
	case m.Version == "":
		return errors.New("it has no version")
	}
	return nil
}

// checkProtocol returns an error when this host does not support the protocol of a
// plugin.
func checkProtocol(m contract.Manifest) error {
	return wire.CheckProtocol(m.Protocol, wire.ProtocolVersion)
}

func hexSum(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

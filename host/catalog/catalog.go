// Package catalog finds plugin binaries by name and says what each one is,
// before anything of it runs where that is possible.
//
// A plugin is an executable file whose name is the plugin's name. The first
// directory that has the file wins: the directories of the pipeline file, those
// of $PROOFLINE_PLUGIN_PATH, plugins/ beside the running executable, and
// ./bin/plugins. What the plugin is comes from the file plugins.lock in the same
// directory; then the binary's SHA-256 must be the locked one and nothing is
// executed. A binary without a lock entry is asked, by running it with
// "describe" in an empty environment.
//
// What lies in ./bin/plugins, where nobody has named it, is taken only with a lock:
// a command that is typed in a folder of somebody else's must not run what is there.
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

// Binary is a plugin's executable and what is known of it.
type Binary struct {
	Name     string
	Path     string // absolute
	SHA256   [32]byte
	Manifest contract.Manifest
	Locked   bool // plugins.lock names it, and the hash matches
}

// Verify reads the file again and fails when it is no longer the one that was
// found. It closes the gap between finding a locked binary and starting it.
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

// ChangedError says that a plugin's file is another one than was found: it was
// replaced while the host ran.
type ChangedError struct {
	Binary Binary
	Now    string // SHA-256, hexadecimal
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("plugin %q: %s has changed on disk since proofline read it (sha256 was %.16s…, is %.16s…)",
		e.Binary.Name, e.Binary.Path, hexSum(e.Binary.SHA256), e.Now)
}

// Catalog is safe for concurrent use. It remembers what it has found; a new
// Catalog sees changed files.
type Catalog struct {
	dirs []string
	here string // of those, the one in the working directory that nobody has named; or empty

	mu    sync.Mutex
	found map[string]Binary
}

// Open makes a catalog over the given directories and the usual ones. Missing
// directories are no error.
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
		c.dirs, c.here = append(c.dirs, abs), abs
	}
	return c
}

// Dirs lists the directories in the order in which they are searched.
func (c *Catalog) Dirs() []string { return slices.Clone(c.dirs) }

// validName is what a plugin may be called; it makes a safe file name.
var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Find returns the plugin of that name, or the one that has it as its old name. The
// error for an unknown one is a *NotFoundError.
func (c *Catalog) Find(name string) (Binary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(name, true)
}

// Read reads the files of those names, side by side, so that Find does not read one
// after the other. It finds nothing and fails for nothing: that is for Find.
func (c *Catalog) Read(names []string) {
	var reading sync.WaitGroup
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !validName.MatchString(name) {
			continue
		}
		for _, dir := range c.dirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && executable(info) {
				reading.Go(func() { _, _ = learn(path, false) })
				break
			}
		}
	}
	reading.Wait()
}

// find looks a plugin up. Without run, nothing is executed: the error for a plugin that
// no lock describes is ErrUnlocked then.
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
		if dir == c.here {
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
	if now, ok := Current(name); ok {
		if b, err := c.find(now.Name, run); err == nil {
			return b, nil
		}
	}
	return Binary{}, &NotFoundError{Name: name, Searched: c.Dirs(), Nearest: nearest(name, c.names())}
}

// ErrUnlocked is in the chain of the error about a plugin that only the plugin itself
// could describe.
var ErrUnlocked = errors.New("nothing describes it but itself, and nothing is run to be listed")

// read learns what the file dir/name is, from the lock or, with run, from itself.
func read(dir, name string, run bool) (Binary, error) {
	b := Binary{Name: name, Path: filepath.Join(dir, name)}
	locked, err := readLock(dir)
	if err != nil {
		return Binary{}, err
	}
	f, err := learn(b.Path, false)
	if err != nil {
		return Binary{}, fmt.Errorf("plugin %q: %w", name, err)
	}
	b.SHA256 = f.sum
	if entry, ok := locked[name]; ok {
		if err := entry.admits(b); err != nil {
			return Binary{}, err
		}
		b.Manifest, b.Locked = entry.manifest(), true
		return b, nil
	}
	if !run {
		return b, fmt.Errorf("%w: pin it with \"proofline plugins lock %s\"", ErrUnlocked, dir)
	}
	if f, err = learn(b.Path, true); err != nil {
		return Binary{}, err
	}
	b.Manifest = f.manifest
	return b, nil
}

// Listing is one line of List: a plugin, or why the file is none.
type Listing struct {
	Binary
	Err error
}

// List describes every plugin that Find would find, sorted by name, by the locks alone:
// nothing is run. A plugin that no lock describes has ErrUnlocked, with its path and
// its hash.
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

// names lists the executables in all directories, sorted, each once.
func (c *Catalog) names() []string {
	var names []string
	for _, dir := range c.dirs {
		in, _ := executables(dir) // a directory that cannot be read has no plugins
		names = append(names, in...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// executables lists the files in a directory that could be plugins, sorted.
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

func executable(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// checkManifest fails unless the manifest can be that of the named plugin.
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

// checkProtocol fails unless this host speaks the manifest's protocol.
func checkProtocol(m contract.Manifest) error {
	return wire.CheckProtocol(m.Protocol, wire.ProtocolVersion)
}

func hexSum(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

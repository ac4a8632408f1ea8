package catalog

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// LockName is the name of the file in a plugin directory with the manifests and hashes
// of the plugins beside it.
const LockName = "plugins.lock"

// lockVersion is the version of the format of plugins.lock.
const lockVersion = 1

// lockFile is the content of plugins.lock.
type lockFile struct {
	Version int         `json:"version"`
	Plugins []lockEntry `json:"plugins"` // ascending by name
}

// lockEntry is a manifest with the hash of the binary that printed it.
type lockEntry struct {
	Name         string               `json:"name"`
	Kind         contract.Kind        `json:"kind"`
	Version      string               `json:"version"`
	Protocol     int                  `json:"protocol"`
	SHA256       string               `json:"sha256"`
	Summary      string               `json:"summary"`
	Capabilities []string             `json:"capabilities,omitempty"`
	Events       []contract.EventKind `json:"events,omitempty"`
	Schema       json.RawMessage      `json:"config_schema"`

	path string // of the lock file, for messages
}

// manifest returns the manifest of the locked plugin.
func (e lockEntry) manifest() contract.Manifest {
	return contract.Manifest{
		Name: e.Name, Version: e.Version, Kind: e.Kind, Protocol: e.Protocol, Summary: e.Summary,
		Schema: e.Schema, Capabilities: e.Capabilities, Events: e.Events,
	}
}

// check returns an error when the binary is not the locked one, or when this host does
// not support its protocol.
func (e lockEntry) check(b Binary) error {
	if sum := hexSum(b.SHA256); e.SHA256 != sum {
		return fmt.Errorf("plugin %q: %s is not the file that %s names (locked sha256 %.16s…, file %.16s…): if the change is wanted, run \"proofline plugins lock %s\"",
			b.Name, b.Path, e.path, e.SHA256, sum, filepath.Dir(e.path))
	}
	if err := checkProtocol(e.manifest()); err != nil {
		return fmt.Errorf("plugin %q: %s: %w", b.Name, b.Path, err)
	}
	return nil
}

// readLock returns the entries of the lock file of a directory by plugin name. There are
// none when the directory has no lock file.
func readLock(dir string) (map[string]lockEntry, error) {
	path := filepath.Join(dir, LockName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the plugin lock: %w", err)
	}
	entries, err := parseLockOnce(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (\"proofline plugins lock %s\" writes it anew)", path, err, dir)
	}
	entries = maps.Clone(entries)
	for name, entry := range entries {
		entry.path = path
		entries[name] = entry
	}
	return entries, nil
}

// parseLock parses and checks the text of a lock file.
func parseLock(text []byte) (map[string]lockEntry, error) {
	var file lockFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	if file.Version != lockVersion {
		return nil, fmt.Errorf("lock file version %d, this proofline knows %d", file.Version, lockVersion)
	}
	entries := make(map[string]lockEntry, len(file.Plugins))
	for _, entry := range file.Plugins {
		if !validName.MatchString(entry.Name) {
			return nil, fmt.Errorf("%q is no plugin name", entry.Name)
		}
		if _, twice := entries[entry.Name]; twice {
			return nil, fmt.Errorf("plugin %q is named twice", entry.Name)
		}
		if sum, err := hex.DecodeString(entry.SHA256); err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("plugin %q: %q is no sha256", entry.Name, entry.SHA256)
		}
		if err := checkManifest(entry.Name, entry.manifest()); err != nil {
			return nil, fmt.Errorf("plugin %q: %w", entry.Name, err)
		}
		var schema bytes.Buffer // as the plugin printed it, without the file's indentation
		if err := json.Compact(&schema, entry.Schema); err != nil {
			return nil, fmt.Errorf("plugin %q: config_schema: %w", entry.Name, err)
		}
		entry.Schema = schema.Bytes()
		entries[entry.Name] = entry
	}
	return entries, nil
}

// Lock runs every executable in a directory once with "describe" and writes
// plugins.lock. The same plugins result in the same bytes. Nothing is written when one of
// them fails.
func Lock(dir string) ([]Binary, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	names, err := executables(dir)
	if err != nil {
		return nil, fmt.Errorf("list the plugins: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no plugins to lock", dir)
	}
	file := lockFile{Version: lockVersion}
	var locked []Binary
	var failed []error
	for _, name := range names {
		b := Binary{Name: name, Path: filepath.Join(dir, name), Locked: true}
		if _, b.SHA256, err = files.Digest(b.Path); err == nil {
			b.Manifest, err = describe(b.Path)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		m := b.Manifest
		locked = append(locked, b)
		file.Plugins = append(file.Plugins, lockEntry{
			Name: m.Name, Kind: m.Kind, Version: m.Version, Protocol: m.Protocol, SHA256: hexSum(b.SHA256),
			Summary: m.Summary, Capabilities: m.Capabilities, Events: m.Events, Schema: m.Schema,
		})
	}
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	if err := files.WriteJSON(filepath.Join(dir, LockName), 0o644, file); err != nil {
		return nil, fmt.Errorf("write the plugin lock: %w", err)
	}
	return locked, nil
}

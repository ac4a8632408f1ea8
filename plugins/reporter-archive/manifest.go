package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// manifestName is the name of the object that lists what was archived of an event.
const manifestName = "manifest.json"

// manifestVersion is increased when a reader of the previous version would misread a
// manifest.
const manifestVersion = 1

// maxManifest is how many bytes of a manifest are read at most.
const maxManifest = 4 << 20

// manifest is the JSON form of a manifest. It depends on the event only, so that a
// second try writes the same one.
type manifest struct {
	Version  int                `json:"version"`
	Pipeline string             `json:"pipeline"`
	Stage    string             `json:"stage"`
	Event    contract.EventKind `json:"event"`
	Time     time.Time          `json:"time"`
	Block    sdk.Block          `json:"block"`
	Facts    map[string]string  `json:"facts"`
	Objects  []entry            `json:"objects"`
}

// entry is an artifact and the object that holds it.
type entry struct {
	Artifact string          `json:"artifact"`
	Role     string          `json:"role,omitempty"`
	Size     int64           `json:"size"` // bytes of the artifact
	SHA256   contract.Digest `json:"sha256"`
	Object   string          `json:"object"` // name within the archive; packed with gzip where it ends in .gz
	Stored   int64           `json:"stored"` // bytes of the object
	Digest   contract.Digest `json:"stored_sha256"`
}

// covers reports whether the manifest lists all the artifacts with the same content.
func (m *manifest) covers(artifacts []sdk.Artifact) bool {
	listed := map[string]entry{}
	for _, e := range m.Objects {
		listed[e.Artifact] = e
	}
	for _, a := range artifacts {
		if e, ok := listed[a.Name]; !ok || e.SHA256 != a.SHA256 || e.Size != a.Size || e.Role != a.Role {
			return false
		}
	}
	return true
}

// errNoManifest is returned by readManifest where the store has no manifest of this
// version.
var errNoManifest = errors.New("no manifest")

// readManifest reads a manifest. It returns errNoManifest also for one that is malformed
// or of a later version, so that it is written again.
func readManifest(ctx context.Context, store objects.Store, name string) (*manifest, error) {
	r, err := store.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoManifest
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, err
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Version > manifestVersion {
		return nil, errNoManifest
	}
	return &m, nil
}

// sameBlock returns a permanent error where the manifest is of another block, whose
// folder has the same name.
func (m *manifest) sameBlock(block sdk.Block, name string) error {
	if m.Block.Hash != block.Hash || m.Block.ChainID != block.ChainID {
		return sdk.Permanent(fmt.Errorf("%s is of block %s of chain %d, not of %s of chain %d: give each chain a directory or prefix of its own",
			name, m.Block.Hash, m.Block.ChainID, block.Hash, block.ChainID))
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// packFrom is the size in bytes from which an artifact is packed.
const packFrom = 4 << 10

// shared are the artifacts that all stages of a block have in common, in the order in
// which they are stored. The block is last, so that a source that finds the block also
// finds its witness.
var shared = []string{contract.ArtifactChain, contract.ArtifactWitness, contract.ArtifactBlock}

// reporter stores the artifacts of events. The host keeps an event in its outbox until
// it is stored, and delays nothing else meanwhile.
type reporter struct {
	config Config
	store  objects.Store
}

func open(_ context.Context, config Config, _ sdk.Env) (*reporter, error) {
	store, err := objects.Open(config.Dir, config.S3)
	if err != nil {
		return nil, err
	}
	return &reporter{config, store}, nil
}

// Note returns the place that blocks are stored in, for the host's start message.
func (r *reporter) Note() string { return "puts finished blocks into " + r.store.Name() }

// Close implements io.Closer.
func (r *reporter) Close() error { return r.store.Close() }

// Report implements sdk.Reporter. It does not send an object again that the store holds
// with the right digest. A try after a crash therefore sends only what is missing.
func (r *reporter) Report(ctx context.Context, e *sdk.Event) (*sdk.Result, error) {
	folder := r.folder(e)
	if folder == "" || len(e.Artifacts) == 0 {
		return &sdk.Result{}, nil
	}
	at := path.Join(folder, manifestName)
	before, err := readManifest(ctx, r.store, at)
	switch {
	case errors.Is(err, errNoManifest):
	case err != nil:
		return nil, err
	default:
		if err := before.sameBlock(*e.Block, at); err != nil {
			return nil, err
		}
		if before.covers(e.Artifacts) {
			return result(at, 0, 0), nil
		}
	}
	m := manifest{Version: manifestVersion, Pipeline: e.Pipeline, Stage: e.Stage, Event: e.Kind, Time: e.Time.UTC(), Block: *e.Block,
		Facts: e.Facts, Objects: []entry{}}
	sent, bytes := 0, int64(0)
	for _, a := range inOrder(e.Artifacts) {
		stored, fresh, err := r.artifact(ctx, e, folder, a)
		if err != nil {
			return nil, err
		}
		m.Objects = append(m.Objects, stored)
		if fresh {
			sent, bytes = sent+1, bytes+stored.Stored
		}
	}
	if err := r.manifest(ctx, e, at, m); err != nil {
		return nil, err
	}
	return result(at, sent, bytes), nil
}

func result(manifest string, sent int, bytes int64) *sdk.Result {
	return &sdk.Result{Facts: map[string]string{"manifest": manifest, "objects_sent": strconv.Itoa(sent), "bytes_sent": strconv.FormatInt(bytes, 10)}}
}

// folder returns the folder for the artifacts of an event that are not shared. It is
// empty for an event that is not archived.
func (r *reporter) folder(e *sdk.Event) string {
	switch {
	case e.Block == nil:
		return ""
	case e.Kind == contract.EventProved || e.Kind == contract.EventChecked:
		return path.Join(blockFolder(e), e.Stage)
	case e.Kind == contract.EventAccepted && r.config.Requests && e.Facts[contract.FactReporter] != "":
		return path.Join(blockFolder(e), e.Stage, "requests", e.Facts[contract.FactReporter])
	}
	return ""
}

// blockFolder returns the folder for the event's block, as package archive describes it.
func blockFolder(e *sdk.Event) string {
	return fmt.Sprintf("%d-%s", e.Block.Number, e.Block.Hash.Short())
}

// inOrder returns the artifacts with the shared ones first, in the order of shared.
func inOrder(artifacts []sdk.Artifact) []sdk.Artifact {
	rank := func(a sdk.Artifact) int {
		if i := slices.Index(shared, a.Name); i >= 0 {
			return i
		}
		return len(shared)
	}
	sorted := slices.Clone(artifacts)
	slices.SortStableFunc(sorted, func(a, b sdk.Artifact) int { return rank(a) - rank(b) })
	return sorted
}

// artifact stores one artifact. Fresh is false where the store has held it before.
func (r *reporter) artifact(ctx context.Context, e *sdk.Event, folder string, a sdk.Artifact) (stored entry, fresh bool, err error) {
	from, err := e.Input(a.Name) // compares size and digest
	if err != nil {
		return entry{}, false, err
	}
	object := a.Name
	switch {
	case slices.Contains(shared, a.Name):
		object = path.Join(blockFolder(e), object)
	case a.Name == manifestName:
		object = path.Join(folder, "_"+object)
	default:
		object = path.Join(folder, object)
	}
	if r.config.Gzip && a.Role != sdk.RoleProof && a.Size >= packFrom {
		object += ".gz"
		if from, err = pack(from, filepath.Join(e.Temp(), a.Name+".gz")); err != nil {
			return entry{}, false, files.Fault(err, "the data directory")
		}
		defer os.Remove(from)
	}
	content, err := objects.Measure(from)
	if err != nil {
		return entry{}, false, files.Fault(err, "the data directory")
	}
	stored = entry{Artifact: a.Name, Role: a.Role, Size: a.Size, SHA256: a.SHA256, Object: object, Stored: content.Size, Digest: content.SHA256}
	fresh, err = r.put(ctx, object, content)
	return stored, fresh, err
}

// put stores an object unless the store holds it. Fresh reports whether it was stored.
func (r *reporter) put(ctx context.Context, object string, c objects.Content) (fresh bool, err error) {
	held, err := r.store.Holds(ctx, object, c)
	if err != nil || held {
		return false, err
	}
	return true, r.store.Put(ctx, object, c)
}

// manifest stores the manifest of an event.
func (r *reporter) manifest(ctx context.Context, e *sdk.Event, at string, m manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return sdk.Permanent(err)
	}
	from := filepath.Join(e.Temp(), "of-"+manifestName)
	if err := os.WriteFile(from, append(text, '\n'), 0o600); err != nil {
		return files.Fault(err, "the data directory")
	}
	content, err := objects.Measure(from)
	if err != nil {
		return files.Fault(err, "the data directory")
	}
	if _, err := r.put(ctx, at, content); err != nil {
		return fmt.Errorf("all but the manifest is stored: %w", err)
	}
	return nil
}

// pack writes the content of a file with gzip to another file and returns its path. The
// same content gives the same bytes.
func pack(from, to string) (path string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(z, in)
	return to, errors.Join(err, z.Close())
}

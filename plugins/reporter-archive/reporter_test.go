package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/plugins/internal/ethnode/archive"
	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/plugins/internal/objects/objectstest"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// chain has the block that the events are about.
var chain = ethnodetest.NewChain(20)

// made are the artifacts of a block with a proof, by name.
func made() map[string][]byte {
	b := chain.At(16)
	return map[string][]byte{
		"block.json": b.JSON(), "witness.json": b.Witness(), "chain.json": []byte(`{"chainId":1337}`),
		"input.bin": bytes.Repeat([]byte("guest input "), 4000), "execution.json": []byte(`{"ok":true}`),
		"proof.bin": bytes.Repeat([]byte("proof "), 4000), "result.json": []byte(`{}`),
	}
}

// event makes a try of an event of block 16 with these artifacts.
func event(t *testing.T, kind contract.EventKind, artifacts map[string][]byte) *sdk.Event {
	t.Helper()
	block := chain.At(16).Contract(chain.ID)
	e := contract.Event{ID: "archive-1", Kind: kind, Pipeline: "mainnet", Stage: "prove", Time: time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC),
		Block: &block, Facts: map[string]string{"proving_time_ms": "8123"}, Dir: t.TempDir(), Try: 1}
	if err := os.Mkdir(filepath.Join(e.Dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range artifacts {
		if err := os.WriteFile(filepath.Join(e.Dir, "in", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		a := contract.Artifact{Name: name, Path: "in/" + name, Size: int64(len(text)), SHA256: sha256.Sum256(text)}
		if name == "proof.bin" {
			a.Role = contract.RoleProof
		}
		e.Artifacts = append(e.Artifacts, a)
	}
	opened, err := sdk.OpenEvent(e, slog.New(slog.DiscardHandler), func(contract.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

func start(t *testing.T, c Config) *reporter {
	t.Helper()
	r, err := open(t.Context(), c, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// places runs a test with a directory and with every service.
func places(t *testing.T, test func(t *testing.T, c Config)) {
	t.Run("dir", func(t *testing.T) { test(t, Config{Dir: t.TempDir(), Gzip: true, Requests: true}) })
	objectstest.Each(t, func(t *testing.T, b objects.BucketConfig) { test(t, Config{S3: &b, Gzip: true, Requests: true}) })
}

// read returns an object, unpacked where its name ends in .gz, and its digest as stored.
func read(t *testing.T, s objects.Store, name string) (text []byte, stored contract.Digest) {
	t.Helper()
	f, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	text = raw
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return text, sha256.Sum256(raw)
}

// TestBlockIsArchived: every artifact is stored as the manifest says, a second time
// nothing is sent, and the block can be read as an archive.
func TestBlockIsArchived(t *testing.T) {
	places(t, func(t *testing.T, c Config) {
		r := start(t, c)
		result, err := r.Report(t.Context(), event(t, contract.EventProved, made()))
		if err != nil {
			t.Fatal(err)
		}
		block := chain.At(16).Contract(chain.ID)
		folder := "16-" + block.Hash.Short()
		if at := folder + "/prove/manifest.json"; result.Facts["manifest"] != at || result.Facts["objects_sent"] != "7" || result.Facts[contract.FactOutcome] != "" {
			t.Errorf("facts %v", result.Facts)
		}
		text, _ := read(t, r.store, folder+"/prove/manifest.json")
		var m manifest
		if err := json.Unmarshal(text, &m); err != nil || m.Version != 1 || m.Block != block || m.Stage != "prove" || m.Facts["proving_time_ms"] != "8123" {
			t.Fatalf("%s: %v", text, err)
		}
		var names []string
		for _, o := range m.Objects {
			names = append(names, o.Object)
			content, stored := read(t, r.store, o.Object)
			if !bytes.Equal(content, made()[o.Artifact]) || stored != o.Digest || o.Size != int64(len(content)) || o.SHA256 != sha256.Sum256(content) {
				t.Errorf("%+v is not what is stored", o)
			}
			if (o.Role == contract.RoleProof) != (o.Artifact == "proof.bin") {
				t.Errorf("%+v", o)
			}
		}
		want := []string{folder + "/chain.json", folder + "/witness.json.gz", folder + "/block.json"}
		if len(names) != 7 || !slices.Equal(names[:3], want) || !slices.Contains(names, folder+"/prove/proof.bin") || !slices.Contains(names, folder+"/prove/input.bin.gz") {
			t.Errorf("objects %q", names)
		}
		if result, err = r.Report(t.Context(), event(t, contract.EventProved, made())); err != nil || result.Facts["objects_sent"] != "0" {
			t.Errorf("the second time: %v, %v", result, err)
		}
		blocks := archive.NewBlocks(r.store)
		header, err := blocks.Header(t.Context(), 16)
		if err != nil || header.Hash != block.Hash {
			t.Fatalf("%+v, %v", header, err)
		}
		for name, copy := range map[string]func(context.Context, io.Writer, contract.Block) error{"block.json": blocks.Block, "witness.json": blocks.Witness} {
			var got bytes.Buffer
			if err := copy(t.Context(), &got, block); err != nil || !bytes.Equal(got.Bytes(), made()[name]) {
				t.Errorf("%s cannot be read back: %v", name, err)
			}
		}
	})
}

// TestCrashInBetween: whichever request the service fails at, the manifest is not there
// before everything else is, and the next try sends only what is missing.
func TestCrashInBetween(t *testing.T) {
	var puts, left atomic.Int32
	endpoint := objectstest.InProcess(t, func(service http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				if left.Add(-1) < 0 {
					w.WriteHeader(http.StatusNotImplemented) // which the client does not try again
					return
				}
				puts.Add(1)
			}
			service.ServeHTTP(w, r)
		})
	})
	for fails := range int32(8) { // seven artifacts and the manifest
		b := objectstest.Config(endpoint)
		b.Prefix = "run" + string('0'+fails)
		r := start(t, Config{S3: &b, Gzip: true})
		puts.Store(0)
		left.Store(fails)
		_, err := r.Report(t.Context(), event(t, contract.EventProved, made()))
		if err == nil {
			t.Fatalf("%d requests: no error", fails)
		}
		if m, err := readManifest(t.Context(), r.store, "16-"+chain.At(16).Hash.Short()+"/prove/manifest.json"); !errors.Is(err, errNoManifest) {
			t.Errorf("%d requests: manifest %v, %v", fails, m, err)
		}
		left.Store(100)
		if _, err := start(t, r.config).Report(t.Context(), event(t, contract.EventProved, made())); err != nil {
			t.Fatal(err)
		}
		if n := puts.Load(); n != 8 {
			t.Errorf("%d requests, then a crash: %d objects were sent in all, want each of 8 once", fails, n)
		}
	}
}

// TestDamagedObjectIsStoredAnew: what lies there under the name and is something else.
func TestDamagedObjectIsStoredAnew(t *testing.T) {
	dir := t.TempDir()
	r := start(t, Config{Dir: dir})
	at := filepath.Join(dir, "16-"+chain.At(16).Hash.Short(), "prove")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"proof.bin": "half of a pro", "manifest.json": `{"version":1`} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Report(t.Context(), event(t, contract.EventProved, made())); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(at, "proof.bin")); err != nil || !bytes.Equal(got, made()["proof.bin"]) {
		t.Errorf("the proof is %.20q, %v", got, err)
	}
}

// TestEvents: what is archived of which event.
func TestEvents(t *testing.T) {
	body := map[string][]byte{"proved.json": []byte(`{"proof":"…"}`)}
	for name, c := range map[string]struct {
		kind      contract.EventKind
		artifacts map[string][]byte
		facts     map[string]string
		requests  bool
		want      string // the manifest's folder below that of the block; empty for none
	}{
		"checked":             {contract.EventChecked, made(), nil, true, "prove"},
		"accepted":            {contract.EventAccepted, body, map[string]string{contract.FactReporter: "ethproofs"}, true, "prove/requests/ethproofs"},
		"accepted, unwanted":  {contract.EventAccepted, body, map[string]string{contract.FactReporter: "ethproofs"}, false, ""},
		"accepted, by nobody": {contract.EventAccepted, body, nil, true, ""},
		"nothing handed over": {contract.EventAccepted, nil, map[string]string{contract.FactReporter: "ethproofs"}, true, ""},
		"unknown":             {"of_a_later_version", made(), nil, true, ""},
		"named like ours":     {contract.EventProved, map[string][]byte{"manifest.json": []byte("a prover's")}, nil, true, "prove"},
	} {
		r := start(t, Config{Dir: t.TempDir(), Requests: c.requests})
		e := event(t, c.kind, c.artifacts)
		if c.facts != nil {
			e.Facts = c.facts
		}
		if _, err := r.Report(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(r.config.Dir, "*", "*"))
		if err != nil || c.want == "" && len(found) > 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		if c.want == "" {
			continue
		}
		m, err := readManifest(t.Context(), r.store, "16-"+chain.At(16).Hash.Short()+"/"+c.want+"/manifest.json")
		if err != nil || m == nil || m.Event != c.kind || len(m.Objects) != len(c.artifacts) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestAnotherBlockIsRefused: two chains in one place would overwrite each other.
func TestAnotherBlockIsRefused(t *testing.T) {
	r := start(t, Config{Dir: t.TempDir()})
	if _, err := r.Report(t.Context(), event(t, contract.EventProved, made())); err != nil {
		t.Fatal(err)
	}
	e := event(t, contract.EventProved, made())
	e.Block.ChainID++
	if _, err := r.Report(t.Context(), e); sdk.ClassOf(err) != sdk.ClassPermanent || !strings.Contains(err.Error(), "prefix of its own") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	places(t, func(t *testing.T, c Config) {
		for range 2 {
			if f := c.Check(t.Context()); len(f) != 1 || f[0].Severity != sdk.SeverityInfo || !strings.Contains(f[0].Summary, "takes objects") {
				t.Errorf("%v", f)
			}
		}
		if c.S3 != nil {
			c.S3.Bucket = "absent"
			if f := c.Check(t.Context()); len(f) != 1 || f[0].Severity != sdk.SeverityError || f[0].Pointer != "/s3" || !strings.Contains(f[0].Remedy, "make the bucket") {
				t.Errorf("%v", f)
			}
			c.S3.Endpoint = "http://127.0.0.1:1"
			if f := c.Check(t.Context()); len(f) != 1 || f[0].Severity != sdk.SeverityWarning || !strings.Contains(f[0].Remedy, "proofs do not") {
				t.Errorf("%v", f)
			}
		}
	})
	if f := (Config{S3: &objects.BucketConfig{Endpoint: "https://s3.test", Bucket: "b"}}).Validate(); len(f) != 1 || f[0].Pointer != "/s3/access_key" {
		t.Errorf("without a key: %v", f)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"block":{"hash":"0x00"},"objects":[{"artifact":"proof.bin","sha256":"00"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := objects.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		m, err := readManifest(t.Context(), store, manifestName)
		if err != nil && !errors.Is(err, errNoManifest) {
			t.Fatal(err)
		}
		if m != nil && m.Version > manifestVersion {
			t.Errorf("a manifest of version %d was read", m.Version)
		}
	})
}

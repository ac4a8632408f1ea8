package offline

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func TestBundle(t *testing.T) {
	data := t.TempDir()
	write := func(path, text string) contract.Artifact {
		full := filepath.Join(data, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return contract.Artifact{Name: filepath.Base(path), Path: path, Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text))}
	}
	block := contract.Block{ChainID: 1, Number: 7, Hash: contract.Hash{0xab}}
	at := "attempts/" + block.JobID()
	spoilt := write(at+"/input/1/out/input.bin", "input")
	write(at+"/input/1/out/input.bin", "other")
	gone := contract.Artifact{Name: "witness.json", Path: at + "/source/1/out/witness.json", Size: 1}
	write(at+"/prove/1/log", "first\n")
	write(at+"/prove/2/log", "second\n")
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := status.Job{ID: block.JobID(), Block: block, State: status.JobFailed, Reason: "it is cursed", Stages: []status.JobStage{
		{Stage: "source", Outputs: []contract.Artifact{write(at+"/source/1/out/block.json", "{}"), gone}},
		{Stage: "input", Outputs: []contract.Artifact{spoilt, write(at+"/input/1/out/large.bin", "not asked for")}},
		{Stage: "prove", Error: "it is cursed"},
	}}
	b := Bundle{Data: data, Version: "1.2.3", Jobs: []status.Job{j}, About: status.Snapshot{
		Pipeline: "p", Stages: []status.Stage{{Name: "prove", Kind: contract.KindProver, Plugin: "prover-x", Version: "4.5.6"}},
	}}
	var packed bytes.Buffer
	missing, err := b.Write(&packed)
	if err != nil || !slices.Equal(missing, []string{"witness.json"}) {
		t.Fatalf("missing %v, %v", missing, err)
	}
	files := unpack(t, &packed)
	want := []string{"block.json", "bundle.json", "input.bin", "job.json", "log/prove-1.log", "log/prove-2.log"}
	for i := range want {
		want[i] = j.ID + "/" + want[i]
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	var about Environment
	if err := json.Unmarshal([]byte(files[j.ID+"/bundle.json"]), &about); err != nil {
		t.Fatal(err)
	}
	about.Made = time.Time{}
	if diff := cmp.Diff(Environment{Version: "1.2.3", Pipeline: "p", Missing: missing, Different: []string{"input.bin"},
		Stages: []BundledStage{{Name: "prove", Kind: contract.KindProver, Plugin: "prover-x", Version: "4.5.6"}}}, about); diff != "" {
		t.Errorf("bundle.json (-want +got):\n%s", diff)
	}
	var record status.Job
	if err := json.Unmarshal([]byte(files[j.ID+"/job.json"]), &record); err != nil || record.Reason != j.Reason || files[j.ID+"/log/prove-2.log"] != "second\n" {
		t.Errorf("job.json %v, %+v; log %q", err, record, files[j.ID+"/log/prove-2.log"])
	}

	// What leads out of the data directory is not packed.
	for name, path := range map[string]string{"link": at + "/source/1/out/block.json", "dots": "../../secret"} {
		if name == "link" {
			if err := errors.Join(os.Remove(filepath.Join(data, path)), os.Symlink(outside, filepath.Join(data, path))); err != nil {
				t.Fatal(err)
			}
		}
		b.Jobs[0].Stages[0].Outputs = []contract.Artifact{{Name: "block.json", Path: path}}
		if _, err := b.Write(io.Discard); err == nil || !strings.Contains(err.Error(), j.ID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func unpack(t *testing.T, from io.Reader) map[string]string {
	t.Helper()
	z, err := gzip.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}

package e2e

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// TestArchiveAndReplay: one pipeline archives blocks in a bucket, and another one processes
// the same blocks from it. The service is gofakes3, which implements S3. The tests of the
// plugin have a service that checks signatures and digests, too.
func TestArchiveAndReplay(t *testing.T) {
	t.Parallel()
	backend := s3mem.New()
	if err := backend.CreateBucket("blocks"); err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(gofakes3.New(backend).Server())
	defer service.Close()
	bucket := `s3: {endpoint: "` + service.URL + `", bucket: blocks, prefix: dev, access_key: "${AWS_ACCESS_KEY_ID}", secret_key: "${AWS_SECRET_ACCESS_KEY}"}`
	env := []string{"AWS_ACCESS_KEY_ID=archive", "AWS_SECRET_ACCESS_KEY=verysecret-of-the-archive"}

	s := newSite(t, devchain(t)+"\n  - {name: archive, plugin: reporter-archive, config: {"+bucket+"}}\n")
	s.env = append(s.env, env...)
	if out := s.must("doctor"); !strings.Contains(out, "takes objects, and holds what it was given") {
		t.Error(out)
	}
	done := rows(s.must("run", "--blocks", "2"))
	if len(done) != 2 {
		t.Fatalf("archived are %v", done)
	}
	listed, err := backend.ListBucket("blocks", &gofakes3.Prefix{Prefix: "dev/", HasPrefix: true}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{} // without the block's folder
	for _, o := range listed.Contents {
		if _, rest, ok := strings.Cut(strings.TrimPrefix(o.Key, "dev/"), "/"); ok {
			names[strings.TrimSuffix(rest, ".gz")]++
		}
	}
	for _, name := range []string{"block.json", "witness.json", "chain.json", "check/input.bin", "check/execution.json", "check/manifest.json"} {
		if names[name] != 2 {
			t.Errorf("%d of 2 blocks have %s: %v", names[name], name, names)
		}
	}

	again := newSite(t, `
version: 1
name: replay
monitor: {listen: "LISTEN"}
stages:
  - {name: source, plugin: source-archive, config: {`+bucket+`}}
  - {name: input, plugin: builder-ethrex, config: {format: g8, network: auto}}
  - {name: check, plugin: prover-stateless}
`)
	again.env = append(again.env, env...)
	replayed := rows(again.must("run", "--blocks", "2"))
	slices.Sort(replayed)
	slices.Sort(done)
	if !slices.Equal(replayed, done) {
		t.Errorf("replayed are %v, archived were %v", replayed, done)
	}
}

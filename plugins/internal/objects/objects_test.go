package objects_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/plugins/internal/objects/objectstest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// content writes a file and measures it.
func content(t *testing.T, text string) objects.Content {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := objects.Measure(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func bucket(t *testing.T, c objects.BucketConfig) *objects.Bucket {
	t.Helper()
	b, err := objects.OpenBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// every runs a test with a directory and with every service, each with and without reading
// back.
func every(t *testing.T, test func(t *testing.T, s objects.Store)) {
	t.Run("dir", func(t *testing.T) {
		d, err := objects.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		test(t, d)
	})
	objectstest.Each(t, func(t *testing.T, c objects.BucketConfig) {
		test(t, bucket(t, c))
		c.ReadBack, c.Prefix = true, "/deeper/in the bucket/"
		test(t, bucket(t, c))
	})
}

func TestStores(t *testing.T) {
	every(t, func(t *testing.T, s objects.Store) {
		ctx := t.Context()
		for name, text := range map[string]string{"7-aabbccdd/block.json": "block", "7-aabbccdd/prove/proof.bin": strings.Repeat("proof", 50_000), "8/empty": "", "8/small": "small", "top": "no folder"} {
			if text == "" && strings.Contains(t.Name(), "gofakes3") {
				continue // it takes a length of zero for none at all
			}
			c := content(t, text)
			if held, err := s.Holds(ctx, name, c); err != nil || held {
				t.Fatalf("%s before: %t, %v", name, held, err)
			}
			if err := s.Put(ctx, name, c); err != nil {
				t.Fatal(err)
			}
			if held, err := s.Holds(ctx, name, c); err != nil || !held {
				t.Errorf("%s after: %t, %v", name, held, err)
			}
			for _, other := range []string{text + "x", strings.Map(func(rune) rune { return 'x' }, text)} {
				if held, err := s.Holds(ctx, name, content(t, other)); err != nil || held != (other == text) {
					t.Errorf("%s with %.9q instead of %.9q: %t, %v", name, other, text, held, err)
				}
			}
			r, err := s.Open(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || string(got) != text {
				t.Errorf("%s reads as %.9q, %v", name, got, err)
			}
			if at, err := s.Modified(ctx, name); err != nil || time.Since(at).Abs() > time.Hour {
				t.Errorf("%s was stored at %s, %v", name, at, err)
			}
			// Stored again it is replaced.
			if err := s.Put(ctx, name, content(t, "again")); err != nil {
				t.Error(err)
			}
		}
		names, err := s.Folders(ctx)
		slices.Sort(names)
		if err != nil || !slices.Equal(names, []string{"7-aabbccdd", "8"}) {
			t.Errorf("folders %q, %v", names, err)
		}
		if _, err := s.Open(ctx, "7-aabbccdd/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("an absent object: %v", err)
		}
		if _, err := s.Modified(ctx, "absent/absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the time of an absent object: %v", err)
		}
		if err := s.Put(ctx, "../outside", content(t, "x")); contract.ClassOf(err) != contract.ClassPermanent {
			t.Errorf("outside: %v", err)
		}
	})
}

// TestLongList checks a list of more than a thousand names, which a service returns in parts.
func TestLongList(t *testing.T) {
	b := bucket(t, objectstest.Config(objectstest.InProcess(t, nil)))
	c := content(t, "x")
	for n := range 1100 {
		if err := b.Put(t.Context(), string(rune('a'+n%26))+strings.Repeat("x", n/26)+"/o", c); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := b.Folders(t.Context()); err != nil || len(names) != 1100 {
		t.Errorf("%d folders, %v", len(names), err)
	}
}

// TestDamageOnTheWayIsFound uses a service that stores other content than was sent, reports
// success and returns the digest of the upload. It checks that Put fails.
func TestDamageOnTheWayIsFound(t *testing.T) {
	endpoint := objectstest.InProcess(t, func(service http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte("good"), []byte("evil"), 1)))
			}
			service.ServeHTTP(w, r)
		})
	})
	b := bucket(t, objectstest.Config(endpoint))
	if err := b.Put(t.Context(), "7/proof", content(t, "a good proof")); err == nil || contract.ClassOf(err) != contract.ClassRetryable || !strings.Contains(err.Error(), "is not what was sent") {
		t.Errorf("got %v", err)
	}
}

// TestFaults checks that error responses of a service become environment errors with a remedy,
// and that they never contain the secret.
func TestFaults(t *testing.T) {
	var status atomic.Int32
	failing := objectstest.InProcess(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	})
	with := func(change func(c *objects.BucketConfig)) objects.BucketConfig {
		c := objectstest.Config(failing)
		change(&c)
		return c
	}
	type fault struct {
		name        string
		config      objects.BucketConfig
		status      int
		says        string
		unreachable bool
	}
	faults := []fault{
		{"nobody there", with(func(c *objects.BucketConfig) { c.Endpoint = "http://127.0.0.1:1" }), 0, "check the endpoint and the network", true},
		{"no such host", with(func(c *objects.BucketConfig) { c.Endpoint = "http://object-storage.invalid" }), 0, "check the endpoint and the network", true},
		{"at fault", with(func(*objects.BucketConfig) {}), 500, "overloaded or at fault", true},
		{"overloaded", with(func(*objects.BucketConfig) {}), 503, "overloaded or at fault", true},
		{"forbidden", with(func(*objects.BucketConfig) {}), 403, "s3:PutObject", false},
		{"no bucket", objectstest.Config(objectstest.InProcess(t, nil)), 0, "make the bucket", false},
	}
	faults[5].config.Bucket = "another"
	if os.Getenv(objectstest.ServerVariable) != "" {
		endpoint := objectstest.Versity(t)
		for name, change := range map[string]func(*objects.BucketConfig){
			"another secret": func(c *objects.BucketConfig) { c.SecretKey = sdk.NewSecret("not the secret") },
			"another key":    func(c *objects.BucketConfig) { c.AccessKey = "nobody" },
			"no key":         func(c *objects.BucketConfig) { c.AccessKey, c.SecretKey = "", sdk.Secret{} },
			"absent bucket":  func(c *objects.BucketConfig) { c.Bucket = "absent" },
		} {
			c := objectstest.Config(endpoint)
			change(&c)
			says := map[string]string{"another secret": "AWS_SECRET_ACCESS_KEY", "another key": "AWS_ACCESS_KEY_ID", "no key": "check the key", "absent bucket": "make the bucket"}[name]
			faults = append(faults, fault{"versitygw: " + name, c, 0, says, false})
		}
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			status.Store(int32(f.status))
			b := bucket(t, f.config)
			err := b.Put(t.Context(), "7/proof", content(t, "proof"))
			classed, ok := errors.AsType[*contract.Error](err)
			if !ok || classed.Class != contract.ClassEnvironment || !strings.Contains(classed.Remedy, f.says) {
				t.Fatalf("%v, want the class environment and the remedy %q", err, f.says)
			}
			if errors.Is(err, objects.ErrUnreachable) != f.unreachable {
				t.Errorf("unreachable is %t: %v", !f.unreachable, err)
			}
			if strings.Contains(err.Error(), objectstest.Secret) || !strings.Contains(err.Error(), b.Name()) {
				t.Errorf("the error names no place, or the secret: %v", err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	set := sdk.NewSecret
	for name, c := range map[string]struct {
		dir    string
		bucket *objects.BucketConfig
		says   string // empty for no finding
	}{
		"neither":         {"", nil, "neither dir nor s3"},
		"both":            {"/a", &objects.BucketConfig{}, "set together"},
		"dir":             {"/a", nil, ""},
		"half a key":      {"", &objects.BucketConfig{Endpoint: "https://s3.test", AccessKey: "k"}, "secret_key is not set"},
		"path":            {"", &objects.BucketConfig{Endpoint: "https://s3.test/bucket"}, "more than scheme, host and port"},
		"websocket":       {"", &objects.BucketConfig{Endpoint: "wss://s3.test"}, "neither an http nor an https"},
		"prefix":          {"", &objects.BucketConfig{Endpoint: "https://s3.test", Prefix: "../x"}, "no folder of a bucket"},
		"broken secret":   {"", &objects.BucketConfig{Endpoint: "https://s3.test", AccessKey: "k", SecretKey: set("very\nsecret")}, "control character"},
		"in the clear":    {"", &objects.BucketConfig{Endpoint: "http://s3.test", AccessKey: "k", SecretKey: set("s")}, "unencrypted"},
		"this machine":    {"", &objects.BucketConfig{Endpoint: "http://127.0.0.1:9000", AccessKey: "k", SecretKey: set("s")}, ""},
		"nearly this one": {"", &objects.BucketConfig{Endpoint: "http://127.0.0.1.evil.test", AccessKey: "k", SecretKey: set("s")}, "unencrypted"},
		"good":            {"", &objects.BucketConfig{Endpoint: "https://s3.test/", Prefix: "/a/b/", AccessKey: "k\n", SecretKey: set("s")}, ""},
	} {
		findings := objects.ValidatePlace(c.dir, c.bucket)
		switch {
		case c.says == "" && len(findings) == 0:
		case c.says == "" || len(findings) != 1 || !strings.Contains(findings[0].Summary, c.says) || findings[0].Remedy == "":
			t.Errorf("%s: %v, want %q", name, findings, c.says)
		}
	}
}

// TestSlowService checks that a request to a service that stops in the middle ends after the
// timeout, or at once when the caller's context ends.
func TestSlowService(t *testing.T) {
	c := objectstest.Config(objectstest.InProcess(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	}))
	c.Timeout = schema.Duration(100 * time.Millisecond)
	if err := bucket(t, c).Put(t.Context(), "7/proof", content(t, "proof")); !errors.Is(err, objects.ErrUnreachable) || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v", err)
	}
}

package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
)

// limit is the longest time that anything may take on a busy machine. A test that reaches
// it fails.
const limit = 2 * time.Minute

// pluginLinks is the directory of testCatalog; empty before its first call.
var pluginLinks string

// testCatalog returns a catalog of the plugins of the tests, which are links to the test
// binary.
var testCatalog = sync.OnceValues(func() (*catalog.Catalog, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if pluginLinks, err = os.MkdirTemp("", "proofline-plugins-"); err != nil {
		return nil, err
	}
	for name := range testPlugins() {
		if err := os.Symlink(self, filepath.Join(pluginLinks, name)); err != nil {
			return nil, err
		}
	}
	return catalog.Open([]string{pluginLinks}), nil
})

// rig is a pipeline with the plugins of the tests and with its own directories.
type rig struct {
	t       *testing.T
	root    string // of the pipeline file
	dir     string // of the orders to the plugins, see settings
	p       *pipeline.Pipeline
	catalog *catalog.Catalog
	log     sdktest.Buffer
}

// newRig reads a pipeline file as the product does. The text begins with the stages,
// or with sections before them; CONFIG in it becomes the common configuration.
func newRig(t *testing.T, text string) *rig {
	t.Helper()
	c, err := testCatalog()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	r := &rig{t: t, dir: filepath.Join(root, "orders"), catalog: c}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.root = root
	p, err := r.parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r.p = p
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the host's log:\n%s", r.log.String())
		}
	})
	return r
}

// parse reads a pipeline file as the product does, see newRig.
func (r *rig) parse(text string) (*pipeline.Pipeline, error) {
	text = "version: 1\nname: test\ndata: data\noutput: output\nmonitor: {listen: \"127.0.0.1:0\"}\n" +
		strings.ReplaceAll(text, "CONFIG", fmt.Sprintf("dir: %q", r.dir))
	p, findings := pipeline.Parse(filepath.Join(r.root, "pipeline.yaml"), []byte(text), func(string) (string, bool) { return "", false })
	if err := findings.Error(); err != nil {
		return nil, err
	}
	return p, pipeline.Bind(p, func(name string) (contract.Manifest, error) {
		b, err := r.catalog.Find(name)
		return b.Manifest, err
	}).Error()
}

// order makes a stage do something instead of its work, see plugin.act.
func (r *rig) order(stage, what, order string) {
	r.t.Helper()
	// Complete at once: the plugin reads it at any moment.
	tmp := filepath.Join(r.dir, ".order")
	if err := errors.Join(os.WriteFile(tmp, []byte(order), 0o600), os.Rename(tmp, filepath.Join(r.dir, stage+"."+what))); err != nil {
		r.t.Fatal(err)
	}
}

// release removes an order.
func (r *rig) release(stage, what string) {
	r.t.Helper()
	if err := os.Remove(filepath.Join(r.dir, stage+"."+what)); err != nil {
		r.t.Fatal(err)
	}
}

// noted returns the lines that a plugin has noted. The last one may be incomplete while the
// plugin runs.
func (r *rig) noted(stage, what string) (lines []string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, stage+"."+what))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasSuffix(line, "\n") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// heard returns the events that a reporter has recorded.
func (r *rig) heard(stage string) (all []heard) {
	r.t.Helper()
	for _, line := range r.noted(stage, "heard") {
		var h heard
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// published returns the content of a file below the output directory; empty when there is
// none.
func (r *rig) published(path string) string {
	text, err := os.ReadFile(filepath.Join(r.p.Output, path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(text)
}

// running is a running host.
type running struct {
	*rig
	soft, hard context.CancelFunc
	up         chan struct{} // closed when Options.Up was called
	monitor    string
	ended      chan struct{}
	outcome    Outcome
	err        error
}

// start runs the pipeline in the background until the test ends.
func (r *rig) start(o Options) *running {
	run := &running{rig: r, up: make(chan struct{}), ended: make(chan struct{})}
	var soft context.Context
	soft, run.soft = context.WithCancel(context.Background())
	o.Hard, run.hard = context.WithCancel(context.Background())
	o.Pipeline, o.Version, o.Keeper = r.p, "0.0.1-test", []string{os.Args[0], "keeper"}
	if o.Catalog == nil {
		o.Catalog = r.catalog
	}
	o.Log = slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Up = func(monitor string) {
		run.monitor = monitor
		close(run.up)
	}
	go func() {
		defer close(run.ended)
		run.outcome, run.err = Run(soft, o)
	}()
	r.t.Cleanup(func() {
		run.soft()
		run.hard()
		select {
		case <-run.ended:
		case <-time.After(limit):
			r.t.Errorf("Run does not end %v after a hard stop", limit)
		}
	})
	return run
}

// wait returns how Run has ended.
func (run *running) wait() (Outcome, error) {
	run.t.Helper()
	select {
	case <-run.ended:
	case <-time.After(limit):
		run.t.Fatalf("Run goes on after %v", limit)
	}
	return run.outcome, run.err
}

// client waits until the host is up and returns a client.
func (run *running) client() *control.Client {
	run.t.Helper()
	select {
	case <-run.up:
	case <-run.ended:
		run.t.Fatalf("the host has ended: %v", run.err)
	case <-time.After(limit):
		run.t.Fatalf("the host is not up after %v", limit)
	}
	c, err := control.Dial(run.t.Context(), run.p.Data)
	if err != nil {
		run.t.Fatal(err)
	}
	run.t.Cleanup(func() { c.Close() })
	return c
}

// until waits until a condition holds, and fails the test after limit.
func (r *rig) until(what string, true func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not after %v: %s", limit, what)
		}
	}
}

// job returns the only job of a block; the zero value when there is none.
func job(t *testing.T, c control.Pipeline, number uint64) status.Job {
	t.Helper()
	jobs, err := c.ShowBlock(t.Context(), number)
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 1 {
		return status.Job{}
	}
	return jobs[0]
}

// wantGone fails when a process of the pipeline still runs, keepers included, or when the
// host has left its record. It opens a run as the next host does, which kills and logs the
// processes that are left.
func (r *rig) wantGone() {
	r.t.Helper()
	if _, err := control.Find(r.p.Data); !errors.Is(err, control.ErrNotRunning) {
		r.t.Errorf("the host's record is there: %v", err)
	}
	var log sdktest.Buffer
	next, err := launch.OpenRun(r.t.Context(), r.p.Data, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		r.t.Error(err)
	}
	if text := log.String(); text != "" {
		r.t.Errorf("what the next host finds: %s", text)
	}
}

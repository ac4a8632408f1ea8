package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	pages "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/proofline/proofline/host/live"
)

// browsers are the programs that the tests of the page look for.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

// browser starts Chromium with an empty profile, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browserFor(t, 5*time.Minute)
}

// browserFor is browser with the time that the test may take.
func browserFor(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("the page is not tested in short runs")
	}
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed, so the page is not tested: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute),
		// A page that was left is gone: its memory is not the next one's.
		chromedp.Flag("disable-features", "site-per-process,Translate,BlinkGenPropertyTrees,BackForwardCache"),
		chromedp.Flag("enable-precise-memory-info", true), chromedp.Flag("js-flags", "--expose-gc"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// long skips a test that takes over ten seconds, unless it is asked for.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("PROOFLINE_BROWSER") == "" {
		t.Skip("this test of the page takes long: make test-browser")
	}
}

// tab is a page that is watched: what its console says, and what it asks for.
type tab struct {
	t      *testing.T
	ctx    context.Context
	origin string
	mu     sync.Mutex
	faults []string
	lost   bool // the server is gone on purpose: failed requests are no faults
}

func newTab(t *testing.T, browser context.Context, origin string) *tab {
	t.Helper()
	b := &tab{t: t, origin: origin}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithListener(func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				b.faults = append(b.faults, fmt.Sprintf("console: %s %s", e.Type, e.Args[0].Value))
			}
		case *runtime.EventExceptionThrown:
			b.faults = append(b.faults, fmt.Sprintf("exception: %s at %s:%d", e.ExceptionDetails.Exception.Description, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber))
		case *log.EventEntryAdded:
			if !b.lost && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
				b.faults = append(b.faults, fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && "http://"+u.Host != origin {
				b.faults = append(b.faults, "a request to another host: "+e.Request.URL)
			}
		}
	}))
	t.Cleanup(cancel)
	b.ctx = ctx
	b.do(chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, net := cdp.Call(ctx, to, network.Enable, network.EnableParams{})
		_, logs := cdp.Call(ctx, to, log.Enable, cdp.Empty{})
		_, script := cdp.Call(ctx, to, pages.AddScriptToEvaluateOnNewDocument, pages.AddScriptToEvaluateOnNewDocumentParams{Source: watchScript})
		return errors.Join(net, logs, script)
	}))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			t.Error(f)
		}
	})
	return b
}

// watchScript measures layout shifts, paints and long tasks from the beginning of
// the page.
const watchScript = `
window.measured = {shift: 0, shifts: [], paint: 0, long: 0, frame: 0}
new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) { measured.shift += e.value; measured.shifts.push(e.value.toFixed(4) + ' ' + e.sources.map(s => (s.node?.id || s.node?.className || s.node?.parentElement?.className || s.node?.nodeName) + ' ' + JSON.stringify(s.previousRect) + '→' + JSON.stringify(s.currentRect)).join(', ')) } }).observe({type: 'layout-shift', buffered: true})
new PerformanceObserver(l => { for (const e of l.getEntries()) if (e.name === 'first-contentful-paint') measured.paint = e.startTime }).observe({type: 'paint', buffered: true})
new PerformanceObserver(l => { for (const e of l.getEntries()) measured.long = Math.max(measured.long, e.duration) }).observe({type: 'longtask', buffered: true})
let last = 0
const frame = t => { if (last) measured.frame = Math.max(measured.frame, t - last); last = t; requestAnimationFrame(frame) }
requestAnimationFrame(frame)
`

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) view(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}))
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.origin+path), chromedp.WaitReady(chromedp.CSS("html[data-ready]")))
}

// until waits for an expression to become true.
func (b *tab) until(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(time.Minute))); err != nil {
		seen, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector('main').innerText.slice(0, 3000)`))
		b.t.Fatalf("%s: %v; the page says:\n%s", expression, err, seen)
	}
}

func eval[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// shot keeps a picture of the page where PROOFLINE_SHOTS names a folder.
func (b *tab) shot(name string, whole bool) {
	b.t.Helper()
	dir := os.Getenv("PROOFLINE_SHOTS")
	if dir == "" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// serve shows a scene whose model follows it.
func serve(t *testing.T, s *scene, listen string, change ...func(*live.Config)) (origin string, stop func()) {
	t.Helper()
	lines := &live.Log{}
	c := s.config(lines, change...)
	if listen != "" {
		c.Listen = listen
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Model.Run(ctx) })
	server, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		ended, end := context.WithTimeout(context.Background(), 10*time.Second)
		defer end()
		if err := server.Close(ended); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	for began := time.Now(); len(c.Model.Overview().Stages) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("the model sees nothing")
		}
	}
	return "http://" + server.Addr(), stop
}

package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
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
func serve(t *testing.T, s *scene, listen string) (origin string, stop func()) {
	t.Helper()
	lines := &live.Log{}
	c := s.config(lines)
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

// TestPage follows a pipeline in a browser: what the server renders is what the
// script shows, blocks that end appear without a reload, a failure with its reason,
// and a host that starts anew.
func TestPage(t *testing.T) {
	long(t)
	s := newScene(700, time.Now())
	s.change(func(snap *statusSnapshot) {
		snap.Stages[7].Paused, snap.Stages[7].PausedSince = "S3 says 403 AccessDenied", time.Now().Add(-96*time.Minute)
		snap.Stages[7].QueueLength, snap.Stages[7].Queue = 48, []uint64{24_647_140}
	})
	s.begin()
	origin, stop := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	b.open("/")
	b.until(`document.querySelector('#conn').textContent.trim() === 'live'`)
	b.until(`document.querySelectorAll('#strip rect').length > 200`)
	b.shot("overview-light", false)
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 1440 {
		t.Errorf("the page is %d px wide", width)
	}
	if bottom := eval[float64](b, `document.querySelector('.first').getBoundingClientRect().bottom`); bottom > 900 {
		t.Errorf("the first screen ends at %.0f px", bottom)
	}
	audit(t, b, "light")

	// 12 blocks, one of which fails
	for i := range 12 {
		failure := ""
		if i == 5 {
			failure = "CUDA error 700: an illegal memory access was encountered"
		}
		number := s.snapNumber()
		s.end(failure)
		want := "accepted"
		if failure != "" {
			want = "failed"
		}
		b.until(fmt.Sprintf(`[...document.querySelectorAll('.p-recent tr')].some(r => r.textContent.includes('%s') && r.textContent.includes('%s'))`, live.Grouped(number), want))
		s.begin()
		b.until(fmt.Sprintf(`document.querySelector('[data-f="now-number"]').textContent === '%s'`, live.Grouped(s.snapNumber())))
	}
	b.until(`document.querySelector('#fails').textContent.includes('illegal memory access')`)
	b.until(`document.querySelector('#fails').textContent.includes('proofline blocks retry')`)
	if shift := eval[float64](b, `measured.shift`); shift > 0.02 {
		t.Errorf("the layout shifted by %.3f: %s", shift, strings.Join(eval[[]string](b, `measured.shifts`), "\n"))
	}
	if got := eval[int](b, `performance.getEntriesByType('navigation').length`); got != 1 {
		t.Errorf("%d navigations", got)
	}
	eval[chromedp.Void](b, `document.querySelector('#charts').scrollIntoView()`)
	b.until(`document.querySelector('#scatter .dot') && document.querySelector('#cmp circle')`)
	b.shot("charts-light", true)
	audit(t, b, "below")

	// the host goes and comes back on the same address
	b.mu.Lock()
	b.lost = true
	b.mu.Unlock()
	eval[chromedp.Void](b, `scrollTo(0, 0); window.here = true`)
	stop()
	b.until(`document.querySelector('#word').textContent === 'Host is restarting'`)
	b.shot("restarting", false)
	serve(t, s, strings.TrimPrefix(origin, "http://"))
	b.until(`document.querySelector('#conn').textContent.trim() === 'live' && document.querySelector('#word').textContent !== 'Host is restarting'`)
	if !eval[bool](b, `window.here === true`) {
		t.Error("the page was loaded anew")
	}
}

// TestPageRenderedByServer: what is in the HTML is what the script makes of the same
// overview.
func TestPageRenderedByServer(t *testing.T) {
	s := newScene(300, time.Now())
	s.begin()
	s.change(func(snap *statusSnapshot) {
		snap.Stages[3].Running[0].Stuck = true
		snap.Stages[7].Paused, snap.Stages[7].PausedSince = "S3 says 403", time.Now().Add(-time.Hour)
	})
	origin, _ := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, true)
	b.do(chromedp.Navigate(origin + "/assets/figures.js"))
	eval[chromedp.Void](b, `(async () => {
		const {figures} = await import('/assets/figures.js')
		const page = new DOMParser().parseFromString(await (await fetch('/')).text(), 'text/html')
		const data = page.getElementById('overview-data'), f = figures(JSON.parse(data.textContent), +data.dataset.now)
		const wrong = [], seen = new Set()
		for (const e of page.querySelectorAll('[data-f]')) {
			const k = e.dataset.f, v = typeof f[k] === 'string' ? {text: f[k]} : f[k]
			seen.add(k)
			if (!v) { wrong.push(k + ' is not made by the script'); continue }
			if (e.hidden !== !!v.hide) wrong.push(k + ' hidden ' + e.hidden)
			if (e.tagName === 'TR' || e.tagName === 'LI') continue
			if (e.textContent.trim() !== (v.text || '').trim()) wrong.push(k + ': ' + JSON.stringify(e.textContent) + ', script ' + JSON.stringify(v.text))
			if (v.cls != null && !('keep' in e.dataset) && e.className.trim() !== v.cls.trim()) wrong.push(k + ': class ' + e.className + ', script ' + v.cls)
			if ((v.href || null) !== e.getAttribute('href')) wrong.push(k + ': href')
			const use = e.querySelector('use'); if (use && use.getAttribute('href') !== '#i-' + (v.icon || 'none')) wrong.push(k + ': icon ' + use.getAttribute('href') + ', script ' + v.icon)
			if (v.icon && !use) wrong.push(k + ' has no icon')
		}
		for (const k in f) if (!seen.has(k)) wrong.push(k + ' is not on the page')
		window.result = wrong
	})()`, chromedp.EvalAwaitPromise)
	for _, wrong := range eval[[]string](b, `window.result`) {
		t.Error(wrong)
	}
}

// TestBlockPage looks at the pages of a proved, a failed, a running and an unknown
// block, and at the page on a phone.
func TestBlockPage(t *testing.T) {
	long(t)
	s := newScene(300, time.Now())
	s.begin()
	origin, _ := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	failed, proved := uint64(0), uint64(0)
	for _, j := range s.past {
		if j.State == "failed" {
			failed = j.Block.Number
		} else if j.ProvingMS > 0 && j.Block.Number%100 == 0 {
			proved = j.Block.Number
		}
	}
	b.open(fmt.Sprintf("/block/%d", proved))
	b.shot("block-light", true)
	audit(t, b, "block")
	b.view(1440, 900, true)
	b.open(fmt.Sprintf("/block/%d", failed))
	eval[chromedp.Void](b, `document.querySelector('details').open = true`)
	b.shot("block-failed-dark", true)
	audit(t, b, "failed, dark")
	if text := eval[string](b, `document.querySelector('main').innerText`); !strings.Contains(text, "CUDA error 700") || !strings.Contains(text, "proofline blocks retry") {
		t.Errorf("neither log nor remedy: %s", text)
	}
	running := s.snapNumber()
	b.open(fmt.Sprintf("/block/%d", running))
	s.end("")
	b.until(`document.querySelector('#word').textContent.includes('accepted')`)
	b.open("/block/99999999")
	if text := eval[string](b, `document.querySelector('#reason').textContent`); !strings.Contains(text, "not come to block 99,999,999") {
		t.Error(text)
	}
	b.view(390, 844, true)
	b.open("/")
	b.until(`document.querySelectorAll('#strip rect').length > 200`)
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 390 {
		t.Errorf("the page is %d px wide on a phone", width)
	}
	b.shot("phone-dark", true)
	audit(t, b, "phone")
	b.open(fmt.Sprintf("/block/%d", proved))
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 390 {
		t.Errorf("the page of a block is %d px wide on a phone", width)
	}
	b.shot("phone-block", true)
}

// TestFirstStart: before the first block the page says what will appear.
func TestFirstStart(t *testing.T) {
	s := newScene(0, time.Now())
	origin, _ := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	b.open("/")
	b.until(`document.querySelector('#conn').textContent.trim() === 'live'`)
	b.shot("first-start", false)
	audit(t, b, "first start")
	if word := eval[string](b, `document.querySelector('#word').textContent`); word != "Waiting for the first target" {
		t.Error(word)
	}
	s.begin()
	b.until(`document.querySelector('[data-f="now-number"]').textContent === '24,647,150'`)
	s.end("")
	b.until(`document.querySelector('[data-f="latest"]').textContent === '24,647,150'`)
	if shift := eval[float64](b, `measured.shift`); shift > 0.02 {
		t.Errorf("the layout shifted by %.3f when the first block came: %s", shift, strings.Join(eval[[]string](b, `measured.shifts`), "\n"))
	}
}

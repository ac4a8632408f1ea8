package monitor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/proofline/proofline/host/live"
)

// TestPage follows a pipeline in a browser: what the server renders is what the
// script shows, blocks that end appear without a reload, a failure with its reason,
// and a host that starts anew.
func TestPage(t *testing.T) {
	long(t)
	tools, two := t.TempDir(), "0, NVIDIA L40S, 93, 20480, 46068, 61, 301.50, Not Active, Not Active\n1, NVIDIA L40S, 90, 20480, 46068, 84, 299.00, Active, Not Active\n"
	cards(t, tools, two)
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
	// a GPU that the page was made without
	cards(t, tools, two+"2, NVIDIA L40S, 45, 10240, 46068, 55, 150.00, Not Active, Not Active\n")
	b.until(`(r => r && !r.hidden && r.textContent.includes('45 %') && r.textContent.includes('55 °C') && r.querySelector('.dot').getAttribute('width') === '45')(document.querySelectorAll('#gpus tbody tr')[2])`)
	cards(t, tools, two)
	eval[chromedp.Void](b, `document.querySelector('#charts').scrollIntoView()`)
	b.until(`document.querySelector('#scatter .dot') && document.querySelector('#cmp circle') && document.querySelectorAll('#power path').length === 4 && document.querySelector('#power svg').textContent.includes('45 %')`)
	// a node that stops answering, and one that goes on
	s.called(40, 30)
	b.until(`[...document.querySelectorAll('#endlist tbody tr')].some(r => r.textContent.includes('10.0.0.5') && r.textContent.includes('connection refused') && r.textContent.includes('30'))`)
	if rows := eval[int](b, `document.querySelectorAll('#endlist tbody tr').length`); rows != 3 {
		t.Errorf("%d endpoints are shown", rows)
	}
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
		const {figures} = await import('/assets/figures.js'), {ICONS} = await import('/assets/icons.js')
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
			if (v.cls != null && e.className.trim() !== ((e.dataset.c || '') + ' ' + v.cls).trim()) wrong.push(k + ': class ' + e.className + ', script ' + v.cls)
			if ((v.href || null) !== e.getAttribute('href')) wrong.push(k + ': href')
			const icon = e.querySelector('.i path'); if (icon && (icon.dataset.i !== (v.icon || 'none') || icon.getAttribute('d') !== ICONS[icon.dataset.i])) wrong.push(k + ': icon ' + icon.dataset.i + ', script ' + v.icon)
			if (v.icon && !icon) wrong.push(k + ' has no icon')
		}
		for (const k in f) if (!seen.has(k)) wrong.push(k + ' is not on the page')
		window.result = wrong
	})()`, chromedp.EvalAwaitPromise)
	for _, wrong := range eval[[]string](b, `window.result`) {
		t.Error(wrong)
	}
}

// TestPlace: an address that names a section leads there, and a page that is loaded again
// is where its reader has left it, although both places are made by the script.
func TestPlace(t *testing.T) {
	long(t)
	s := newScene(300, time.Now())
	s.begin()
	origin, _ := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	b.view(1440, 900, false)
	b.open("/#alerts")
	if top := eval[float64](b, `document.querySelector('#alerts').getBoundingClientRect().top`); top < 0 || top > 450 {
		t.Errorf("the alerts begin at %.0f px of the window", top)
	}
	eval[chromedp.Void](b, `scrollTo(0, document.querySelector('#blocks').offsetTop)`)
	want := eval[float64](b, `scrollY`)
	b.do(chromedp.Navigate(origin + "/health"))
	b.do(chromedp.NavigateBack(), chromedp.WaitReady(chromedp.CSS("html[data-ready]")))
	if got := eval[float64](b, `scrollY`); want < 900 || got < want-1 || got > want+1 {
		t.Errorf("the page is at %.0f px, was at %.0f", got, want)
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

// TestDocumentation reads the documentation on a screen and on a phone, and follows the
// links from a failure to it and within it.
func TestDocumentation(t *testing.T) {
	long(t)
	s := newScene(100, time.Now())
	origin, _ := serve(t, s, "")
	b := newTab(t, browser(t), origin)
	visit := func(path string) {
		b.do(chromedp.Navigate(origin + path))
		b.until(`document.readyState === 'complete' && document.querySelector('main h1')`)
	}
	b.view(1440, 900, false)
	b.open("/")
	b.until(`document.querySelector('#fails a.docs')`)
	to := eval[string](b, `document.querySelector('#fails a.docs').getAttribute('href')`)
	if to != "/docs/troubleshooting#the-prover" {
		t.Errorf("the failure of a prover leads to %s", to)
	}
	visit(to)
	if top := eval[float64](b, `document.getElementById('the-prover').getBoundingClientRect().top`); top < 44 || top > 400 {
		t.Errorf("the heading stands at %.0f px", top)
	}
	b.shot("docs-light", false)
	audit(t, b, "documentation")
	visit("/docs/recipes")
	visit(eval[string](b, `[...document.querySelectorAll('.prose a')].find(a => a.textContent === 'shadow.yaml').getAttribute('href')`))
	if !eval[bool](b, `document.querySelector('main h1').textContent === 'shadow.yaml' && document.querySelector('main pre').textContent.includes('shadow: true')`) {
		t.Error("the link to shadow.yaml shows something else")
	}
	audit(t, b, "pipeline file")
	b.view(390, 844, true)
	for _, path := range []string{"/docs/reference", "/docs/concepts", "/docs/operations"} {
		visit(path)
		if width := eval[int](b, `document.documentElement.scrollWidth`); width > 390 {
			t.Errorf("%s is %d px wide on a phone", path, width)
		}
	}
	b.shot("docs-phone-dark", false)
	audit(t, b, "documentation, phone")
}

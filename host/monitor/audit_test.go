package monitor

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/proofline/proofline/host/status"
)

type statusSnapshot = status.Snapshot

func (s *scene) snapNumber() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snap.Jobs[0].Block.Number
}

// audit checks a page by rules of WCAG 2.1 AA that a program can check: names of controls,
// landmarks and headings, unique ids, table headers, contrast of text (4.5 to 1, or 3 to 1
// for large text).
func audit(t *testing.T, b *tab, what string) {
	t.Helper()
	for _, fault := range eval[[]string](b, auditScript) {
		t.Errorf("%s: %s", what, fault)
	}
	axe(t, b, what)
}

// axe checks a page by the rules of axe-core for WCAG 2.1 AA and its best practices, if
// PROOFLINE_AXE names the file axe.min.js (npm pack axe-core).
func axe(t *testing.T, b *tab, what string) {
	t.Helper()
	file := os.Getenv("PROOFLINE_AXE")
	if file == "" {
		return
	}
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eval[chromedp.Void](b, string(script)+";void 0")
	eval[chromedp.Void](b, `axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}).then(r => { window.axed = r })`, chromedp.EvalAwaitPromise)
	for _, fault := range eval[[]string](b, `axed.violations.map(v => v.id + ' (' + v.impact + '), ' + v.help + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message).slice(0, 3).join(' | '))`) {
		t.Errorf("%s: axe: %s", what, fault)
	}
	t.Logf("%s: axe: %d rules hold", what, eval[int](b, `axed.passes.length`))
}

const auditScript = `(() => {
	const faults = [], name = e => e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').map(i => document.getElementById(i)?.textContent || '').join(' ').trim() || e.textContent.trim() || e.title || e.placeholder
	const visible = e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e); return r.width > 0 && r.height > 0 && s.visibility !== 'hidden' }
	if (!document.documentElement.lang) faults.push('no language')
	if (!document.title) faults.push('no title')
	if (document.querySelectorAll('main').length !== 1) faults.push('not one main')
	if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1')
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id)
	for (const id of new Set(ids)) if (ids.filter(x => x === id).length > 1) faults.push('id twice: ' + id)
	for (const a of ['aria-labelledby', 'aria-describedby']) for (const e of document.querySelectorAll('[' + a + ']')) for (const id of e.getAttribute(a).split(' ')) if (!document.getElementById(id)) faults.push(a + ' names nothing: ' + id)
	for (const e of document.querySelectorAll('a[href], button, summary, [tabindex="0"]')) if (visible(e) && !name(e)) faults.push('no name: ' + e.outerHTML.slice(0, 120))
	for (const e of document.querySelectorAll('input, select')) if (!e.labels?.length && !e.getAttribute('aria-label')) faults.push('no label: ' + e.outerHTML.slice(0, 120))
	for (const e of document.querySelectorAll('[role=img]')) if (!e.getAttribute('aria-label')) faults.push('a picture without words: #' + e.id)
	for (const e of document.querySelectorAll('table')) { if (!visible(e)) continue; if (!e.querySelector('th[scope]')) faults.push('a table without headers: ' + e.className) }
	for (const e of document.querySelectorAll('table[role=table] tr')) if (!e.getAttribute('role')) faults.push('a row without a role')
	for (const e of document.querySelectorAll('svg:not([aria-hidden])')) if (!e.closest('[role=img]')) faults.push('an svg that is neither hidden nor a picture')
	let level = 1
	for (const e of document.querySelectorAll('h1, h2, h3, h4')) { const l = +e.tagName[1]; if (l > level + 1) faults.push('heading skips a level: ' + e.textContent); level = l }
	const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1] }
	const lum = ([r, g, b]) => { const f = v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) }
	const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c } return [255, 255, 255, 1] }
	const seen = new Set()
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	for (let n; (n = walk.nextNode());) {
		const e = n.parentElement
		if (!n.data.trim() || !visible(e) || e.closest('.vh, script, noscript, .skip')) continue
		const s = getComputedStyle(e), svg = e.closest('svg') && e.tagName !== 'svg', fg = rgb(svg ? s.fill : s.color), bg = back(e)
		const [a, z] = [lum(fg), lum(bg)].sort((x, y) => y - x), ratio = (a + .05) / (z + .05), size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && +s.fontWeight >= 700
		const key = fg.join() + bg.join()
		if (ratio < (large ? 3 : 4.5) && !seen.has(key)) { seen.add(key); faults.push('contrast ' + ratio.toFixed(2) + ': ' + n.data.trim().slice(0, 40) + ' ' + s.color + ' on ' + bg.join()) }
	}
	return faults
})()`

// Plots as SVG, drawn in CSS pixels at the width that they have, and again only when that or their data changes.
import { $, h, s, ico, text as setText } from './dom.js'
import { OUT, ORDER } from './figures.js'
import { ago, dec, span, num, mgas, hms, hm, percent, day, blockLink } from './format.js'

const drawn = new Map()
const ro = new ResizeObserver(list => {
  for (const e of list) {
    const d = drawn.get(e.target), w = Math.round(e.contentRect.width)
    if (d && w > 0 && d.w !== w) { d.w = w; d.draw() }
  }
})
function plot(id, label, draw, ghost) {
  const host = $(id)
  let d = drawn.get(host)
  if (!d) { d = { w: Math.round(host.clientWidth) }; drawn.set(host, d); ro.observe(host) }
  d.draw = () => {
    const H = host.clientHeight, g = draw(d.w, H)
    g.setAttribute('viewBox', `0 0 ${d.w} ${H}`)
    host.replaceChildren(g)
    if (ghost) host.append(h('div', { class: 'msg' }, h('p', {}, ghost)))
  }
  host.classList.toggle('ghost', !!ghost)
  host.setAttribute('role', 'img')
  host.setAttribute('aria-label', label)
  d.draw()
}
const lin = (a, b, c, d) => v => c + (v - a) / (b - a || 1) * (d - c)
const P = a => 'M' + a.map(p => p.map(v => Math.round(v * 10) / 10).join(' ')).join('L')
const text = (x, y, t, cls) => s('text', { x, y, class: cls }, t)
const B = t => h('b', {}, t)
const nice = v => { const p = 10 ** Math.floor(Math.log10(v || 1)); for (const f of [1, 2, 4, 5, 10]) if (f * p >= v) return f * p; return 10 * p }
const sec = ms => ms ? span(ms) : '0'
const axes = (g, X, Y, xs, ys, b) => {
  for (const [v, t] of ys) g.append(s('line', { class: 'grid', x1: b.l, x2: b.r, y1: Y(v), y2: Y(v) }), text(b.l - 6, Y(v) + 4, t, 'e'))
  for (const [v, t] of xs) g.append(text(X(v), b.b + 16, t, 'c'))
  g.append(s('line', { class: 'axis', x1: b.l, x2: b.r, y1: b.b, y2: b.b }))
}
const ticks = (max, n) => Array.from({ length: n + 1 }, (_, i) => max * i / n)

// pointer and arrow keys choose one of n things; say() writes the line below the plot
function probe(host, read, n, at, say, rest, go) {
  const r = $(read)
  let i = -1
  const show = k => { i = k; r.replaceChildren(...[k < 0 ? rest : say(k)].flat(9)) }
  if (document.activeElement !== host && !host.matches(':hover')) r.replaceChildren(...[rest].flat(9))
  r.setAttribute('aria-live', 'polite')
  host.tabIndex = 0
  host.onpointermove = e => { const b = host.getBoundingClientRect(), k = at(e.clientX - b.left, e.clientY - b.top); if (k !== i) show(k) }
  host.onpointerleave = host.onblur = () => show(-1)
  host.onkeydown = e => {
    const d = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[e.key]
    if (d) { e.preventDefault(); show(Math.max(0, Math.min(n - 1, (i < 0 ? (d < 0 ? n : -1) : i) + d))) }
    if (e.key === 'Enter' && i >= 0 && go) go(i)
    if (e.key === 'Escape') show(-1)
  }
  host.onclick = () => { if (i >= 0 && go) go(i) }
}
const quiet = (host, read) => { host.onpointermove = host.onpointerleave = host.onblur = host.onkeydown = host.onclick = null; host.removeAttribute('tabindex'); $(read)?.replaceChildren() }
const open = n => { location.href = blockLink(n) }
const bare = (w, H) => s('svg', {}, s('line', { class: 'axis', x1: 0, x2: w, y1: H - 24, y2: H - 24 }), [.25, .5, .75].map(f => s('line', { class: 'grid', x1: 0, x2: w, y1: (H - 24) * f, y2: (H - 24) * f })))
const ghost = (id, what) => { plot(id, 'Nothing yet. ' + what, bare, what); quiet($(id), id + '-read') }

// The elapsed time of the block at work against its prediction. It returns what moves the bar.
export function elapsed(o) {
  const p = o.proving, limit = p ? p.limit_ms : o.score?.rules.threshold_ms ?? 10000
  let max = nice(Math.max(12000, p?.high_ms || 0, p?.predicted_ms || 0) * 1.2), X = v => v
  const draw = (w, H) => {
    const y = 22, bh = 16, g = s('svg', {})
    X = lin(0, max, 0, w - 64)
    g.append(s('rect', { class: 'track', x: 0, y, width: Math.max(0, X(max)), height: bh }))
    if (p?.predicted_ms) g.append(s('rect', { class: 'band', x: X(p.low_ms), y: y - 4, width: Math.max(1, X(p.high_ms) - X(p.low_ms)), height: bh + 8 }))
    if (p) g.append(s('rect', { class: 'fill', id: 'fill', x: 0, y, width: 0, height: bh }))
    if (p?.predicted_ms) g.append(s('line', { class: 'fit', x1: X(p.predicted_ms), x2: X(p.predicted_ms), y1: y - 8, y2: y + bh + 4 }), text(X(p.predicted_ms), y - 12, 'predicted ' + span(p.predicted_ms), 'a c'))
    for (const v of [10000, 12000]) if (X(v) < w - 64) g.append(s('line', { class: 'lim', x1: X(v), x2: X(v), y1: y - 4, y2: y + bh + 6 }), text(X(v), y + bh + 18, (v === limit ? 'limit ' : '') + v / 1000 + ' s', v === 10000 ? 'e' : ''))
    if (limit > 12000 && limit < max) g.append(s('line', { class: 'lim', x1: X(limit), x2: X(limit), y1: y - 4, y2: y + bh + 6 }), text(X(limit), y + bh + 18, `limit ${limit / 1000} s`, 'c hi'))
    g.append(text(0, y + bh + 18, '0'), text(X(max), y + bh + 18, dec(max / 1000, 0) + ' s', 'c'))
    if (limit > max) g.append(text(w, y + 4, 'limit', 'e'), text(w, y + 18, limit / 1000 + ' s', 'e hi'))
    return g
  }
  const label = p ? `Block ${num(p.number)}: ` + (p.predicted_ms ? `${span(p.predicted_ms)} predicted; ` : '') + `limit ${limit / 1000} s` : 'Nothing is worked on'
  plot('bar', label, draw)
  return ms => {
    if (ms > max) { max = nice(ms * 1.3); plot('bar', label, draw) }
    const f = $('fill')
    if (f) { f.setAttribute('width', Math.max(0, X(ms))); f.setAttribute('class', p.limit_ms && ms > p.limit_ms ? 'b-late' : 'fill') }
  }
}

export function strip(o, now) {
  const T = o.targets.slice(0, 200).reverse(), n = T.length, host = $('strip')
  if (!n) {
    plot('strip', 'No target yet', w => {
      const g = s('svg', {})
      for (let i = 0; i < 200; i++) g.append(s('rect', { class: 'track', x: 28 + i * (w - 28) / 200, y: 71, width: Math.max(1, (w - 28) / 200 - 1.5), height: 4 }))
      return g
    }, 'One bar per target block, newest right')
    quiet(host, 'strip-read')
    return setText($('strip-read'), 'Bar height: proving time. Shape and colour: outcome.')
  }
  const proves = T.some(t => t.proving_time_ms), value = t => (proves ? t.proving_time_ms : t.work_ms) || 0
  const MAX = nice(Math.max(...T.map(value), proves ? 12000 : 100)), line = proves ? 10000 : MAX / 2
  let cell, cur
  plot('strip', `Last ${n} target blocks: ` + ORDER.map(k => [T.filter(t => t.outcome === k).length, OUT[k][1]]).filter(x => x[0]).map(x => x.join(' ')).join(', ') + '. Arrow keys read single blocks, Enter opens one.', (w, H) => {
    const rows = w < 700 ? 4 : 1, per = Math.ceil(200 / rows), rh = H / rows, step = (w - 34) / per, bw = Math.max(2, Math.floor(step) - (step > 6 ? 2 : 1)), g = s('svg', {}), base = rows > 1 ? 8 : 12, x0 = 34
    cell = (x, y) => { const k = Math.min(rows - 1, Math.max(0, y / rh | 0)) * per + Math.min(per - 1, Math.max(0, (x - x0) / step | 0)); return k < n ? k : -1 }
    for (let r = 0; r < rows; r++) {
      const Y = lin(0, MAX, (r + 1) * rh - 1, r * rh + base)
      g.append(s('line', { class: 'grid', x1: x0, x2: w, y1: Y(0), y2: Y(0) }))
      if (line < MAX) g.append(s('line', { class: 'lim', x1: x0, x2: w, y1: Y(line), y2: Y(line), opacity: .5 }), text(x0 - 6, Y(line) + 4, short(line), 'e'))
      if (rows < 2) g.append(text(x0 - 6, Y(MAX) + 4, short(MAX), 'e'))
    }
    T.forEach((t, i) => {
      const r = i / per | 0, x = Math.round((x0 + (i % per) * step) * 2) / 2, Y = lin(0, MAX, (r + 1) * rh - 1, r * rh + base)
      const bad = { failed: 'b-bad', rejected: 'b-rej', late: 'b-late', skipped: 'b-skip', waiting: 'b-wait', reporting: 'b-wait', running: 'b-run' }[t.outcome]
      const v = t.outcome === 'failed' ? MAX : t.outcome === 'skipped' ? MAX / 10 : t.outcome === 'waiting' ? MAX / 5 : t.outcome === 'running' ? MAX / 3 : Math.min(MAX, Math.max(value(t), MAX / 40)), y = Y(v)
      g.append(s('rect', { class: bad || 'b-ok', x: bad ? x + .5 : x, y, width: bad ? bw - 1 : bw, height: Math.max(1, Y(0) - y - (bad ? .5 : 0)) }))
      const my = y - 6, cx = x + bw / 2
      if (t.outcome === 'failed') g.append(s('path', { class: 'g-bad', d: `M${cx - 2.5} ${my - 2.5}l5 5m0 -5l-5 5` }))
      if (t.outcome === 'rejected') g.append(s('path', { class: 'g-bad', d: `M${cx} ${my - 5}v4m0 2.5v1` }))
      if (t.outcome === 'late') g.append(s('path', { class: 'g-warn', d: `M${cx - 3} ${my - 4}h6l-3 5z` }))
      if (t.after_reorg) g.append(s('path', { class: 'g-acc', d: `M${cx - 3} ${my + 2}v-3a2 2 0 0 1 4 0v2m-2 -1l2 2l2 -2` }))
    })
    const mark = s('rect', { class: 'cur', x: -9, y: 0, width: bw + 2, height: rh - 1, visibility: 'hidden' })
    g.append(mark)
    cur = i => { if (i < 0) return mark.setAttribute('visibility', 'hidden'); mark.setAttribute('visibility', 'visible'); mark.setAttribute('x', x0 + (i % per) * step - 1); mark.setAttribute('y', (i / per | 0) * rh) }
    return g
  })
  probe(host, 'strip-read', n, (x, y) => cell(x, y), i => {
    cur(i)
    const t = T[i], w = OUT[t.outcome]
    return [B(num(t.number)), ' · ', h('span', { class: 'o ' + w[2] }, ico(w[0]), w[1]), t.proving_time_ms ? ` · proving ${span(t.proving_time_ms)}` : t.work_ms ? ` · work ${span(t.work_ms)}` : '', t.total_ms ? ` · ${span(t.total_ms)} after block` : '', ` · ${mgas(t.gas_used)} · ${hms(t.time)} UTC, ${ago(now() - Date.parse(t.time))}`, t.attempts > 1 ? ` · ${t.attempts} attempts` : '', t.remark ? ` · ${t.remark}` : '']
  }, `Bar height: ${proves ? 'proving time' : 'time of work'}, 0 to ${short(MAX)}. Left ${hm(T[0].time)} UTC; right: newest. Point or use arrow keys for one block.`, i => open(T[i].number))
  const leave = host.onpointerleave
  host.onpointerleave = host.onblur = () => { leave(); cur(-1) }
}
const short = ms => ms < 1000 ? dec(ms, 0) + ' ms' : dec(ms / 1000, ms % 1000 ? 1 : 0) + ' s'

export function score(o) {
  const S = o.score, L = S?.course?.at(-1), bar = S?.rules.performance_bar ?? 80
  if (!L) return plot('score-plot', 'No score yet', bare, 'Runs from the first target to Monday')
  const f = S.forecast, end = f ? Date.parse(f.deadline) : Date.parse(L.t), start = end - 7 * 864e5
  plot('score-plot', `Score through the week: now ${percent(L.performance_percent)}, threshold ${bar} %` + (f ? `, forecast ${percent(f.performance_percent, 1)}` : ''), (w, H) => {
    const low = Math.min(50, Math.floor(Math.min(...S.course.map(p => p.performance_percent)) / 10) * 10)
    const X = lin(0, 168, 40, w - 52), Y = lin(low, 100, H - 18, 6), g = s('svg', {}), hour = t => (Date.parse(t) - start) / 36e5
    for (const v of [low, 100]) g.append(s('line', { class: 'grid', x1: 40, x2: w - 52, y1: Y(v), y2: Y(v) }), text(34, Y(v) + 4, v + ' %', 'e'))
    g.append(text(34, Y(bar) + 4, bar + ' %', 'e hi'))
    for (let i = 0; i < 7; i++) g.append(text(X(i * 24 + 12), H - 2, day(start + i * 864e5).slice(0, 3), 'c'))
    if (f) g.append(s('path', { class: 'cone', d: P([[X(hour(L.t)), Y(L.performance_percent)], [X(168), Y(f.performance_high_percent)], [X(168), Y(f.performance_low_percent)]]) + 'z' }))
    g.append(s('line', { class: 'lim', x1: 40, x2: w - 52, y1: Y(bar), y2: Y(bar) }))
    g.append(s('path', { class: 'fit', d: P(S.course.map(p => [X(hour(p.t)), Y(p.performance_percent)])) }), s('circle', { class: 'fill', cx: X(hour(L.t)), cy: Y(L.performance_percent), r: 3 }))
    if (f) g.append(s('path', { class: 'fit d', d: P([[X(hour(L.t)), Y(L.performance_percent)], [X(168), Y(f.performance_percent)]]) }), text(X(168) + 4, Y(f.performance_percent) + 4, percent(f.performance_percent, 1), 'a'))
    return g
  })
}

export function charts(C, o, now) {
  scatter(C.dots, o.fit, now)
  hist(C.dots)
  stages(C.stages, o, now)
  power(C.gpu)
  shadow(C.shadow[0])
}

function scatter(T, m, now) {
  if (!T.length) { setText($('scatter-sub'), ''); return ghost('scatter', 'One dot per proved block, with the fitted line and the 10 s line. The line is fitted from 20 blocks on.') }
  setText($('scatter-sub'), `${num(T.length)} blocks` + (m ? ` · fit ${span(m.base_ms)} + ${span(m.per_mgas_ms)} per Mgas · R² ${dec(m.r2, 3)} · median error ${span(m.median_error_ms)}` : ''))
  const gx = nice(Math.max(...T.map(t => t.g)) / 1e6), gy = nice(Math.max(...T.map(t => t.p), 12000))
  let sx, sy, mark
  plot('scatter', `Proving time against gas, ${T.length} blocks`, (w, H) => {
    const b = { l: 40, r: w - 56, t: 8, b: H - 24 }, X = sx = lin(0, gx, b.l, b.r), Y = sy = lin(0, gy, b.b, b.t), g = s('svg', {})
    axes(g, X, Y, ticks(gx, 4).map((v, i) => [v, i === 4 ? dec(v, 0) + ' Mgas' : dec(v, v % 1 ? 1 : 0)]), ticks(gy, 4).map(v => [v, short(v)]), b)
    if (m) g.append(s('path', { class: 'band', opacity: .7, d: P([[X(0), Y(m.base_ms + m.p95_error_ms)], [X(gx), Y(m.base_ms + gx * m.per_mgas_ms + m.p95_error_ms)], [X(gx), Y(m.base_ms + gx * m.per_mgas_ms - m.p95_error_ms)], [X(0), Y(Math.max(0, m.base_ms - m.p95_error_ms))]]) + 'z' }))
    g.append(s('path', { class: 'dot', d: T.map(t => `M${(X(t.g / 1e6) - 1.75).toFixed(1)} ${Y(t.p).toFixed(1)}a1.75 1.75 0 1 0 3.5 0a1.75 1.75 0 1 0 -3.5 0`).join('') }))
    if (m) g.append(s('path', { class: 'fit', d: P([[X(0), Y(m.base_ms)], [X(gx), Y(m.base_ms + gx * m.per_mgas_ms)]]) }), text(b.r + 6, Y(m.base_ms + gx * m.per_mgas_ms) + 4, 'fit', 'a'))
    g.append(s('line', { class: 'lim', x1: b.l, x2: b.r, y1: Y(10000), y2: Y(10000) }), text(b.r + 6, Y(10000) + 4, '10 s', 'hi'))
    g.append(mark = s('circle', { class: 'cur', r: 4, visibility: 'hidden' }))
    return g
  })
  const under = T.filter(t => t.p < 10000).length, S = [...T].sort((a, b) => a.g - b.g)
  probe($('scatter'), 'scatter-read', S.length, (x, y) => { let k = -1, best = 400; S.forEach((t, i) => { const d = (sx(t.g / 1e6) - x) ** 2 + (sy(t.p) - y) ** 2; if (d < best) { best = d; k = i } }); if (k < 0) mark.setAttribute('visibility', 'hidden'); return k },
    i => { const t = S[i]; mark.setAttribute('visibility', 'visible'); mark.setAttribute('cx', sx(t.g / 1e6)); mark.setAttribute('cy', sy(t.p)); return [B(num(t.n)), ` · ${mgas(t.g)} · proved in ${span(t.p)} · ${hms(t.t)} UTC, ${ago(now() - Date.parse(t.t))}`] },
    `${under} of ${T.length} blocks (${percent(under / T.length * 100, 1)}) took less than 10 s` + (m && m.per_mgas_ms > 0 && m.base_ms < 10000 ? `; 10 s is reached at ${dec((10000 - m.base_ms) / m.per_mgas_ms, 1)} Mgas.` : '.'), i => open(S[i].n))
}

function hist(T) {
  const tot = T.map(t => t.a).filter(Boolean).sort((a, b) => a - b)
  if (!tot.length) { setText($('hist-sub'), ''); return ghost('hist', 'How long blocks took from their timestamp to the reporter’s acceptance.') }
  const q = p => tot[Math.max(0, Math.ceil(tot.length * p) - 1)], step = nice(q(.95) / 12), bins = Array(20).fill(0)
  tot.forEach(v => bins[Math.min(19, Math.floor(v / step))]++)
  setText($('hist-sub'), `median ${span(q(.5))} · p95 ${span(q(.95))}`)
  const mx = nice(Math.max(...bins))
  let hx
  plot('hist', `Block to acceptance: median ${span(q(.5))}, 95 % within ${span(q(.95))}, slowest ${span(q(1))}`, (w, H) => {
    const b = { l: 40, r: w - 8, t: 18, b: H - 24 }, X = hx = lin(0, 20, b.l, b.r), Y = lin(0, mx, b.b, b.t), g = s('svg', {})
    axes(g, X, Y, [0, 5, 10, 15].map(i => [i, short(i * step)]).concat([[19.2, '≥ ' + short(19 * step)]]), [0, mx / 2, mx].map(v => [v, dec(v, v % 1 ? 1 : 0)]), b)
    bins.forEach((v, i) => v && g.append(s('rect', { class: i === 19 ? 'b-late' : 'b-ok', x: X(i) + 1, width: Math.max(1, X(1) - X(0) - 2), y: Math.min(Y(v), b.b - 2), height: Math.max(2, b.b - Y(v)) })))
    for (const [p, t] of [[.5, 'median'], [.95, 'p95']]) { const x = X(Math.min(20, q(p) / step)); g.append(s('line', { class: 'lim', x1: x, x2: x, y1: b.t, y2: b.b }), text(x + (p < .9 ? -4 : 4), b.t - 6, t, p < .9 ? 'hi e' : 'hi')) }
    return g
  })
  probe($('hist'), 'hist-read', 20, x => { const k = Math.floor(lin(hx(0), hx(20), 0, 20)(x)); return k >= 0 && k < 20 ? k : -1 }, i => [B(i === 19 ? `${short(19 * step)} and more` : `${short(i * step)} to ${short((i + 1) * step)}`), ` · ${bins[i]} blocks, ${percent(bins[i] / tot.length * 100, 1)}`], `Blocks in steps of ${short(step)}, from the block’s timestamp to the answer that took the proof.`)
}

function stages(C, o, now) {
  const names = o.stages.map(s => s.name).filter(n => C[n]).slice(0, 6)
  if (!names.length) return ghost('stages', 'Median and slowest time of each stage through the day.')
  const end = now(), start = end - 864e5
  let dx
  plot('stages', 'Time of the stages through the last day: ' + names.map(n => `${n} median ${span(C[n].at(-1).median_ms)}`).join(', '), (w, H) => {
    const g = s('svg', {}), X = dx = lin(start, end, 68, w - 64), rh = (H - 20) / Math.max(4, names.length)
    names.forEach((n, r) => {
      const v = C[n], top = Math.max(1, ...v.map(x => x.max_ms)), Y = lin(0, top, (r + 1) * rh - 4, r * rh + 8), pick = k => P(v.map(x => [X(Date.parse(x.from) + 3e5), Y(x[k])]))
      g.append(s('line', { class: 'grid', x1: 68, x2: w - 64, y1: Y(0), y2: Y(0) }), s('path', { class: 'thin', d: pick('max_ms') }), s('path', { class: 'fit', d: pick('median_ms') }), text(0, Y(0) - 4, n, 'hi'), text(w, r * rh + 14, span(top), 'e'), text(w, Y(0) - 2, span(v.at(-1).median_ms), 'e a'))
      if (v.length === 1) g.append(s('circle', { class: 'fill', cx: X(Date.parse(v[0].from) + 3e5), cy: Y(v[0].median_ms), r: 2 }))
    })
    for (const [t, c] of [[start, ''], [(start + end) / 2, 'c']]) g.append(text(X(t), H - 4, hm(t), c))
    g.append(text(X(end), H - 4, 'now', 'e'))
    return g
  })
  probe($('stages'), 'stages-read', 144, x => { const k = Math.floor(lin(dx(start), dx(end), 0, 144)(x)); return k >= 0 && k < 144 ? k : -1 }, i => {
    const t = start + i * 6e5, at = n => C[n].find(x => Math.abs(Date.parse(x.from) - t) <= 3e5)
    return [B(hm(t) + ' UTC'), names.map(n => ` · ${n} ${at(n) ? span(at(n).median_ms) : '–'}`)]
  }, 'Each row has its own scale: right above slowest, right below the newest median.')
}

function power(G) {
  if (!G.length) return ghost('power', 'Starts with the first reading of nvidia-smi.')
  const w = v => v >= 1000 ? dec(v / 1000, 2) + ' kW' : dec(Math.trunc(v), 0) + ' W', is = (d, name) => v => v < 0 ? '–' : dec(v, d) + name
  const R = [['load', 'u', 100, is(0, ' %')], ['memory', 'm', 100, is(0, ' %')], ['power', 'w', nice(Math.max(...G.map(p => p.w), 100)), w], ['heat', 'c', Math.max(90, ...G.map(p => p.c)), is(0, ' °C')]]
  const last = G.at(-1), steps = Math.max(1, G.length - 1)
  let gx
  plot('power', 'GPUs now: ' + R.map(([name, k, , f]) => `${name} ${f(last[k])}`).join(', '), (width, H) => {
    const X = gx = lin(0, steps, 68, width - 64), rh = (H - 20) / R.length, g = s('svg', {})
    R.forEach(([name, k, top, f], r) => {
      const Y = lin(0, top, (r + 1) * rh - 4, r * rh + 8), L = P(G.map((p, i) => [X(i), Y(Math.max(0, p[k]))]))
      g.append(s('line', { class: 'grid', x1: 68, x2: width - 64, y1: Y(0), y2: Y(0) }), s('path', { class: 'fit', d: L }), text(0, Y(0) - 4, name, 'hi'), text(width, r * rh + 18, f(top), 'e'), text(width, Y(0) - 2, f(last[k]), 'e a'))
      if (G.length === 1) g.append(s('circle', { class: 'fill', cx: X(0), cy: Y(Math.max(0, last[k])), r: 2 }))
    })
    g.append(text(X(0), H - 4, hm(G[0].t)), text(X(steps), H - 4, 'now', 'e'))
    return g
  })
  probe($('power'), 'power-read', G.length, x => { const k = Math.round(lin(gx(0), gx(steps), 0, steps)(x)); return k >= 0 && k < G.length ? k : -1 }, i => [B(hms(G[i].t) + ' UTC'), R.map(([name, k, , f]) => ` · ${name} ${f(G[i][k])}`)], 'Load: mean; memory and power: of all; heat: of the hottest. Right above the end of the scale, right below now.')
}

function shadow(C) {
  if (!C) { setText($('cmp-sub'), ''); return ghost('cmp', 'Blocks that both a shadow stage and the reported one have proved, paired.') }
  const R = C.blocks, rat = R.map(r => r.shadow_ms / r.ms - 1), med = [...rat].sort((a, b) => a - b)[R.length >> 1], far = nice(Math.max(.05, ...rat.map(Math.abs))), gx = nice(Math.max(...R.map(r => r.g), 1e6) / 1e6)
  const signed = v => (v > 0 ? '+' : v < 0 ? '−' : '') + percent(Math.abs(v * 100), 1)
  let cx
  setText($('cmp-sub'), `${R.length} pairs · ${C.shadow} against ${C.stage}`)
  plot('cmp', `Shadow stage ${C.shadow} against ${C.stage} over ${R.length} paired blocks: median ${signed(med)}`, (w, H) => {
    const b = { l: 48, r: w - 56, t: 8, b: H - 24 }, X = cx = lin(0, gx, b.l, b.r), Y = lin(-far, far, b.b, b.t), g = s('svg', {})
    axes(g, X, Y, ticks(gx, 2).map((v, i) => [v, i === 2 ? dec(v, 0) + ' Mgas' : dec(v, 0)]), [-far, -far / 2, far / 2, far].map(v => [v, signed(v)]), b)
    g.append(s('line', { class: 'lim', x1: b.l, x2: b.r, y1: Y(0), y2: Y(0) }), text(b.r + 6, Y(0) + 4, C.stage, 'hi'), s('line', { class: 'fit', x1: b.l, x2: b.r, y1: Y(med), y2: Y(med) }))
    R.forEach((r, i) => g.append(s('line', { class: 'grid', x1: X(r.g / 1e6), x2: X(r.g / 1e6), y1: Y(0), y2: Y(rat[i]) }), s('circle', { class: rat[i] > 0 ? 'b-run' : 'dot', cx: X(r.g / 1e6), cy: Y(rat[i]), r: 3 })))
    return g
  })
  const O = R.map((_, i) => i).sort((a, b) => R[a].g - R[b].g)
  probe($('cmp'), 'cmp-read', R.length, x => { let k = -1, best = 14; O.forEach((o, i) => { const d = Math.abs(cx(R[o].g / 1e6) - x); if (d < best) { best = d; k = i } }); return k }, k => { const r = R[O[k]]; return [B(num(r.n)), ` · ${mgas(r.g)} · ${C.stage} ${span(r.ms)} · ${C.shadow} ${span(r.shadow_ms)} · ${signed(rat[O[k]])}`] },
    `${C.shadow} is faster in ${rat.filter(r => r < 0).length} of ${R.length}. Never reported.`)
}

// The edges of the graph, from the places of the cards.
export function wires() {
  const g = $('graph'), edges = g.querySelector('.edges'), cards = {}
  for (const c of g.querySelectorAll('.card')) cards[c.dataset.stage] = c
  const R = g.getBoundingClientRect(), at = e => { const r = e.getBoundingClientRect(); return { l: r.left - R.left, r: r.right - R.left, y: r.top - R.top + r.height / 2 } }
  const paths = []
  for (const c of Object.values(cards)) {
    const needs = c.dataset.after.trim().split(' ').filter(Boolean)
    needs.forEach((n, i) => {
      if (!cards[n]) return
      const p = at(cards[n]), q = at(c), from = p.l < q.l ? p.r : p.l, m = (q.l > p.r ? q.l - 20 + i * 8 : q.l - 12)
      const dash = c.classList.contains('shadow') || c.classList.contains('paused') ? 'dash' : '', live = cards[n].classList.contains('running') && c.classList.contains('running') ? ' live' : ''
      const d = p.l === q.l ? `M${p.l} ${p.y}H${p.l - 12}V${q.y}H${q.l - 1}` : Math.abs(p.y - q.y) < 1 ? `M${from} ${p.y}H${q.l - 1}` : `M${from} ${p.y}H${m}V${q.y}H${q.l - 1}`
      paths.push([dash + live, d])
    })
  }
  const have = edges.children
  paths.forEach(([cls, d], i) => {
    const e = have[i] || edges.appendChild(s('path', { 'marker-end': 'url(#arrow)' }))
    if (e.getAttribute('class') !== cls) e.setAttribute('class', cls)
    if (e.getAttribute('d') !== d) e.setAttribute('d', d)
  })
  while (have.length > paths.length) edges.lastElementChild.remove()
}

// The first page: takes over what the server has rendered and keeps it up to date, in place, at most once per frame.
import { $, h, s, ico, redraw, text, figure, keyed, command, copies } from './dom.js'
import { figures, OUT, SLOTS } from './figures.js'
import { ago, until, clock, dash, dec, hms, long, mgas, num, span, blockLink } from './format.js'
import { follow } from './stream.js'
import * as plots from './plots.js'

// what is below the first screen, and the patterns of the plots, are for the script alone
$('main').append($('below').content)

const data = $('overview-data')
let O = JSON.parse(data.textContent), dirty = new Set(), frame = 0, move = () => {}, gone = null
const slots = []
const fill = root => { for (const e of root.querySelectorAll('[data-f]')) slots.push([e, e.dataset.f]) }
fill(document)
const calm = matchMedia('(prefers-reduced-motion: reduce)').matches

const store = {
  replace(o) { O = o; mark('all'); anew() },
  change(c) {
    for (const k of ['pipeline', 'chain', 'stages', 'outbox', 'fit', 'day', 'score', 'hardware', 'alerts', 'failures']) if (k in c) { O[k] = c[k]; mark(k) }
    if ('proving' in c) { O.proving = c.proving; mark('proving') }
    if (c.targets) { merge(c.targets); mark('targets') }
    if (c.log) { O.log = [...c.log, ...O.log].slice(0, 400); mark('log') }
    O.time = c.time
    if (c.stages) anew()
  },
  connected(yes, kind) {
    gone = yes ? null : kind
    document.documentElement.toggleAttribute('data-stale', !yes)
    mark('pipeline')
  },
}
// anew loads the page again for other stages than its graph has; a host that starts knows of none yet.
const anew = () => { if (O.stages.length && O.stages.map(s => s.name + ' ').join('') !== $('graph').dataset.stages) location.reload() }

function merge(changed) {
  const by = new Map(O.targets.map(t => [t.job, t]))
  for (const t of changed) by.set(t.job, t)
  // of a number the one on the chain is shown
  const best = new Map()
  for (const t of by.values()) { const b = best.get(t.number); if (!b || b.orphaned || !t.orphaned && t.time >= b.time) best.set(t.number, t) }
  O.targets = [...best.values()].sort((a, b) => b.number - a.number).slice(0, 200)
}

function mark(what) {
  dirty.add(what)
  if (!frame) frame = requestAnimationFrame(draw)
}

function draw() {
  frame = 0
  const all = dirty.has('all'), has = k => all || dirty.has(k)
  const f = figures(O, stream.now())
  if (gone) {
    const [word, reason] = stream.words(gone)
    f.word = { text: word, icon: gone === 'restarting' ? 'starting' : 'error', cls: gone === 'restarting' ? 'warn' : 'bad' }
    f.reason = reason
  }
  if (has('hardware')) gpus()
  for (const [e, k] of slots) if (k in f) figure(e, f[k])
  const title = `${f.word.text} · ${O.pipeline.name} · proofline`
  if (document.title !== title) document.title = title
  if (has('stages')) { cards(); plots.wires(); endpoints() }
  if (has('proving') || has('fit')) { move = plots.elapsed(O); tickElapsed() }
  if (has('targets')) plots.strip(O, stream.now)
  if (has('score')) plots.score(O)
  if (has('alerts')) alerts()
  if (has('failures')) failures()
  if (has('log')) logs()
  if (has('targets') && !paged) blocks()
  if (has('targets') || all) later(charts)
  dirty.clear()
}

// a GPU that was not there when the page was made gets its row, as host/monitor/assets/overview.html writes it
const gpuRow = k => h('tr', {}, h('td', { 'data-f': k + 'index' }),
  h('td', {}, s('svg', { class: 'meter', 'aria-hidden': 'true', viewBox: '0 0 100 8', preserveAspectRatio: 'none' }, s('rect', { class: 'track', width: 100, height: 8 }), s('rect', { class: 'dot', width: 0, height: 8 })), h('span', { 'data-f': k + 'load' })),
  h('td', { class: 'r', 'data-c': 'r', 'data-f': k + 'memory' }), h('td', { class: 'r' }, h('span', { 'data-f': k + 'heat' }, ico('none'), h('span'))), h('td', { class: 'r', 'data-c': 'r', 'data-f': k + 'power' }))
function gpus() {
  const G = O.hardware.gpus.slice(0, SLOTS.gpu), list = $('gpus').tBodies[0]
  while (list.rows.length < G.length) { const r = gpuRow(`gpu.${list.rows.length}.`); fill(r); list.append(r) }
  $('gpus').hidden = !G.length
  ;[...list.rows].forEach((r, i) => {
    const m = r.querySelector('.dot'), w = String(Math.max(0, G[i]?.percent ?? 0))
    r.hidden = i >= G.length
    if (m.getAttribute('width') !== w) m.setAttribute('width', w)
  })
}

// a stage's card carries its state in its class
function cards() {
  for (const s of O.stages) {
    const e = document.querySelector(`.card[data-stage="${CSS.escape(s.name)}"]`)
    if (!e) continue
    const cls = `card ${s.state} ${s.flag || ''} col-${s.column} row-${s.row}`
    if (e.className !== cls) e.className = cls
  }
}

// ── what moves by itself ──────────────────────────────────────────────────────
function tickElapsed() {
  const p = O.proving, now = stream.now()
  if (!p) {
    const left = O.chain.next_time ? Math.max(0, Date.parse(O.chain.next_time) - now) : null
    const e = left == null ? ['–', ''] : left >= 3.6e6 ? [long(left / 1000), ''] : [`${Math.floor(left / 6e4)}:${String(Math.floor(left / 1000) % 60).padStart(2, '0')}`, ' min']
    text($('el'), e[0]); text($('el-unit'), e[1]); text($('eta'), left == null ? '\u00a0' : 'until it is expected')
    return
  }
  const ms = p.counted_ms + Math.max(0, (gone ? Date.parse(O.time) : now) - Date.parse(p.counted_since)), big = ms > 6e5
  text($('el'), big ? dec(ms / 6e4, 1) : dec(ms / 1000, 1)); text($('el-unit'), big ? ' min' : ' s')
  const left = p.predicted_ms - ms
  text($('eta'), gone ? `at ${hms(O.time)} UTC` : !p.predicted_ms ? 'counted so far' : left > 0 ? `done in about ${dec(left / 1000, 0)} s` : ms <= p.high_ms ? `${dec(-left / 1000, 1)} s over, usual` : `${span(-left)} over`)
  move(ms)
}

let slow = 0
function tick() {
  stream.tick()
  const now = stream.now()
  if (slow++ % (calm ? 1 : 5) === 0) {
    text($('clock'), hms(now) + ' UTC')
    for (const e of document.querySelectorAll('[data-ago]')) text(e, ago(now - e.dataset.ago))
    for (const e of document.querySelectorAll('[data-in]')) text(e, until(e.dataset.in - now))
  }
  tickElapsed()
}

// ── below the first screen ────────────────────────────────────────────────────
const td = (cls, ...k) => h('td', { class: cls, role: 'cell' }, ...k)
const labelled = (l, ...k) => h('td', { class: 'r', role: 'cell', 'data-l': l }, ...k)
const time = t => td('nowrap', `${clock(stream.now(), t)} UTC · `, h('span', { class: 'm', 'data-ago': Date.parse(t) }, ago(stream.now() - Date.parse(t))))
const link = n => h('a', { href: blockLink(n) }, num(n))
const outcome = o => h('span', { class: 'o ' + OUT[o][2] }, ico(OUT[o][0]), OUT[o][1])
const docs = t => t ? h('a', { class: 'docs', href: '/docs/' + t }, 'What helps') : null
const none = (title, words) => h('div', { class: 'none' }, h('p', {}, h('b', {}, title), h('br'), words))

// body returns the rows of a table, which is made at its first row; without rows the empty state is shown
function body(id, cls, heads, rows, title, words) {
  const host = $(id)
  if (!rows.length) { if (host.dataset.empty !== title) { host.replaceChildren(none(title, words)); host.dataset.empty = title } return null }
  delete host.dataset.empty
  if (!host.querySelector('tbody')) {
    host.replaceChildren(h('table', { class: cls, role: 'table' }, h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map(x => h('th', { scope: 'col', role: 'columnheader', class: x[0] === '>' ? 'r' : null }, x.replace('>', ''))))), h('tbody', { role: 'rowgroup' })))
  }
  return host.querySelector('tbody')
}
const row = (...c) => h('tr', { role: 'row' }, ...c)
// rows are made anew only when what they show is not as before
const rows = (b, items, key, make) => b && keyed(b, items, x => key(x) + JSON.stringify(x), make)

function failures() {
  rows(body('fails', 'stack', ['Block', 'When', 'Stage', 'Class', 'Reason', 'Remedy and command', 'State'], O.failures, 'No failure', 'A block that cannot be proved will be here with its reason, what to do, and the command that retries it.'), O.failures, f => f.job,
    f => row(td('', link(f.number)), time(f.at), td('', f.stage), td('', f.class), td('wrap', f.reason), td('wrap', f.remedy || '', f.open ? command(f.command) : null, docs(f.topic)), td('', h('span', { class: 'o ' + (f.open ? 'bad' : 'm') }, ico(f.open ? 'error' : 'done'), f.open ? 'open' : 'settled'))))
}
function alerts() {
  rows(body('alertlist', 'stack', ['Level', 'Since', 'Stage', 'What', 'What to do', 'State'], O.alerts, 'No alert', 'Node down, prover stuck, reports refused, GPU hot, disk filling: each with since when and what to do.'), O.alerts, a => a.id + a.since,
    a => row(td('', h('span', { class: 'o ' + (a.until ? 'm' : a.level === 'error' ? 'bad' : 'warn') }, ico(a.until ? 'done' : a.level), a.level)), time(a.since), td('', a.stage || '–'), td('wrap', h('b', {}, a.title), h('br'), a.text), td('wrap', a.remedy || '–', a.until ? null : command(a.command), docs(a.topic)), td('', a.until ? `over after ${long((Date.parse(a.until) - Date.parse(a.since)) / 1000)}` : 'open')))
}
// counts change all the time: the cells of a row are made once, and their words changed
function endpoints() {
  const R = O.stages.flatMap(s => (s.endpoints || []).map(e => ({ stage: s.name, ...e })))
  $('endpoints').hidden = !R.length
  if (!R.length) return
  keyed(body('endlist', 'stack ends', ['Endpoint', 'Stage', 'State', '>Calls', '>Failed', '>Mean time'], R), R, e => e.stage + ' ' + e.name,
    e => row(td('wrap', h('code', {}, e.name)), td('', e.stage), td('wrap', h('span', { class: 'o' }, ico('none'), h('span'))), labelled('calls '), labelled('failed '), labelled('mean ')),
    (r, e) => {
      const [, , state, calls, failed, mean] = r.children, o = state.firstElementChild, part = e.calls ? e.failed / e.calls : 0
      const cls = 'o ' + (e.usable ? 'ok' : 'bad'), icon = e.usable ? 'done' : 'error'
      if (o.className !== cls) o.className = cls
      redraw(o.firstElementChild, icon)
      text(o.lastElementChild, e.usable ? 'usable' : (e.detail || '').replace(e.name + ': ', '') || 'not usable')
      text(calls, num(e.calls)); text(mean, e.calls ? span(e.time / 1e6 / e.calls) : '–')
      text(failed, e.failed ? `${num(e.failed)} · ${dec(100 * part, part < 0.1 ? 2 : 0)} %` : '0')
    })
}
const HEADS = ['Block', 'Time', '>Gas', 'Outcome', '>Proving time', '>From block', '>Attempts', 'Remark']
let paged = null
const blockRow = t => row(td('', link(t.number)), time(t.time), td('r', mgas(t.gas_used)), td('', outcome(t.outcome), t.after_reorg ? h('span', { class: 'm' }, ' after reorg') : ''), labelled('proved in ', dash(t.proving_time_ms)), labelled('after ', dash(t.total_ms)), td('r', String(t.attempts)), td('m', t.remark || ''))
function blocks() {
  const R = paged ? paged.rows : O.targets.slice(0, 25)
  text($('blocks-sub'), `${num(R.length)} shown, highest number first`)
  $('older').hidden = paged ? !paged.next : R.length < 25
  rows(body('blocklist', 'bt', HEADS, R, 'No block', paged ? 'None fits the filter.' : 'Every target block will be listed here.'), R, t => t.job, blockRow)
}
async function older(reset) {
  const q = new URLSearchParams({ limit: 50 }), f = new FormData($('block-filter')), to = (f.get('to') || '').replace(/\D/g, '')
  if (f.get('state')) q.set('state', f.get('state'))
  if (to) q.set('to', to)
  if (!reset && paged?.next) q.set('after', paged.next)
  if (reset && !f.get('state') && !to) { paged = null; return blocks() }
  try {
    const a = await (await fetch('/api/v1/jobs?' + q)).json()
    if (!a.jobs) return
    paged = { rows: [...(reset || !paged ? [] : paged.rows), ...a.jobs.map(j => j.target)], next: a.next }
    blocks()
  } catch { /* the page says that it is not connected */ }
}
const LEVELS = ['debug', 'info', 'warning', 'error']
function logs() {
  const f = new FormData($('log-filter')), b = (f.get('block') || '').replace(/\D/g, '')
  const R = O.log.filter(l => LEVELS.indexOf(l.level) >= LEVELS.indexOf(f.get('level')) && (!f.get('stage') || l.stage === f.get('stage')) && (!b || String(l.block || '').includes(b))).slice(0, 200)
  text($('log-sub'), `${R.length} lines, newest first`)
  rows(body('loglist', 'stack', ['Time (UTC)', 'Level', 'Stage', 'Block', 'Message'], R, 'No line', O.log.length ? 'None fits the filter.' : 'What the stages say will be here.'), R, l => l.id,
    l => row(td('', h('time', { datetime: l.at }, new Date(l.at).toISOString().slice(11, 23))), td('', h('span', { class: l.level === 'error' ? 'bad' : l.level === 'warning' ? 'warn' : 'm' }, l.level)), td('', l.stage || ''), td('', l.block ? link(l.block) : ''), td('wrap', l.text)))
}
async function filterLog() {
  const q = new URLSearchParams({ limit: 200 }), f = new FormData($('log-filter')), b = (f.get('block') || '').replace(/\D/g, '')
  q.set('level', f.get('level'))
  if (f.get('stage')) q.set('stage', f.get('stage'))
  if (b) q.set('block', b)
  logs()
  try {
    const lines = await (await fetch('/api/v1/log?' + q)).json(), by = new Map(O.log.map(l => [l.id, l]))
    for (const l of lines) by.set(l.id, l)
    O.log = [...by.values()].sort((x, y) => y.id - x.id).slice(0, 1000)
    logs()
  } catch { /* as above */ }
}

// charts are fetched when they can be seen, and at most every 10 s
let chartsAt = 0, seen = false, pending = 0
async function charts() {
  if (!seen) return
  if (Date.now() - chartsAt < 10000) { pending ||= setTimeout(() => { pending = 0; charts() }, 10000); return }
  chartsAt = Date.now()
  try {
    const C = await (await fetch('/api/v1/charts')).json()
    later(() => plots.charts(C, O, stream.now))
  } catch { /* as above */ }
}
const later = f => window.requestIdleCallback ? requestIdleCallback(f, { timeout: 1000 }) : setTimeout(f)

const stream = follow(store, data.dataset.event)
copies()
draw0()
function draw0() { mark('all'); cancelAnimationFrame(frame); draw() }
// The browser has looked for the place that the reader had left, or that the address names, when it was not there yet.
if (history.state?.y) scrollTo(0, history.state.y)
else if (location.hash && !scrollY) document.getElementById(location.hash.slice(1))?.scrollIntoView()
addEventListener('pagehide', () => history.replaceState({ y: scrollY }, ''))
new ResizeObserver(() => plots.wires()).observe($('graph'))
new IntersectionObserver(es => { if (es.some(e => e.isIntersecting) && !seen) { seen = true; charts() } }, { rootMargin: '400px' }).observe($('charts'))
$('block-filter').oninput = () => older(true)
$('older').onclick = () => older(false)
$('log-filter').oninput = filterLog
for (const f of document.forms) f.onsubmit = e => e.preventDefault()
setInterval(tick, calm ? 1000 : 200)
tick()
document.documentElement.dataset.ready = ''

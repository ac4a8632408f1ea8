// The figures of the first screen: what host/monitor/figures.go renders, of the same overview.
import { ago, until, num, dec, span, long, dash, mgas, mib, gib, unit, hms, clock, day, weekday, blockLink, percent } from './format.js'

export const OUT = {
  accepted: ['done', 'accepted', ''], late: ['late', 'accepted late', 'warn'], done: ['done', 'done', ''], reporting: ['waiting', 'proved, report waits', 'm'],
  failed: ['error', 'failed', 'bad'], rejected: ['rejected', 'report rejected', 'bad'], skipped: ['skip', 'skipped', 'm'],
  running: ['running', 'at work', 'acc'], waiting: ['waiting', 'waiting', 'm'],
}
export const ORDER = ['accepted', 'done', 'late', 'failed', 'rejected', 'skipped', 'reporting', 'waiting', 'running']
const STAGE = {
  running: ['running', 'acc'], idle: ['idle', 'm'], waiting: ['waiting', 'm'], paused: ['paused', 'warn'], stuck: ['warning', 'warn'],
  starting: ['starting', 'm'], down: ['error', 'bad'],
}
const STATE = { starting: ['starting', 'acc'], running: ['running', 'ok'], degraded: ['warning', 'warn'], stopping: ['starting', 'warn'] }
export const SLOTS = { recent: 5, attention: 4, gpu: 16, marks: 6 }
const HIDE = { text: '', hide: true }

export const openAlerts = o => o.alerts.filter(a => !a.until)

export function figures(o, now) {
  const f = {}
  const since = t => t ? { text: ago(now - Date.parse(t)), ago: Date.parse(t) } : { text: '' }
  head(f, o)
  summary(f, o, now, since)
  graph(f, o)
  proving(f, o)
  counts(f, o)
  for (let i = 0; i < SLOTS.recent; i++) recent(f, o.targets[i], `recent.${i}.`, i, now, since)
  score(f, o)
  gpus(f, o)
  attention(f, o, since)
  return f
}

function head(f, o) {
  const p = o.pipeline, icon = p.word === 'Unhealthy' ? ['error', 'bad'] : STATE[p.state]
  f.word = { text: p.word, icon: icon[0], cls: icon[1] }
  f.reason = p.reason
  f.where = `${p.name} · ${p.host}`
  f['n-fail'] = String(o.failures.filter(x => x.open).length)
  f['n-alert'] = String(openAlerts(o).length)
  f.foot = `proofline ${p.version} · ${p.select} · checkpoint ${mib(p.checkpoint_bytes)} · read-only`
}

function summary(f, o, now, since) {
  const c = o.chain, d = o.day, reports = o.pipeline.reports
  f.head = c.head ? num(c.head) : '–'
  f['head-ago'] = c.head ? since(c.head_time) : 'waits for the node'
  f['head-pace'] = c.head && c.pace_ms ? ' · a block every ' + span(c.pace_ms) : ''
  f.next = '–'; f['next-in'] = 'none follows'; f['next-at'] = ''
  if (c.next) {
    f.next = { text: num(c.next), href: blockLink(c.next) }
    f['next-in'] = 'no estimate yet'
    if (c.next_time) {
      const t = Date.parse(c.next_time)
      f['next-in'] = { text: until(t - now), in: t }
      f['next-at'] = ` · about ${hms(t)} UTC`
    }
  }
  f['latest-label'] = reports ? 'Latest accepted' : 'Latest done'
  const last = o.targets.find(t => ['accepted', 'late', 'done'].includes(t.outcome))
  f.latest = last ? { text: num(last.number), href: blockLink(last.number) } : '–'
  f['latest-ago'] = last ? since(new Date(Date.parse(last.time) + (last.total_ms || 0)).toISOString()) : 'none yet'
  f['latest-took'] = last ? ' · took ' + span(last.total_ms || 0) : ''
  f['day-label'] = (reports ? 'Accepted' : 'Done') + ' in 24 h'
  f.day = d.targets ? num(d.accepted) : '–'
  f['day-of'] = d.targets ? ` of ${num(d.targets)} targets` : ''
  f['day-sub'] = d.targets ? `median ${span(d.median_ms || 0)} from block` : 'none yet'
  const cost = d.cost ? ['Cost per proof', dec(d.cost, 4), ' ' + d.currency, `${dec(d.energy_wh, 1)} Wh, 24 h mean`]
    : d.energy_wh ? ['Energy per proof', dec(d.energy_wh, 1), ' Wh', '24 h mean, GPUs']
      : ['Failed in 24 h', num(d.failed), '', `${d.rejected} rejected · ${d.skipped} skipped`]
  ;['cost-label', 'cost', 'cost-unit', 'cost-sub'].forEach((k, i) => { f[k] = cost[i] })
}

function graph(f, o) {
  let paused = 0, shadows = 0
  for (const s of o.stages) {
    const k = `stage.${s.name}.`, icon = STAGE[s.state]
    f[k + 'icon'] = { text: '', icon: icon[0], cls: icon[1] }
    f[k + 'doing'] = { text: s.doing, cls: s.state === 'paused' || s.state === 'stuck' ? 'warn' : s.state === 'down' ? 'bad' : '' }
    f[k + 'queue'] = 'queue ' + num(s.queue)
    f[k + 'restarts'] = 'restarts ' + s.restarts
    f[k + 'memory'] = s.memory_bytes > 0 ? mib(s.memory_bytes) : ''
    if (s.state === 'paused' || s.state === 'down') paused++
    if (s.flag === 'shadow') shadows++
  }
  f['graph-sub'] = `${o.stages.length} stages` + (paused ? ` · ${paused} not working` : '') + (shadows ? ` · ${shadows} shadow` : '')
  const h = o.hardware
  f.outbox = o.outbox.waiting ? num(o.outbox.waiting) + ' reports wait' : 'empty'
  f['outbox-sub'] = o.outbox.words
  f.machine = `CPU ${dec(h.cpu_percent, 0)} % · memory ${dec(gib(h.memory_used_bytes), 0)} of ${dec(gib(h.memory_total_bytes), 0)} GiB`
  f['machine-sub'] = `disk ${dec(h.disk_free_bytes / 1e12, 2)} of ${dec(h.disk_total_bytes / 1e12, 2)} TB free`
  f['day-late'] = `${o.day.late} late · ${o.day.failed} failed`
  f['day-skipped'] = `${o.day.rejected} rejected · ${o.day.skipped} skipped`
}

function proving(f, o) {
  const p = o.proving
  for (let i = 0; i < SLOTS.marks; i++) f[`mark.${i}.name`] = f[`mark.${i}.at`] = HIDE
  if (!p) {
    f['now-title'] = 'Next to work on'
    f['now-number'] = f.next
    f['now-sub'] = ''
    f['now-predicted'] = 'nothing at work now'
    f['now-step'] = HIDE
    f['now-none'] = 'Elapsed time will run here against the prediction from the block’s gas.'
    return
  }
  f['now-title'] = o.pipeline.proves ? 'Now proving' : 'Now at work'
  f['now-number'] = { text: num(p.number), href: blockLink(p.number) }
  f['now-sub'] = ` · ${mgas(p.gas_used)} · ${num(p.tx_count)} transactions · ${p.hash.slice(0, 10)}…`
  f['now-predicted'] = p.predicted_ms ? span(p.predicted_ms) + ' predicted' : 'in ' + p.stage
  f['now-none'] = HIDE
  f['now-step'] = 'step ' + p.step + (p.fraction > 0 ? `, ${dec(100 * p.fraction, 0)} %` : '')
  p.marks.slice(0, SLOTS.marks).forEach((m, i) => { f[`mark.${i}.name`] = m.name + ' '; f[`mark.${i}.at`] = '+' + span(m.at_ms) })
}

function counts(f, o) {
  const n = {}
  for (const t of o.targets) n[t.outcome] = (n[t.outcome] || 0) + 1
  for (const k of ORDER) f['count.' + k] = { text: `${n[k] || 0} ${OUT[k][1]}`, icon: OUT[k][0], cls: OUT[k][2], hide: !n[k] }
  const reorgs = o.targets.filter(t => t.after_reorg).length
  f['count.reorg'] = { text: `${reorgs} after reorg`, icon: 'reorg', hide: !reorgs }
  f['strip-none'] = { text: 'none yet', hide: o.targets.length > 0 }
}

function recent(f, t, k, i, now, since) {
  for (const name of ['number', 'time', 'ago', 'gas', 'proving', 'total', 'attempts', 'remark']) f[k + name] = ''
  f[k + 'outcome'] = { text: '', icon: 'none', cls: 'o' }
  if (!t) { if (i === 0) f[k + 'time'] = 'none yet'; return }
  f[k + 'number'] = { text: num(t.number), href: blockLink(t.number) }
  f[k + 'time'] = clock(now, t.time) + ' UTC · '
  f[k + 'ago'] = since(t.time)
  f[k + 'gas'] = mgas(t.gas_used)
  f[k + 'outcome'] = { text: OUT[t.outcome][1], icon: OUT[t.outcome][0], cls: 'o ' + OUT[t.outcome][2] }
  f[k + 'proving'] = dash(t.proving_time_ms)
  f[k + 'total'] = dash(t.total_ms)
  f[k + 'attempts'] = String(t.attempts)
  f[k + 'remark'] = t.remark || (t.after_reorg ? 'after reorg' : '')
}

function score(f, o) {
  for (const k of ['under', 'forecast', 'spare', 'proved', 'paralyzed']) { f[`score-${k}-n`] = ''; f['score-' + k] = '–' }
  f.score = '–'
  f['score-verdict'] = { text: o.pipeline.proves || o.pipeline.state === 'starting' ? 'no target of this week has ended' : 'no stage makes a proof', icon: 'waiting', cls: 'm' }
  f['score-sub'] = ''
  f['score-under-label'] = 'Proved in time'
  f['score-forecast-label'] = 'Forecast'
  const s = o.score
  if (!s) return
  const r = s.rules, c = s.forecast, w = c ? c.week : s.last_7_days
  f['score-sub'] = `${r.cohort} · ${c ? 'since ' + day(w.from) : 'last 7 days'}`
  f['score-under-label'] = `Proved in under ${r.threshold_ms / 1000} s`
  if (!w.blocks) return
  const over = w.performance_percent - r.performance_bar, of = n => `${num(n)} of ${num(w.blocks)}`
  f.score = dec(w.performance_percent, 2)
  const v = over < 0 ? ['error', 'bad', 'below'] : over < 2 ? ['warning', 'warn', 'above'] : ['done', 'ok', 'above']
  f['score-verdict'] = { text: `${dec(Math.abs(over), 2)} points ${v[2]} ${r.performance_bar} %`, icon: v[0], cls: v[1] }
  f['score-under-n'] = of(w.under)
  f['score-under'] = percent(w.performance_percent)
  f['score-proved-n'] = r.liveness_bar ? `needs ${r.liveness_bar} %` : of(w.under + w.stunners)
  f['score-proved'] = percent(w.liveness_percent)
  f['score-paralyzed-n'] = of(w.paralyzers)
  f['score-paralyzed'] = percent(w.paralyzer_percent)
  if (!c) return
  f['score-forecast-label'] = 'Forecast for ' + weekday(c.deadline)
  f['score-forecast-n'] = `${dec(c.performance_low_percent, 1)} to ${percent(c.performance_high_percent, 1)}`
  f['score-forecast'] = percent(c.performance_percent, 1)
  f['score-spare-n'] = `of ${num(c.left)}, ${long(Math.max(0, c.slow_left) * c.pace_ms / 1000)}`
  f['score-spare'] = num(c.slow_left)
}

function gpus(f, o) {
  const h = o.hardware, G = h.gpus
  f['gpu-none'] = { text: h.gpu_note || 'No GPU is seen. Load, memory, heat and power of each will be here, from nvidia-smi every 5 s.', hide: G.length > 0 }
  f['gpu-sub'] = G.length ? `${G.length} × ${G[0].name.replace(/^NVIDIA /, '').replace(/^GeForce /, '')} · ${num(Math.floor(h.watts))} W` : ''
  G.slice(0, SLOTS.gpu).forEach((g, i) => {
    const k = `gpu.${i}.`
    f[k + 'index'] = String(g.index)
    f[k + 'load'] = unit(g.percent, 0, ' %')
    f[k + 'memory'] = g.memory_used_bytes < 0 ? '–' : dec(gib(g.memory_used_bytes), 1) + ' GiB'
    f[k + 'heat'] = g.lost ? { text: 'does not answer', icon: 'error', cls: 'bad' } : { text: unit(g.celsius, 0, ' °C'), icon: g.slowed ? 'warning' : 'none', cls: g.slowed ? 'warn' : '' }
    f[k + 'power'] = unit(g.watts, 0, ' W')
  })
}

function attention(f, o, since) {
  const A = openAlerts(o)
  f['attn-more'] = { text: `${A.length} open`, href: '#alerts', hide: !A.length }
  f['attn-none'] = { text: 'Nothing. Alerts and failing blocks will be here, with what to do.', hide: A.length > 0 }
  for (let i = 0; i < SLOTS.attention; i++) {
    const k = `attn.${i}.`, a = A[i]
    if (!a) {
      for (const name of ['row', 'ago', 'text']) f[k + name] = HIDE
      f[k + 'title'] = { text: '', icon: 'none', hide: true }
      continue
    }
    f[k + 'row'] = { hide: false }
    f[k + 'title'] = { text: a.title, icon: a.level, cls: a.level === 'error' ? 'bad' : a.level === 'warning' ? 'warn' : '' }
    f[k + 'ago'] = since(a.since)
    f[k + 'text'] = a.text
  }
}

// The stream of changes, and whether it is there. Two signs of life that do not come mean that it is not.
import { $, redraw, text } from './dom.js'
import { hms } from './format.js'

const BEAT = 5000

export function follow(store, event) {
  let source, heard = Date.now(), wait = 1000, retry = 0, state = 'connecting', skew = 0
  const now = () => Date.now() + skew
  const say = (icon, cls, words) => {
    const c = $('conn')
    c.firstElementChild.setAttribute('class', 'i ' + cls)
    redraw(c.firstElementChild, icon)
    text(c.lastElementChild, words)
  }
  const alive = e => {
    heard = Date.now(); wait = 1000
    if (e?.lastEventId) event = e.lastEventId
    if (state !== 'live') { state = 'live'; store.connected(true) }
  }
  const lost = kind => {
    source?.close(); source = null
    if (state !== kind) { state = kind; store.connected(false, kind, heard) }
    retry = Date.now() + wait
    wait = Math.min(wait * 2, 10000)
  }
  const open = () => {
    source?.close()
    source = new EventSource('/api/v1/events' + (event ? '?after=' + encodeURIComponent(event) : ''))
    heard = Math.max(heard, Date.now() - BEAT)
    source.addEventListener('overview', e => { alive(e); store.replace(JSON.parse(e.data)) })
    source.addEventListener('change', e => { alive(e); store.change(JSON.parse(e.data)) })
    source.addEventListener('beat', e => { alive(); skew = Date.parse(JSON.parse(e.data).time) - Date.now() })
    source.addEventListener('end', e => { const d = JSON.parse(e.data); heard = Date.now(); lost(d.stops ? 'restarting' : 'offline'); if (!d.stops) { event = ''; open() } })
    source.onerror = () => lost(state === 'restarting' ? 'restarting' : 'offline')
  }
  open()
  addEventListener('pagehide', () => source?.close())
  addEventListener('pageshow', e => { if (e.persisted) open() })
  return {
    now,
    tick() {
      if (source && Date.now() - heard > 2.4 * BEAT) lost('offline')
      if (!source && Date.now() >= retry) open()
      const gone = Math.floor((Date.now() - heard) / 1000)
      if (state === 'live') say('running', 'ok', 'live')
      else if (state === 'restarting') say('starting', 'warn', 'waits for the host')
      else if (state === 'connecting') say('starting', 'm', 'connects')
      else say('error', 'bad', `not connected for ${gone} s`)
    },
    words(kind) {
      return kind === 'restarting' ? ['Host is restarting', `The host said at ${hms(heard)} UTC that it stops. Figures are from then; the page goes on by itself.`]
        : ['Not connected', `This page has heard nothing since ${hms(heard)} UTC; figures are from then. The pipeline may well be running.`]
    },
  }
}

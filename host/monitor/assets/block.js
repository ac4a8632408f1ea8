// A block's page. While the block is not finished the page looks again when something of it changes.
import { $, copies, figure, text } from './dom.js'
import { figures } from './figures.js'
import { ago, hms } from './format.js'
import { follow } from './stream.js'

const data = $('overview-data'), number = +$('main').dataset.number
let O = JSON.parse(data.textContent), asking = false, again = false

async function look() {
  if (asking) { again = true; return }
  asking = true
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html'), next = page.getElementById('main')
    if (next) {
      const open = [...document.querySelectorAll('details[open] summary')].map(e => e.textContent)
      const main = $('main'), top = scrollY
      main.toggleAttribute('data-open', next.hasAttribute('data-open'))
      // sections are replaced only when they are not as before
      const old = [...main.children], fresh = [...next.children]
      if (old.length === fresh.length) fresh.forEach((e, i) => { if (!e.isEqualNode(old[i])) old[i].replaceWith(document.importNode(e, true)) })
      else main.replaceChildren(...fresh.map(e => document.importNode(e, true)))
      for (const d of document.querySelectorAll('details')) if (open.includes(d.firstElementChild.textContent)) d.open = true
      scrollTo(0, top)
    }
  } catch { /* the page says that it is not connected */ }
  asking = false
  if (again) { again = false; look() }
}
const show = () => { const f = figures(O, stream.now()); for (const e of document.querySelectorAll('[data-f]')) if (f[e.dataset.f] != null) figure(e, f[e.dataset.f]) }
const stream = follow({
  replace(o) { O = o; show(); look() },
  change(c) {
    Object.assign(O, Object.fromEntries(Object.entries(c).filter(([k]) => !['targets', 'log'].includes(k))))
    show()
    if (c.targets?.some(t => t.number === number) || c.proving?.number === number) look()
  },
  connected(yes) { document.documentElement.toggleAttribute('data-stale', !yes) },
}, data.dataset.event)
const tick = () => {
  stream.tick()
  text($('clock'), hms(stream.now()) + ' UTC')
  for (const e of document.querySelectorAll('[data-ago]')) text(e, ago(stream.now() - e.dataset.ago))
}
copies()
setInterval(tick, 1000)
tick()
document.documentElement.dataset.ready = ''

// Making and changing elements. Nothing here writes markup, so a strict policy holds.
import { ICONS } from './icons.js'

const NS = 'http://www.w3.org/2000/svg'
const put = (e, attrs, kids) => {
  for (const k in attrs) if (attrs[k] != null && attrs[k] !== false) e.setAttribute(k, attrs[k])
  for (const c of kids.flat(9)) if (c != null && c !== false) e.append(c)
  return e
}
export const h = (tag, attrs = {}, ...kids) => put(document.createElement(tag), attrs, kids)
export const s = (tag, attrs = {}, ...kids) => put(document.createElementNS(NS, tag), attrs, kids)
export const $ = id => document.getElementById(id)
export const text = (node, t) => { if (node && node.textContent !== t) node.textContent = t }
export const ico = (name, cls = '') => s('svg', { class: 'i ' + cls, viewBox: '0 0 12 12', 'aria-hidden': 'true' }, s('path', { 'data-i': name, d: ICONS[name] }))
// redraw makes an icon another one, in place.
export const redraw = (svg, name) => {
  const p = svg.firstElementChild
  if (p.dataset.i !== name) { p.dataset.i = name; p.setAttribute('d', ICONS[name] ?? '') }
}
export const copy = t => h('button', { type: 'button', 'data-copy': t, 'aria-label': 'Copy: ' + t }, 'Copy')
export const command = c => c ? h('span', { class: 'cmd' }, h('code', {}, c), copy(c)) : null

// one listener for every copy button, of the server or of the script
export function copies() {
  document.addEventListener('click', async e => {
    const b = e.target.closest?.('[data-copy]')
    if (!b) return
    try { await navigator.clipboard.writeText(b.dataset.copy); b.textContent = 'Copied' } catch { b.textContent = 'Press Ctrl+C'; getSelection().selectAllChildren(b.previousElementSibling || b) }
    setTimeout(() => { b.textContent = 'Copy' }, 1500)
  })
}

// figure puts a figure into its element, in place.
const shown = new WeakMap()
export function figure(e, f) {
  if (typeof f === 'string') f = { text: f }
  const was = shown.get(e)
  if (was && was.text === f.text && was.cls === f.cls && was.icon === f.icon && was.href === f.href && was.hide === f.hide && was.ago === f.ago && was.in === f.in) return
  shown.set(e, f)
  e.hidden = !!f.hide
  if (e.tagName === 'TR' || e.tagName === 'LI') return
  const svg = e.firstElementChild?.tagName === 'svg' ? e.firstElementChild : null
  if (svg) redraw(svg, f.icon || 'none')
  if (f.cls != null) {
    const cls = e.dataset.c ? `${e.dataset.c} ${f.cls}`.trim() : f.cls // data-c: what it has in any case
    if (e.className !== cls) e.className = cls
  }
  if (e.tagName === 'A') { if (f.href) e.setAttribute('href', f.href); else e.removeAttribute('href') }
  if (f.ago) e.dataset.ago = f.ago; else delete e.dataset.ago
  if (f.in) e.dataset.in = f.in; else delete e.dataset.in
  text(svg ? e.lastElementChild : e, f.text)
}

// keyed makes the children of a list those of items, in their order, and leaves alone what is there already.
export function keyed(list, items, key, make, update) {
  const have = new Map([...list.children].map(e => [e.dataset.key, e]))
  let at = list.firstElementChild
  for (const item of items) {
    const k = String(key(item))
    let e = have.get(k)
    if (e) have.delete(k); else { e = make(item); e.dataset.key = k }
    update?.(e, item)
    if (e === at) at = at.nextElementSibling; else list.insertBefore(e, at)
  }
  for (const e of have.values()) e.remove()
}

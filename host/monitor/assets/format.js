// How figures are written. host/monitor/figures.go and host/live/words.go write them in the same way.
export const dec = (x, d) => (Math.floor(x * 10 ** d + 0.5) / 10 ** d).toLocaleString('en-US', { minimumFractionDigits: d, maximumFractionDigits: d })
export const num = n => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',').replace('-', '−')
export const long = s => {
  s = Math.floor(s)
  const d = Math.floor(s / 86400), h = Math.floor(s % 86400 / 3600), m = Math.floor(s % 3600 / 60)
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`
}
export const span = ms => {
  const s = ms / 1000
  return s < 0.995 ? `${Math.round(ms)} ms` : s < 9.995 ? s.toFixed(2) + ' s' : s < 99.95 ? s.toFixed(1) + ' s' : long(s + 0.5)
}
export const dash = ms => ms ? span(ms) : '–'
const pad = n => String(n).padStart(2, '0')
export const hms = t => new Date(t).toISOString().slice(11, 19)
export const hm = t => new Date(t).toISOString().slice(11, 16)
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'], FULL = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
export const day = t => { t = new Date(t); return `${DAYS[t.getUTCDay()]} ${t.getUTCDate()} ${MONTHS[t.getUTCMonth()]}` }
export const weekday = t => FULL[new Date(t).getUTCDay()]
export const clock = (now, t) => (now - Date.parse(t) > 72e6 ? day(t) + ' ' : '') + hms(t)
export const ago = ms => {
  const s = Math.trunc(ms / 1000)
  return ms <= -1000 ? 'in ' + long(-s) : s < 1 ? 'now' : s >= 600 && s < 3600 ? `${Math.floor(s / 60)} min ago` : long(s) + ' ago'
}
export const until = ms => {
  const s = Math.floor(ms / 1000)
  return ms <= 0 ? 'due now' : s >= 3600 ? 'in ' + long(s) : s >= 60 ? `in ${Math.floor(s / 60)} min ${pad(s % 60)} s` : `in ${s} s`
}
export const gib = b => b / 2 ** 30
export const mib = b => b < 2 ** 30 ? dec(b / 2 ** 20, 0) + ' MiB' : dec(gib(b), 1) + ' GiB'
export const mgas = g => g ? dec(g / 1e6, 2) + ' Mgas' : '–'
export const unit = (v, d, name) => v < 0 ? '–' : dec(v, d) + name
export const blockLink = n => `/block/${n}`
export const percent = (x, d = 2) => dec(x, d) + ' %'

// What a page carries to begin with. Of the first screen the verdict and the graph are painted first, and in the next frame the other panels
// (style.css, data-shown). Then, half a second later at the latest, the page's module is started: a page in the background is not painted.
// Until the first paint nothing is fetched.
{
  const { module } = document.currentScript.dataset
  const show = () => { document.documentElement.dataset.shown = '' }
  const parsed = new Promise(done => document.addEventListener('DOMContentLoaded', done))
  const painted = new Promise(done => {
    setTimeout(done, document.hidden ? 0 : 500)
    new PerformanceObserver(l => { if (l.getEntriesByName('first-contentful-paint').length) done() }).observe({ type: 'paint', buffered: true })
  })
  parsed.then(() => requestAnimationFrame(() => requestAnimationFrame(show)))
  Promise.all([parsed, painted]).then(() => { show(); import(module) })
}

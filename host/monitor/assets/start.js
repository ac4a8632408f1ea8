// Starts the page's module when the browser has shown what the server has rendered, and half a second later at the latest: a page in the background is not painted.
// It is written into the page, so that nothing is fetched before the first paint.
{
  const { module } = document.currentScript.dataset
  const parsed = new Promise(done => document.addEventListener('DOMContentLoaded', done))
  const painted = new Promise(done => {
    setTimeout(done, document.hidden ? 0 : 500)
    new PerformanceObserver(l => { if (l.getEntriesByName('first-contentful-paint').length) done() }).observe({ type: 'paint', buffered: true })
  })
  Promise.all([parsed, painted]).then(() => import(module))
}

package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/proofline/proofline/host/live"
)

// Handler returns the handler for scrapes of a model's metrics. The response is in the text
// format or, if the scraper accepts it, in protocol buffers with native histograms. Events
// are counted from the call on.
func Handler(m *live.Model) http.Handler {
	r := prometheus.NewRegistry()
	counters := newEventCounters()
	counters.register(r)
	m.Observe(counters)
	r.MustRegister(
		&overviewCollector{model: m, now: time.Now},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true})
}

// put adds a value of a figure, with the values of the figure's labels.
type put func(v float64, labels ...string)

// figure is a metric that is read from an Overview.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(o *live.Overview, now time.Time, add put)
}

// gauge returns a figure that can go up and down.
func gauge(name, help string, read func(o *live.Overview, now time.Time, add put), labels ...string) figure {
	return figure{prometheus.NewDesc("proofline_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

// counter returns a figure that only grows while the host runs.
func counter(name, help string, read func(o *live.Overview, now time.Time, add put), labels ...string) figure {
	f := gauge(name, help, read, labels...)
	f.kind = prometheus.CounterValue
	return f
}

// overviewCollector collects the figures of the present Overview.
type overviewCollector struct {
	model *live.Model
	now   func() time.Time
}

// Describe implements prometheus.Collector.
func (p *overviewCollector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range figures {
		to <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (p *overviewCollector) Collect(to chan<- prometheus.Metric) {
	o, now := p.model.Overview(), p.now()
	for _, f := range figures {
		f.read(&o, now, func(v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
		})
	}
}

// unixSeconds returns a time in seconds since 1970.
func unixSeconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// boolValue returns 1 for true and 0 for false.
func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

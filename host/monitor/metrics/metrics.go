package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/proofline/proofline/host/live"
)

// Handler answers scrapes with the metrics of a model, in the text format or, where
// the scraper asks for it, as protocol buffers with native histograms. What happens
// is counted from now on.
func Handler(m *live.Model) http.Handler {
	r := prometheus.NewRegistry()
	counted := newCounted()
	counted.register(r)
	m.Observe(counted)
	r.MustRegister(
		&present{model: m, now: time.Now},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true})
}

// put adds a value with the values of its figure's labels.
type put func(v float64, labels ...string)

// figure is a metric that is read from an Overview.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(o *live.Overview, now time.Time, add put)
}

// gauge describes a figure that goes up and down.
func gauge(name, help string, read func(o *live.Overview, now time.Time, add put), labels ...string) figure {
	return figure{prometheus.NewDesc("proofline_"+name, help, labels, nil), prometheus.GaugeValue, read}
}

// counter describes a figure that only grows while the host lives.
func counter(name, help string, read func(o *live.Overview, now time.Time, add put), labels ...string) figure {
	f := gauge(name, help, read, labels...)
	f.kind = prometheus.CounterValue
	return f
}

// present collects the figures of the present picture.
type present struct {
	model *live.Model
	now   func() time.Time
}

// Describe implements prometheus.Collector.
func (p *present) Describe(to chan<- *prometheus.Desc) {
	for _, f := range figures {
		to <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (p *present) Collect(to chan<- prometheus.Metric) {
	o, now := p.model.Overview(), p.now()
	for _, f := range figures {
		f.read(&o, now, func(v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, v, labels...)
		})
	}
}

// unix is a time as Prometheus has it.
func unix(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

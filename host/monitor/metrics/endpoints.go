package metrics

import (
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/sdk/contract"
)

// endpointFigures are the metrics of the services that plugins depend on. The number of a
// plugin's endpoints is limited by contract.MaxEndpoints. The counters begin at zero with
// the plugin's process.
var endpointFigures = []figure{
	endpointFigure(gauge, "endpoint_up", "1 while the endpoint is of use for all that it is configured for.", func(e contract.Endpoint) float64 { return boolValue(e.Usable) }),
	endpointFigure(counter, "endpoint_requests_total", "Calls to the endpoint that have ended.", func(e contract.Endpoint) float64 { return float64(e.Calls) }),
	endpointFigure(counter, "endpoint_errors_total", "Calls to the endpoint that have failed.", func(e contract.Endpoint) float64 { return float64(e.Failed) }),
	endpointFigure(counter, "endpoint_request_seconds_total", "Time that the calls to the endpoint took, in all.", func(e contract.Endpoint) float64 { return e.Time.Seconds() }),
}

// endpointFigure returns a figure with a value for every endpoint.
func endpointFigure(kind func(string, string, func(*live.Overview, time.Time, put), ...string) figure, name, help string, value func(contract.Endpoint) float64) figure {
	return kind(name, help, func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			for _, e := range s.Endpoints {
				add(value(e), s.Name, e.Name)
			}
		}
	}, "stage", "endpoint")
}

package metrics

import (
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/sdk/contract"
)

// endpointFigures are what plugins tell of the services that they depend on. The
// number of a plugin's endpoints is bounded where its answer is read
// (contract.MaxEndpoints). The counters begin at zero with the plugin's process.
var endpointFigures = []figure{
	ofEndpoints(gauge, "endpoint_up", "1 while the endpoint is of use for all that it is configured for.", func(e contract.Endpoint) float64 { return truth(e.Usable) }),
	ofEndpoints(counter, "endpoint_requests_total", "Calls to the endpoint that have ended.", func(e contract.Endpoint) float64 { return float64(e.Calls) }),
	ofEndpoints(counter, "endpoint_errors_total", "Calls to the endpoint that have failed.", func(e contract.Endpoint) float64 { return float64(e.Failed) }),
	ofEndpoints(counter, "endpoint_request_seconds_total", "Time that the calls to the endpoint took, in all.", func(e contract.Endpoint) float64 { return e.Time.Seconds() }),
}

// ofEndpoints describes a figure that every endpoint has.
func ofEndpoints(kind func(string, string, func(*live.Overview, time.Time, put), ...string) figure, name, help string, value func(contract.Endpoint) float64) figure {
	return kind(name, help, func(o *live.Overview, _ time.Time, add put) {
		for _, s := range o.Stages {
			for _, e := range s.Endpoints {
				add(value(e), s.Name, e.Name)
			}
		}
	}, "stage", "endpoint")
}

// Package monitor serves the state of a running pipeline over HTTP. It is read-only.
//
//	GET /                    the dashboard; /block/<number> is the page of a block
//	GET /docs/<topic>        the documentation, as `proofline docs` has it
//	GET /health              the health of all stages, with code 200 or 503
//	GET /health/ready        200 once every stage is ready, else 503
//	GET /health/live         200 while the server answers
//	GET /metrics             the metrics of package metrics, for Prometheus
//	GET /api/v1/…            the JSON API, described by /api/v1/openapi.json
//	GET /api/v1/events       changes as server-sent events; a client can resume
//
// The health paths exist below /api, too. Their responses keep the form that operators
// of ethrex-ethproofs already parse (lambdaclass/ethrex-ethproofs:README.md,
// "Health Endpoint"): fields may be added, but are never renamed.
//
// The server renders the dashboard from the templates in assets. A script in assets then
// keeps the page up to date. Both compute the figures of the page from the same
// live.Overview, the server in figures.go and the script in assets/figures.js. A test
// compares the two.
//
// No request changes anything, and no response contains a configuration value, so that
// the port may be open to a monitoring system. If it must be open to others, set
// monitor.token. The server answers only under host names that nobody else can own.
// Otherwise a page on the internet could read the monitor through a visitor's browser.
// Commands that change a pipeline go through package control.
package monitor

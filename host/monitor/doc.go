// Package monitor shows, over HTTP and read-only, how a running pipeline is.
//
//	GET /                    the dashboard; /block/<number> is the page of a block
//	GET /docs/<topic>        the documentation, as `proofline docs` has it
//	GET /health              the whole picture, and 200 or 503
//	GET /health/ready        200 once every stage is ready, else 503
//	GET /health/live         200 while the server answers
//	GET /metrics             what package metrics counts, for Prometheus
//	GET /api/v1/…            what openapi.json there describes
//	GET /api/v1/events       changes as server-sent events, resumable
//
// and the health paths below /api too. Their answers keep the shape that operators of
// ethrex-ethproofs already parse (lambdaclass/ethrex-ethproofs:README.md,
// "Health Endpoint"): fields are added, never renamed.
//
// The dashboard is rendered by the server, from the templates in assets, and taken
// over by a script there that keeps it up to date in place. Its figures are made
// twice, in figures.go and in assets/figures.js, of the same live.Overview; a test
// holds the two together.
//
// Nothing here changes anything, and nothing shows a configuration value, so the
// port may be open to a monitoring system. Whoever must open it further sets
// monitor.token. Names that somebody else can own are not answered, so that no page
// on the internet can read the monitor through a visitor's browser. Commands that
// change something go through package control.
package monitor

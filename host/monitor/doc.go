// Package monitor answers, over HTTP and read-only, how a running pipeline is.
//
//	GET /               which pipeline this is, and the paths
//	GET /health         the whole picture, and 200 or 503
//	GET /health/ready   200 once every stage is ready, else 503
//	GET /health/live    200 while the server answers
//	GET /api/v1/status  stages and jobs at this instant: status.Snapshot
//	GET /api/v1/score   the standing by EthProofs' rules: score.Report
//
// and the health paths below /api too. Their answers keep the shape that operators of
// ethrex-ethproofs already parse (lambdaclass/ethrex-ethproofs:README.md,
// "Health Endpoint"): fields are added, never renamed.
//
// Nothing here changes anything, and nothing shows a configuration value, so
// the port may be open to a monitoring system. Commands that change something
// go through package control.
package monitor

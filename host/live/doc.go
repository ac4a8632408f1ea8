// Package live holds the present state of a running pipeline for the dashboard, the
// API, the metrics and the terminal: an Overview, and a stream of its changes. It
// changes nothing in the pipeline.
//
//	engine ──Source──► Model ──► Overview, Charts      (whole state, on request)
//	                     ├─────► Reader                (changes, as JSON)
//	                     └─────► Observer              (counters of the metrics)
//
// A Model asks its Source for the state a few times a second, compares it with the last
// one, and sends the difference to its readers. The engine does not know the readers
// and never waits for them. A reader that is too slow is dropped (see Reader).
//
// All figures are computed in this package; the views only format them. Times are UTC.
// Durations whose JSON name ends in _ms are in milliseconds.
package live

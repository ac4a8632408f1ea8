// Package live holds the one picture of a running pipeline that dashboard, API,
// metrics and terminal show: an Overview, and a stream of what changes in it.
//
// A Model asks its Source for the state a few times a second, compares it with what
// it has, and hands the difference to whoever reads. The engine knows nothing of
// readers and never waits for one: a reader that does not keep up is dropped and
// told so (see Reader).
//
// Every figure is defined here, once; views format and lay out. Times are UTC,
// durations are milliseconds where the JSON name ends in _ms.
package live

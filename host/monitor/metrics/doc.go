// Package metrics exports the state of a live.Model to Prometheus.
//
// States, such as heads, queues and GPUs, are read from the model's Overview at each
// scrape. Events, such as the time that a stage took, are counted when the model reports
// them to its observers. So each figure has one definition, and a scrape does not use the
// engine. Counters begin at zero with the host, as Prometheus expects of a process.
//
// Names follow https://prometheus.io/docs/practices/naming: base units, _total for
// counters, and times as Unix time, so that an age is time() minus the metric. Labels have
// the names of stages, and at most endpointNameLimit names from plugins, so that a plugin
// cannot increase the number of series without limit.
//
// The folder grafana beside this one has a dashboard and alert rules for these metrics.
package metrics

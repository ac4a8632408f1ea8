// Package metrics offers what a live.Model shows to Prometheus.
//
// What is, such as heads, queues and GPUs, is read from the model's Overview at each
// scrape; what happens, such as the time that a stage took, is counted as the model
// tells of it. So a figure has one definition, and a scrape costs the engine nothing.
// Counters begin at zero with the host, as Prometheus expects of a process.
//
// Names follow https://prometheus.io/docs/practices/naming: base units, _total for
// counters, times as Unix time so that ages are time() minus them. Labels take the
// names of stages, and of what a plugin says at most maxNames values, so that no
// plugin can make the number of series grow.
//
// The folder grafana beside this one has a dashboard and alert rules over these
// names.
package metrics

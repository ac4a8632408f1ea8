// Package launch starts, watches and stops plugin processes.
//
// Launch runs one plugin under a keeper (package keeper) and connects to it with
// go-plugin over a unix socket with mutual TLS. It checks that the plugin is the one
// in the catalog, and configures it. The methods of *Plugin take and return types of
// package contract. The generated types of the protocol stay inside this package.
//
// A Stage keeps one plugin running. It polls the plugin's health, passes work calls to
// the process that runs, and starts a plugin that has ended again:
//
//	starting ──► ready                           the plugin was configured
//	ready ◄──► degraded, unavailable             by the plugin's health
//	starting, ready, degraded, unavailable
//	      ├────► backoff                         the process ended, or did not start
//	      └────► quarantined                       the same, after too many crashes
//	backoff, quarantined ──► starting            after a pause, or by Restart
//	every state ──► stopped                      by Stop
//
// The package guarantees:
//
//  1. Every call ends. A plugin without a sign of life for the heartbeat timeout is
//     stopped, and its calls end as interrupted.
//  2. The error of a call that ends because the process ended contains the exit code
//     or signal and the last lines of stderr.
//  3. If Stop returns without an error, no process of the plugin is left. The same
//     holds before a stage starts its plugin again.
//  4. Nothing that a plugin prints can harm the host, and no command line contains a
//     secret.
package launch

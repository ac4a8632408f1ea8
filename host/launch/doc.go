// Package launch starts, watches and stops plugin processes.
//
// Launch runs one plugin under a keeper (package keeper), connects to it with
// go-plugin over a unix socket with mutual TLS, checks that it is what the
// catalog says, and configures it. The *Plugin speaks in contract types; the
// generated ones stay inside this package.
//
// A Stage keeps one plugin running: it starts it again with growing pauses,
// sets one that keeps crashing aside, polls its health, and hands work calls to
// whichever process is up.
//
// What the rest of the host may rely on:
//
//  1. Every call ends. A plugin that shows no sign of life for the heartbeat
//     timeout is stopped, and its calls end as interrupted.
//  2. A call that ends because the process did carries the exit code or signal
//     and the last lines of stderr.
//  3. When Stop returns without an error no process of the plugin is left, and
//     the same holds when a stage starts its plugin again.
//  4. Nothing that a plugin prints can harm the host, and no secret reaches a
//     command line.
package launch

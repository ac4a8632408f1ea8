// Package keeper is the process between the host and a plugin. It makes sure that no
// process of the plugin is left when the host, the plugin or the keeper itself ends.
//
//	host ──lifeline (socket)──► keeper ──► plugin ──► processes that it starts
//	                              │           └─ all of them inherit the instance lock
//	                              └─ adopts orphans, ends last
//
// The keeper
//
//  1. adopts every orphan of the plugin's process tree (child sub-reaper), also daemons
//     that forked twice and called setsid;
//  2. holds the instance lock, which the whole tree inherits. If the lock is free, every
//     process of the old tree has ended. Process ids, which the kernel reuses, could not
//     show that;
//  3. watches the lifeline, a socket whose other end only the host holds. The lifeline
//     closes when the host has died or wants to stop the plugin;
//  4. then continues and terminates the plugin's process group, waits for the grace
//     period, and kills the remaining processes until it has no children;
//  5. exits last, with the plugin's exit code, or with 128 + the number of the signal that
//     ended the plugin.
//
// The keeper's program is cmd/proofline-keeper, beside the host's executable. The host
// uses it only if its digest is the one that the host was built with. Otherwise, for
// example after "go install", the host starts its own executable as
// "proofline keeper … -- PLUGIN…". This does the same but needs more memory.
//
// A plugin with a Confinement or with another user is started through one more process
// of the same executable. That process restricts itself with Landlock, a network
// namespace and fewer capabilities, and then executes the plugin. The keeper itself keeps
// the host's user.
//
// The host never kills the keeper. If something else kills it, the plugin dies with it
// (parent death signal). Processes that the plugin had started survive. Sweep finds them
// by the marks in their environment and kills them.
//
// The package is for Linux only.
package keeper

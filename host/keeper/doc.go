// Package keeper is the process between the host and a plugin. It leaves no
// process behind, whatever dies first.
//
// The host starts a program of its own for it, cmd/proofline-keeper, that lies beside the
// host's executable and has the digest that executable was built with. Where there is
// none, as after "go install", or another one, the host starts its own executable again
// as "proofline keeper … -- PLUGIN…", which does the same and holds more memory. The
// keeper
//
//  1. adopts every orphan of the plugin's tree (child sub-reaper), also
//     daemons that forked twice and called setsid;
//  2. holds the instance lock, which the whole tree inherits: a free lock means
//     that every process of the old tree is gone, with no doubt about recycled
//     process ids;
//  3. watches the lifeline, a socket whose other end only the host holds. When
//     it closes, the host is dead or wants the plugin stopped;
//  4. then continues and terminates the plugin's process group, waits the grace
//     period, and kills what is left until there are no children;
//  5. exits last, with the plugin's exit code, or 128 + the number of the
//     signal that ended it.
//
// A plugin with a Confinement, or of another user, is started by way of one more process
// of the same executable, which takes away from itself, by Landlock, a network namespace
// and its capabilities, what the plugin may not reach, and then becomes the plugin. The
// keeper itself stays the host's user.
//
// The keeper is never killed by the host. If something else kills it, the
// plugin dies with it (parent death signal); what the plugin had started stays,
// and Sweep ends it by the marks in its environment.
//
// The package works on Linux. Elsewhere every entry point says so.
package keeper

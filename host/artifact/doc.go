// Package artifact keeps the files that attempts make.
//
//	<data>/attempts/<job>/<stage>/<attempt>/in    inputs, hard links to earlier outputs
//	                                        out   outputs, immutable once accepted
//	                                        tmp   scratch
//	<data>/attempts/<job>/events/<reporter>/<seq>-<try>/…
//	<output>/<number>/                            what people and scripts read
//
// An output becomes an artifact when Accept has found it complete: a plain file
// inside out/, of the size and hash that the plugin stated, and has synced it. From then on
// it is read-only and is named by its path relative to the data directory. A
// stage sees earlier artifacts as hard links in its own in/, so that no plugin
// is given a path outside its own directory.
//
// Every path that a plugin names is resolved below the attempt's directory;
// neither .. nor a symbolic link leads out of it.
package artifact

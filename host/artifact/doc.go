// Package artifact keeps the files that attempts make. It does not know which of them are
// still needed; the checkpoint does.
//
//	<data>
//	└── attempts
//	    ├── <job>
//	    │   ├── <stage>
//	    │   │   └── <attempt>
//	    │   │       ├── in     inputs, hard links to earlier outputs
//	    │   │       ├── out    outputs, immutable once accepted
//	    │   │       └── tmp    scratch files
//	    │   └── events
//	    │       └── <reporter>
//	    │           └── <seq>-<try>    in, out and tmp of one try of an event
//	    ├── alerts       files of events about no block, as in a job
//	    └── requests     files of the operator's requests, as in a job
//	<output>
//	├── <number>         published files of a block
//	└── <number>-<hash8> published files of an orphan
//
// An output becomes an artifact when Accept has found that it is a plain file inside
// out/ with the size and hash that the plugin stated. From then on it is read-only and is
// named by its path relative to the data directory. A stage gets earlier artifacts as
// hard links in its own in/, so that no plugin is given a path outside its directory.
//
// Every path that a plugin names is resolved below the directory of the attempt. Neither
// .. nor a symbolic link leads out of it.
package artifact

// Package cluster proves guest inputs on a cluster of ZisK workers, through the
// coordinator of ZisK 0.17 to 1.0.
//
// A job on the cluster goes on when this process ends. Therefore the plugin sends the
// job's id to the host as a resume token as soon as the coordinator has accepted the job,
// and the next attempt waits for that job:
//
//	write a note ─► submit ─► accepted ─► token to the host ─► remove the note ─► wait ─► proof
//
// A crash between submission and token leads to a second job. The next attempt finds the
// note in the state directory, counts the case and logs it.
//
// The coordinator keeps programs and jobs in memory, has no queue, and removes a job an
// hour after its end. A job that it does not know is submitted again. A program that it
// does not know is registered and set up again.
package cluster

// Package cluster proves guest inputs on a cluster of ZisK workers, through the
// coordinator of ZisK 0.17 to 1.0.
//
// The proof is made elsewhere and goes on when this process ends. So the job's
// id is handed to the host as soon as the coordinator has accepted the job, and
// the next attempt waits for that job rather than paying for another one. Only
// between acceptance and the stored id can a crash cost a second job: a note in
// the state directory, written before and removed after, makes the next attempt
// count and log that.
//
// The coordinator keeps programs and jobs in memory, has no queue, and forgets
// a job an hour after its end. A job that it does not know is submitted anew; a
// program that it does not know is registered and set up again.
package cluster

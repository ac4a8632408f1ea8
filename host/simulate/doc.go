// Package simulate runs the engine of package engine in virtual time. It answers, before
// a machine is bought, how many GPUs keep up with a chain. A Plan goes in, a Result comes
// out.
//
// The whole engine runs: polling, claims, urgency and pressure, slots, retries and
// back-off, pauses, breakers, reorgs, repair of gaps, age, and the recovery after an
// outage of the machine. Records, selection and score are those of the packages record,
// selection and score. The virtual clock runs one goroutine at a time and advances when
// all of them wait, so that the same Plan always has the same Result.
//
// The parts that the engine calls are doubles. The source is a chain of slots whose
// blocks have the gas of a Series. The input builder takes a fixed time. The prover takes
// the time of a Model and fails at random. The store keeps records in memory, and there
// are no files. The outbox does not run: a proof is accepted a fixed time after it was
// recorded.
package simulate

// Package simulate runs the engine of package engine in virtual time, to tell before a
// machine is bought how a cohort of GPUs would keep up with a chain.
//
// What runs is the engine itself, all of it: polling, claims, urgency and pressure, slots,
// retries and back-off, pauses, breakers, reorgs, repair of gaps, age, and the recovery
// after a machine was away, with the records of package record, the selection of package
// selection and the judgement of package score. It goes by a Clock that runs one goroutine
// at a time and moves on when all of them wait, so that the same Plan always has the same
// Result.
//
// What is a double is what the engine sees through its ports. The source is a chain of
// slots whose blocks carry the gas of a Series; the input builder takes a fixed time; the
// prover takes the time of a Model and fails by chance; the store keeps records in memory
// and the files are none. The outbox does not run: a proof is accepted a fixed time after
// it was recorded.
package simulate

package main

import (
	"errors"
	"os"
	"time"

	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// doneBlock is the record of a finished block of chain 1.
func doneBlock(number uint64) *record.Job {
	rec := record.New(contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{1}}, record.Selected, time.Now())
	rec.State, rec.Finished = status.JobDone, time.Now()
	return rec
}

// writeFinished puts finished jobs into the checkpoint of a data directory.
func writeFinished(data string, jobs ...*record.Job) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	store, err := offline.OpenCheckpoint(data)
	if err != nil {
		return err
	}
	return errors.Join(store.Commit(record.Change{Jobs: jobs}), store.Close())
}

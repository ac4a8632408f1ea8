package sdktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// poll polls from the beginning until there is at least one block.
func (r *run) poll(ctx context.Context, i *instance, blocks int) (contract.PollResponse, error) {
	return r.pollFrom(ctx, i, nil, blocks)
}

// pollFrom polls after a cursor until there is at least one block. Only the check's limit
// bounds the time.
func (r *run) pollFrom(ctx context.Context, i *instance, cursor []byte, blocks int) (contract.PollResponse, error) {
	for {
		p, err := i.Poll(ctx, contract.PollRequest{Cursor: cursor, Selection: r.suite.Selection, Max: blocks, Wait: 5 * time.Second})
		switch {
		case err != nil:
			return p, fmt.Errorf("poll: %w", err)
		case len(p.Blocks) > blocks:
			return p, fmt.Errorf("poll: %d blocks, asked for at most %d", len(p.Blocks), blocks)
		case len(p.Blocks) > 0:
			return p, nil
		case p.Done:
			return p, skip{"the source has no more blocks"}
		}
		cursor = p.NextCursor
	}
}

func pollLimits(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	p, err := r.poll(ctx, i, 1)
	if err != nil {
		return err
	}
	for _, b := range p.Blocks {
		if !r.suite.Selection.Includes(b.Number) {
			return fmt.Errorf("block %d is no target", b.Number)
		}
	}
	never := r.never()
	begin := time.Now()
	p, err = i.Poll(ctx, contract.PollRequest{Selection: never, Max: 1, Wait: 300 * time.Millisecond})
	switch took := time.Since(begin); {
	case err != nil:
		return fmt.Errorf("poll for a block that is far away: %w", err)
	case len(p.Blocks) > 0:
		return fmt.Errorf("poll from block %d answers block %d", *never.From, p.Blocks[0].Number)
	case took > 10*time.Second:
		return fmt.Errorf("a poll that may wait 300ms took %v", took)
	}
	return nil
}

// never returns a selection of blocks beyond every head.
func (r *run) never() contract.Selection {
	from := uint64(1 << 40)
	return contract.Selection{Every: r.suite.Selection.Every, From: &from}
}

func pollDrained(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	polled := make(chan error, 1)
	go func() {
		_, err := i.Poll(ctx, contract.PollRequest{Selection: r.never(), Max: 1, Wait: r.suite.Limit})
		polled <- err
	}()
	select {
	case err := <-polled:
		return fmt.Errorf("the poll did not wait: %w", err)
	case <-time.After(200 * time.Millisecond): // the poll has usually begun to wait by then
	}
	drain, cancel := context.WithTimeout(ctx, r.suite.Grace)
	defer cancel()
	_, err = i.Drain(drain)
	if err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	select {
	case err = <-polled:
	case <-time.After(r.suite.Grace):
		return fmt.Errorf("the poll still waits %v after the drain", r.suite.Grace)
	}
	if err != nil && contract.ClassOf(err) != contract.ClassInterrupted {
		return fmt.Errorf("the error of the poll is %s, not interrupted: %w", contract.ClassOf(err), err)
	}
	return nil
}

func pollRepeatable(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	first, err := r.poll(ctx, i, 1)
	if err != nil {
		return err
	}
	var answers []contract.Block
	for range 2 {
		p, err := r.pollFrom(ctx, i, first.NextCursor, 1)
		if err != nil {
			return err
		}
		answers = append(answers, p.Blocks[0])
	}
	if answers[0].Number != answers[1].Number {
		return fmt.Errorf("block %d, then block %d", answers[0].Number, answers[1].Number)
	}
	return nil
}

func pollContinues(ctx context.Context, r *run) error {
	var numbers []uint64
	var cursor []byte
	for range 3 {
		i, err := r.ready(ctx, r.suite.Config)
		if err != nil {
			return err
		}
		p, err := r.pollFrom(ctx, i, cursor, 1)
		i.stop()
		if _, done := errors.AsType[skip](err); done && len(numbers) > 1 {
			break
		}
		if err != nil {
			return err
		}
		numbers, cursor = append(numbers, p.Blocks[0].Number), p.NextCursor
	}
	for k := 1; k < len(numbers); k++ {
		for n := numbers[k-1] + 1; n < numbers[k]; n++ {
			if r.suite.Selection.Includes(n) {
				return fmt.Errorf("block %d is missing in %v", n, numbers)
			}
		}
		if numbers[k] <= numbers[k-1] {
			return fmt.Errorf("the numbers do not ascend: %v", numbers)
		}
	}
	return nil
}

func resolveKnown(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	p, err := r.poll(ctx, i, 1)
	if err != nil {
		return err
	}
	want := p.Blocks[0]
	found, err := i.Resolve(ctx, want.Number)
	switch {
	case err != nil:
		return err
	case found[0].Block == nil:
		return fmt.Errorf("block %d is not known: %s", want.Number, found[0].Reason)
	case found[0].Block.ChainID != want.ChainID || found[0].Block.Hash != want.Hash:
		return fmt.Errorf("block %d has the hash %v, polled was %v", want.Number, found[0].Block.Hash, want.Hash)
	}
	return nil
}

func resolveUnknown(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	found, err := i.Resolve(ctx, 1<<40)
	switch {
	case err != nil:
		return fmt.Errorf("one unknown number fails the whole call: %w", err)
	case found[0].Block != nil:
		return errors.New("block 2^40 exists")
	case found[0].Reason == "":
		return errors.New("there is no reason")
	}
	return nil
}

func fetchNames(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	w, err := r.work(ctx, i)
	if err != nil {
		return err
	}
	for _, name := range []string{contract.ArtifactBlock, contract.ArtifactWitness} {
		if !slices.ContainsFunc(w.result.Outputs, func(a contract.Artifact) bool { return a.Name == name }) {
			return fmt.Errorf("%s is not among the outputs", name)
		}
	}
	return nil
}

package sdktest

import (
	"context"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

func reportRepeated(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	for try := range uint32(2) {
		event, err := r.event(r.suite.Event)
		if err != nil {
			return err
		}
		event.Try = try + 1
		if _, err := i.Report(ctx, event, nil); err != nil {
			return fmt.Errorf("try %d: %w", event.Try, err)
		}
	}
	return nil
}

func reportUnknownKind(ctx context.Context, r *run) error {
	return r.reports(ctx, "sdktest_of_a_later_version", false)
}

func reportNoBlock(ctx context.Context, r *run) error {
	for _, kind := range r.manifest.Events {
		if !kind.IsPhase() {
			return r.reports(ctx, kind, true)
		}
	}
	return skip{"the reporter wants no alerts"}
}

// reports has the reporter report an event, and returns its error.
func (r *run) reports(ctx context.Context, kind contract.EventKind, alert bool) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	event, err := r.event(kind)
	if err != nil {
		return err
	}
	if alert {
		event.Block, event.Artifacts = nil, nil
	}
	_, err = i.Report(ctx, event, nil)
	return err
}

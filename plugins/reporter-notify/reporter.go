package main

import (
	"context"
	"fmt"
	"time"

	"github.com/proofline/proofline/sdk"
)

// reporter hands events to its receiver. The host's outbox is per reporter, so that
// a receiver that is gone holds up nothing but its own messages.
type reporter struct {
	config   Config
	env      sdk.Env
	receiver interface {
		deliver(ctx context.Context, event *sdk.Event) error
		note() string
		close()
	} // nil while idle
}

func open(ctx context.Context, config Config, env sdk.Env) (*reporter, error) {
	r := &reporter{config: config, env: env}
	if config.isIdle() {
		return r, nil
	}
	if config.kind() == webhook {
		w, err := openWebhook(config)
		if err != nil {
			return nil, sdk.Permanent(err)
		}
		r.receiver = w
		return r, nil
	}
	p, err := openPeople(ctx, config, env)
	if err != nil {
		return nil, sdk.Permanent(fmt.Errorf("%s: %w", config.kind(), err))
	}
	r.receiver = p
	return r, nil
}

// Report implements sdk.Reporter.
func (r *reporter) Report(ctx context.Context, event *sdk.Event) (*sdk.Result, error) {
	// An event about this stage's own failure would only fail again.
	if r.receiver == nil || !r.config.wants(event.Kind) || !event.Kind.IsPhase() && event.Stage == r.env.Stage {
		return &sdk.Result{}, nil
	}
	if err := r.receiver.deliver(ctx, event); err != nil {
		return nil, err
	}
	return &sdk.Result{}, nil
}

// Note tells the operator at start where events go.
func (r *reporter) Note() string {
	if r.receiver == nil {
		return "idle: no receiver is configured (SLACK_WEBHOOK, or the address or token of another)"
	}
	return r.receiver.note()
}

// Close sends what is left to sum up and ends the reporter's own work.
func (r *reporter) Close() error {
	if r.receiver != nil {
		r.receiver.close()
	}
	return nil
}

// digestEvery is how often it is looked whether a digest is due.
const digestEvery = 30 * time.Second

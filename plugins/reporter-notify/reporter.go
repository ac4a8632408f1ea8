package main

import (
	"context"
	"fmt"
	"time"

	"github.com/proofline/proofline/sdk"
)

// reporter sends events to its receiver. The host has an outbox for each reporter, so
// that an unreachable receiver delays only its own messages.
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
	c, err := openChat(ctx, config, env)
	if err != nil {
		return nil, sdk.Permanent(fmt.Errorf("%s: %w", config.kind(), err))
	}
	r.receiver = c
	return r, nil
}

// Report implements sdk.Reporter. It returns once the receiver has accepted the event or
// the throttle has left it out.
func (r *reporter) Report(ctx context.Context, event *sdk.Event) (*sdk.Result, error) {
	// A report of an alert about this stage's own failure would fail, too.
	if r.receiver == nil || !r.config.wants(event.Kind) || !event.Kind.IsPhase() && event.Stage == r.env.Stage {
		return &sdk.Result{}, nil
	}
	if err := r.receiver.deliver(ctx, event); err != nil {
		return nil, err
	}
	return &sdk.Result{}, nil
}

// Note returns the place that events are sent to, for the host's start message.
func (r *reporter) Note() string {
	if r.receiver == nil {
		return "idle: no receiver is configured (SLACK_WEBHOOK, or the address or token of another)"
	}
	return r.receiver.note()
}

// Close sends the last digest and ends the background work of the reporter.
func (r *reporter) Close() error {
	if r.receiver != nil {
		r.receiver.close()
	}
	return nil
}

// digestInterval is the time between two checks whether a digest is due.
const digestInterval = 30 * time.Second

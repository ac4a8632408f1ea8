package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/reporter-slack/slack"
	"github.com/proofline/proofline/sdk"
)

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// digestEvery is how often it is looked whether a digest is due.
const digestEvery = 30 * time.Second

// reporter writes messages. The host's outbox is per reporter, so that a channel
// that is gone holds up nothing but its own messages.
type reporter struct {
	config   Config
	env      sdk.Env
	sender   slack.Sender
	throttle *slack.Throttle
	poster   *hook.Poster // nil while idle
	stop     context.CancelFunc
	done     sync.WaitGroup
}

func open(ctx context.Context, config Config, env sdk.Env) (*reporter, error) {
	r := &reporter{config: config, env: env, stop: func() {}}
	if !config.URL.IsSet() {
		return r, nil
	}
	poster, err := hook.New(config.URL, nil, config.Timeout.Std(), remedy)
	if err != nil {
		return nil, sdk.Permanent(fmt.Errorf("url: %w", err))
	}
	r.poster = poster
	r.sender = slack.Sender{Label: config.Label, Machine: slack.DescribeMachine(ctx), Version: release.Version}
	r.throttle = slack.NewThrottle(config.PerMinute, config.Window.Std())
	life, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.done.Go(func() { r.digests(life) })
	return r, nil
}

// Report implements sdk.Reporter.
func (r *reporter) Report(ctx context.Context, event *sdk.Event) (*sdk.Result, error) {
	if r.poster == nil || !slices.Contains(r.config.Events, string(event.Kind)) || event.Stage == r.env.Stage {
		return &sdk.Result{}, nil
	}
	if !r.throttle.Admit(event.Event, time.Now()) {
		event.Log.Debug("no message of its own", "id", event.ID)
		return &sdk.Result{}, nil
	}
	if err := r.post(ctx, r.sender.Compose(event.Event), event.Try); err != nil {
		return nil, err
	}
	r.throttle.Sent(event.Event, time.Now())
	return &sdk.Result{}, nil
}

func (r *reporter) post(ctx context.Context, message slack.Message, try uint32) error {
	body, err := json.Marshal(message)
	if err != nil {
		return sdk.Permanent(err)
	}
	return r.poster.Post(ctx, jsonHeader, body, try)
}

// digests sums up, until the context ends, what got no message of its own.
func (r *reporter) digests(ctx context.Context) {
	tick := time.NewTicker(digestEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.digest(ctx, false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			r.digest(last, true)
			cancel()
			return
		}
	}
}

func (r *reporter) digest(ctx context.Context, all bool) {
	left := r.throttle.TakeLeftOut(time.Now(), all)
	if left == nil {
		return
	}
	if err := r.post(ctx, r.sender.Digest(r.env.Pipeline, left, time.Now()), 1); err != nil {
		r.throttle.GiveBack(left)
		r.env.Log.Log(ctx, slog.LevelWarn, "the digest could not be sent", "error", err)
	}
}

// Note tells the operator at start whether messages go out.
func (r *reporter) Note() string {
	if r.poster == nil {
		return "idle: no Slack webhook is configured (SLACK_WEBHOOK)"
	}
	return "writes to the Slack channel behind " + r.poster.Host()
}

// Close sends what is left to sum up and ends the reporter's own work.
func (r *reporter) Close() error {
	r.stop()
	r.done.Wait()
	if r.poster != nil {
		r.poster.Close()
	}
	return nil
}

package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/reporter-notify/chat"
	"github.com/proofline/proofline/plugins/reporter-notify/message"
	"github.com/proofline/proofline/sdk"
)

// chatReceiver writes messages to a chat or a pager. It may be used concurrently.
type chatReceiver struct {
	kind     string
	env      sdk.Env
	format   chat.Format
	sender   message.Sender
	throttle *message.Throttle
	poster   *hook.Poster
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// openChat returns the receiver and starts its digests.
func openChat(ctx context.Context, config Config, env sdk.Env) (*chatReceiver, error) {
	r := receivers[config.kind()]
	poster, err := r.poster(config, r.address(config), nil)
	if err != nil {
		return nil, err
	}
	c := &chatReceiver{kind: config.kind(), env: env, format: r.format(config), poster: poster, stop: func() {},
		sender:   message.Sender{Label: config.Label, Machine: message.DescribeMachine(ctx), Version: release.Version},
		throttle: message.NewThrottle(config.PerMinute, config.Window.Std())}
	if !r.withoutDigest {
		digestCtx, stop := context.WithCancel(context.Background())
		c.stop = stop
		c.done.Go(func() { c.sendDigests(digestCtx) })
	}
	return c, nil
}

// deliver sends the event's message unless the throttle leaves it out.
func (c *chatReceiver) deliver(ctx context.Context, event *sdk.Event) error {
	if !c.throttle.Admit(event.Event, time.Now()) {
		event.Log.Debug("the event gets no message of its own", "id", event.ID)
		return nil
	}
	if err := c.post(ctx, c.sender.Compose(event.Event), event.Try); err != nil {
		return err
	}
	c.throttle.Sent(event.Event, time.Now())
	return nil
}

func (c *chatReceiver) post(ctx context.Context, m message.Message, try uint32) error {
	body, err := c.format.Body(m)
	if err != nil {
		return sdk.Permanent(err)
	}
	return c.poster.Post(ctx, jsonHeader, body, try)
}

// sendDigests sends digests of the events that were left out. When the context ends, it
// sends the last one and returns.
func (c *chatReceiver) sendDigests(ctx context.Context) {
	ticker := time.NewTicker(digestInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.sendDigest(ctx, false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			c.sendDigest(last, true)
			cancel()
			return
		}
	}
}

// sendDigest sends a digest if one is due, or in any case with all.
func (c *chatReceiver) sendDigest(ctx context.Context, all bool) {
	omitted := c.throttle.TakeLeftOut(time.Now(), all)
	if omitted == nil {
		return
	}
	if err := c.post(ctx, c.sender.Digest(c.env.Pipeline, omitted, time.Now()), 1); err != nil {
		c.throttle.GiveBack(omitted)
		c.env.Log.Log(ctx, slog.LevelWarn, "the digest could not be sent", "error", err)
	}
}

func (c *chatReceiver) note() string { return "writes to " + c.kind + " at " + c.poster.Host() }

func (c *chatReceiver) close() {
	c.stop()
	c.done.Wait()
	c.poster.Close()
}

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

// people writes messages to a chat or a pager.
type people struct {
	kind     string
	env      sdk.Env
	format   chat.Format
	sender   message.Sender
	throttle *message.Throttle
	poster   *hook.Poster
	stop     context.CancelFunc
	done     sync.WaitGroup
}

func openPeople(ctx context.Context, config Config, env sdk.Env) (*people, error) {
	r := receivers[config.kind()]
	poster, err := r.poster(config, r.address(config), nil)
	if err != nil {
		return nil, err
	}
	p := &people{kind: config.kind(), env: env, format: r.format(config), poster: poster, stop: func() {},
		sender:   message.Sender{Label: config.Label, Machine: message.DescribeMachine(ctx), Version: release.Version},
		throttle: message.NewThrottle(config.PerMinute, config.Window.Std())}
	if !r.withoutDigest {
		life, stop := context.WithCancel(context.Background())
		p.stop = stop
		p.done.Go(func() { p.digests(life) })
	}
	return p, nil
}

func (p *people) deliver(ctx context.Context, event *sdk.Event) error {
	if !p.throttle.Admit(event.Event, time.Now()) {
		event.Log.Debug("no message of its own", "id", event.ID)
		return nil
	}
	if err := p.post(ctx, p.sender.Compose(event.Event), event.Try); err != nil {
		return err
	}
	p.throttle.Sent(event.Event, time.Now())
	return nil
}

func (p *people) post(ctx context.Context, m message.Message, try uint32) error {
	body, err := p.format.Body(m)
	if err != nil {
		return sdk.Permanent(err)
	}
	return p.poster.Post(ctx, jsonHeader, body, try)
}

// digests sums up, until the context ends, what got no message of its own.
func (p *people) digests(ctx context.Context) {
	tick := time.NewTicker(digestEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.digest(ctx, false)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			p.digest(last, true)
			cancel()
			return
		}
	}
}

func (p *people) digest(ctx context.Context, all bool) {
	left := p.throttle.TakeLeftOut(time.Now(), all)
	if left == nil {
		return
	}
	if err := p.post(ctx, p.sender.Digest(p.env.Pipeline, left, time.Now()), 1); err != nil {
		p.throttle.GiveBack(left)
		p.env.Log.Log(ctx, slog.LevelWarn, "the digest could not be sent", "error", err)
	}
}

func (p *people) note() string { return "writes to " + p.kind + " at " + p.poster.Host() }

func (p *people) close() {
	p.stop()
	p.done.Wait()
	p.poster.Close()
}

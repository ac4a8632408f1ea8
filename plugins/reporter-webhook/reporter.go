package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/plugins/reporter-webhook/cloudevent"
	"github.com/proofline/proofline/plugins/reporter-webhook/target"
	"github.com/proofline/proofline/sdk"
)

// reporter hands events on. At most one of its targets is set.
type reporter struct {
	config  Config
	env     sdk.Env
	key     cloudevent.Key // nil for no signature
	poster  *hook.Poster
	file    *target.File
	command *target.Command
}

func open(_ context.Context, config Config, env sdk.Env) (*reporter, error) {
	r := &reporter{config: config, env: env}
	switch {
	case config.URL.IsSet():
		poster, err := hook.New(config.URL, config.header(), config.Timeout.Std(), "check url and headers of the stage "+env.Stage+" and the receiver")
		if err != nil {
			return nil, sdk.Permanent(fmt.Errorf("url: %w", err))
		}
		r.poster = poster
		if config.Secret.IsSet() {
			if r.key, err = cloudevent.ParseKey(config.Secret.Reveal()); err != nil {
				return nil, sdk.Permanent(fmt.Errorf("secret: %w", err))
			}
		}
	case config.File != "":
		path, err := filepath.Abs(config.File)
		if err != nil {
			return nil, sdk.Permanent(fmt.Errorf("file: %w", err))
		}
		r.file = &target.File{Path: path}
	case len(config.Command) > 0:
		r.command = &target.Command{Argv: config.Command, Timeout: config.Timeout.Std()}
	}
	return r, nil
}

// Report implements sdk.Reporter.
func (r *reporter) Report(ctx context.Context, event *sdk.Event) (*sdk.Result, error) {
	// An event about this stage's own failure would only fail again.
	if r.config.isIdle() || len(r.config.Events) > 0 && !slices.Contains(r.config.Events, string(event.Kind)) ||
		!event.Kind.IsPhase() && event.Stage == r.env.Stage {
		return &sdk.Result{}, nil
	}
	body, err := cloudevent.Encode(event.Event, r.config.Source)
	if err != nil {
		return nil, sdk.Permanent(fmt.Errorf("event %s (%s): %w", event.ID, event.Kind, err))
	}
	switch {
	case r.file != nil:
		err = r.file.Append(body)
	case r.command != nil:
		err = r.command.Feed(ctx, body, event.Temp(), variables(event), event.Try)
	default:
		header := http.Header{"Content-Type": {cloudevent.ContentType}}
		if r.key != nil {
			maps.Copy(header, r.key.Sign(event.ID, time.Now(), body))
		}
		err = r.poster.Post(ctx, header, body, event.Try)
	}
	if err != nil {
		return nil, err
	}
	return &sdk.Result{}, nil
}

// variables spare simple scripts the parsing of JSON.
func variables(event *sdk.Event) []string {
	env := []string{"PROOFLINE_EVENT=" + string(event.Kind), "PROOFLINE_EVENT_ID=" + event.ID,
		"PROOFLINE_PIPELINE=" + event.Pipeline, "PROOFLINE_STAGE=" + event.Stage}
	if event.Block != nil {
		env = append(env, "PROOFLINE_BLOCK="+strconv.FormatUint(event.Block.Number, 10), "PROOFLINE_BLOCK_HASH="+event.Block.Hash.String())
	}
	return env
}

// Note tells the operator at start where events go.
func (r *reporter) Note() string {
	switch {
	case r.file != nil:
		return "appends events to " + r.file.Path
	case r.command != nil:
		return "runs " + r.command.Argv[0] + " for each event"
	case r.poster != nil && r.key != nil:
		return "posts signed events to " + r.poster.Host()
	case r.poster != nil:
		return "posts unsigned events to " + r.poster.Host()
	}
	return "idle: none of url, file and command is set"
}

// Close drops idle connections.
func (r *reporter) Close() error {
	if r.poster != nil {
		r.poster.Close()
	}
	return nil
}

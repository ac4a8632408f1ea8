package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/plugins/reporter-notify/cloudevent"
	"github.com/proofline/proofline/plugins/reporter-notify/target"
	"github.com/proofline/proofline/sdk"
)

// eventReceiver sends events as CloudEvents. Exactly one of poster, file and command is
// set.
type eventReceiver struct {
	source  string         // source attribute of the events; may be empty
	key     cloudevent.Key // signs requests; nil for none
	poster  *hook.Poster
	file    *target.File
	command *target.Command
}

func openWebhook(config Config) (*eventReceiver, error) {
	e := &eventReceiver{source: config.Source}
	switch {
	case config.URL.IsSet():
		poster, err := receivers[webhook].poster(config, config.URL, config.header())
		if err != nil {
			return nil, fmt.Errorf("url: %w", err)
		}
		e.poster = poster
		if config.Secret.IsSet() {
			if e.key, err = cloudevent.ParseKey(config.Secret.Reveal()); err != nil {
				return nil, fmt.Errorf("secret: %w", err)
			}
		}
	case config.File != "":
		path, err := filepath.Abs(config.File)
		if err != nil {
			return nil, fmt.Errorf("file: %w", err)
		}
		e.file = &target.File{Path: path}
	default:
		e.command = &target.Command{Argv: config.Command, Timeout: config.Timeout.Std()}
	}
	return e, nil
}

func (e *eventReceiver) deliver(ctx context.Context, event *sdk.Event) error {
	body, err := cloudevent.Encode(event.Event, e.source)
	if err != nil {
		return sdk.Permanent(fmt.Errorf("event %s (%s): %w", event.ID, event.Kind, err))
	}
	switch {
	case e.file != nil:
		return e.file.Append(body)
	case e.command != nil:
		return e.command.Feed(ctx, body, event.Temp(), variables(event), event.Try)
	}
	header := http.Header{"Content-Type": {cloudevent.ContentType}}
	if e.key != nil {
		maps.Copy(header, e.key.Sign(event.ID, time.Now(), body))
	}
	return e.poster.Post(ctx, header, body, event.Try)
}

// variables returns the environment variables with which a script can read the event
// without parsing JSON.
func variables(event *sdk.Event) []string {
	env := []string{"PROOFLINE_EVENT=" + string(event.Kind), "PROOFLINE_EVENT_ID=" + event.ID,
		"PROOFLINE_PIPELINE=" + event.Pipeline, "PROOFLINE_STAGE=" + event.Stage}
	if event.Block != nil {
		env = append(env, "PROOFLINE_BLOCK="+strconv.FormatUint(event.Block.Number, 10), "PROOFLINE_BLOCK_HASH="+event.Block.Hash.String())
	}
	return env
}

func (e *eventReceiver) note() string {
	switch {
	case e.file != nil:
		return "appends events to " + e.file.Path
	case e.command != nil:
		return "runs " + e.command.Argv[0] + " for each event"
	case e.key != nil:
		return "posts signed events to " + e.poster.Host()
	}
	return "posts unsigned events to " + e.poster.Host()
}

func (e *eventReceiver) close() {
	if e.poster != nil {
		e.poster.Close()
	}
}

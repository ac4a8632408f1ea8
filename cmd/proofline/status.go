package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

func (c commands) status() *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "show the live state of stages and blocks",
		ArgsUsage:   "[FILE]",
		Description: "Gets the state from the host that runs the pipeline, or from the checkpoint if no host runs.",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "again every second, until interrupted"},
		},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			for {
				if err := c.showStatus(ctx, file); err != nil {
					return err
				}
				if !ctx.Bool("watch") {
					return nil
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Second):
				}
			}
		},
	}
}

func (c commands) showStatus(ctx *cli.Context, file string) error {
	p, err := c.reachReading(ctx.Context, file)
	if err != nil {
		return err
	}
	defer p.Close()
	snap, err := p.Snapshot(ctx.Context)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		if ctx.Bool("watch") { // one line each, for programs
			return json.NewEncoder(c.Stdout).Encode(snap)
		}
		return c.printJSON(snap)
	}
	var screen bytes.Buffer
	if ctx.Bool("watch") && isTerminal(c.Stdout) {
		screen.WriteString("\x1b[H\x1b[2J") // home, clear
	} else if ctx.Bool("watch") {
		fmt.Fprintf(&screen, "-- %s\n", snap.Time.Local().Format(time.DateTime))
	}
	if err := writeSnapshot(&screen, snap, c.paint(c.Stdout)); err != nil {
		return err
	}
	_, err = c.Stdout.Write(screen.Bytes())
	return err
}

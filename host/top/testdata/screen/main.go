// Command screen shows a recorded overview in a terminal, at the time at which it was
// recorded: screen OVERVIEW.json. It is for the test that looks at the terminal.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/top"
)

func main() {
	var o live.Overview
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err == nil {
		err = top.Run(context.Background(), top.Options{
			Overview: func(context.Context) (live.Overview, error) { return o, nil }, Now: func() time.Time { return o.Time },
			Input: os.Stdin, Output: os.Stdout, Environ: os.Environ(),
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/top"
)

// eraseLine moves to the beginning of a terminal's line and erases it (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

// progressLine is the last line of a terminal, below the log. The console's mutex guards
// it.
type progressLine struct{ text string }

// show replaces the progress line. An empty text removes it.
func (h *console) show(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if text != h.line.text {
		_, _ = io.WriteString(h.out, eraseLine+text)
		h.line.text = text
	}
}

// showProgress shows the progress of a pipeline below the log until ctx ends. It returns
// at once if the log does not go to a terminal that can erase lines.
func (c commands) showProgress(ctx context.Context, log *slog.Logger, overview func() live.Overview) {
	h, ok := log.Handler().(*console)
	kind, _ := c.LookupEnv("TERM")
	if !ok || kind == "" || kind == "dumb" {
		return
	}
	file, ok := h.out.(*os.File)
	if !ok {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		width, _, err := term.GetSize(file.Fd())
		if err != nil {
			return
		}
		h.show(top.Line(overview(), time.Now(), width))
		select {
		case <-ctx.Done():
			h.show("")
			return
		case <-tick.C:
		}
	}
}

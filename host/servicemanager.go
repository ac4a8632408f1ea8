package host

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/proofline/proofline/host/status"
)

// notifyEvery is the time between two notifications of a service manager without a
// watchdog.
const notifyEvery = 30 * time.Second

// notifyServiceManager notifies systemd that the pipeline runs, of its status line, and
// that the process is alive, until ctx ends. Each notification needs a snapshot, so a host
// whose engine hangs is not alive for the watchdog. It does nothing unless systemd has
// started the host with Type=notify. The protocol is that of sd_notify(3).
func (h *host) notifyServiceManager(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		h.Log.Warn("the watchdog of the service manager cannot be used", "error", err)
	}
	pause := notifyEvery
	if interval > 0 {
		pause = interval / 3
	}
	known, err := daemon.SdNotify(false, daemon.SdNotifyReady)
	if err != nil {
		h.Log.Warn("the service manager cannot be told that the pipeline works", "error", err)
	}
	if !known {
		return
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		snap := h.snapshot()
		text := "STATUS=" + statusLine(snap)
		if interval > 0 {
			text += "\n" + daemon.SdNotifyWatchdog
		}
		if _, err := daemon.SdNotify(false, text); err != nil {
			h.Log.Debug("the service manager was not told", "error", err)
		}
		select {
		case <-ctx.Done():
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
			return
		case <-tick.C:
		}
	}
}

// statusLine returns the line that systemctl status shows.
func statusLine(snap status.Snapshot) string {
	text := fmt.Sprintf("%d blocks at work, %d done, %d failed", snap.Counts.Active, snap.Counts.Done, snap.Counts.Failed)
	for _, s := range snap.Stages {
		if s.Paused != "" {
			return text + "; " + s.Name + " pauses"
		}
	}
	return text
}

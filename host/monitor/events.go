package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/proofline/proofline/host/live"
)

// writeLimit is how long one write to a client may take.
const writeLimit = 10 * time.Second

// frames keeps the last change as the text of an event, which is the same for all clients.
type frames struct {
	mu       sync.Mutex
	id       string
	lastText []byte
}

// text returns a change as the text of an event.
func (f *frames) text(e live.Event) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.id != e.ID {
		f.id, f.lastText = e.ID, fmt.Appendf(nil, "id: %s\nevent: change\ndata: %s\n\n", e.ID, e.Data)
	}
	return f.lastText
}

// events streams the changes of the overview:
//
//	event: overview  the whole Overview; the first event, unless Last-Event-ID allows to resume
//	event: change    the changed sections; a client can resume after its id
//	event: beat      shows that the connection works, with the server's time
//	event: end       the last event, with the reason
//
// in the form of server-sent events (WHATWG HTML, 9.2). A client that is too slow gets
// the event end and is disconnected. The pipeline never waits for a client.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = r.URL.Query().Get("after") // the id of the Overview in a page
	}
	reader, missed, overview, err := a.Model.Join(after)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		answer(w, nil, err)
		return
	}
	defer reader.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	write := func(text []byte) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		return control.Flush()
	}
	send := func(format string, args ...any) error { return write(fmt.Appendf(nil, format, args...)) }
	if send("retry: 2000\n\n") != nil {
		return
	}
	if overview != nil && send("id: %s\nevent: overview\ndata: %s\n\n", overview.ID, overview.Data) != nil {
		return
	}
	for _, e := range missed {
		if send("id: %s\nevent: change\ndata: %s\n\n", e.ID, e.Data) != nil {
			return
		}
	}
	for next := time.Now(); ; {
		if wait := time.Until(next); wait <= 0 {
			if send("event: beat\ndata: {\"time\":%q}\n\n", time.Now().UTC().Format(time.RFC3339Nano)) != nil {
				return
			}
			next = time.Now().Add(a.Beat)
		}
		ctx, cancel := context.WithDeadline(r.Context(), next)
		e, err := reader.Next(ctx)
		cancel()
		switch {
		case err == nil:
			if write(a.changes.text(e)) != nil {
				return
			}
		case errors.Is(err, live.ErrSlow), errors.Is(err, live.ErrStopped):
			_ = send("event: end\ndata: {\"reason\":%q,\"stops\":%t}\n\n", err.Error(), errors.Is(err, live.ErrStopped))
			return
		case r.Context().Err() != nil:
			if context.Cause(r.Context()) != nil {
				_ = send("event: end\ndata: {\"reason\":%q,\"stops\":true}\n\n", live.ErrStopped.Error())
			}
			return
		}
	}
}

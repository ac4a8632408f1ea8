package ethnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/proofline/proofline/sdk/redact"
)

// bell wakes everybody who waits, and may be rung at any time.
type bell struct {
	mu   sync.Mutex
	ch   chan struct{}
	last time.Time // when it was rung
}

func newBell() *bell { return &bell{ch: make(chan struct{})} }

func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch, b.last = make(chan struct{}), time.Now()
}

// rung is when the bell was rung last; the zero time before.
func (b *bell) rung() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// silence is how long a subscription may say nothing before it is taken for
// dead and made anew: five slots.
const silence = time.Minute

// firstPause is the wait before a broken subscription is made anew.
const firstPause = 200 * time.Millisecond

// wakeup keeps a newHeads subscription over WebSocket alive and rings the bell
// at every message. What the message says is not used: the truth is read over
// HTTP.
type wakeup struct {
	url, name string
	header    http.Header
	bell      *bell
	redactor  *redact.Redactor
	log       *slog.Logger
}

// run subscribes again and again until ctx ends.
func (w *wakeup) run(ctx context.Context) {
	pause := firstPause
	for {
		begun := time.Now()
		err := w.subscribe(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > silence {
			pause = firstPause
		}
		w.log.Debug("newHeads subscription ended, polling goes on", "endpoint", w.name, "error", w.redactor.Text(err.Error()), "again_in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 30*time.Second)
	}
}

// subscribe listens until the subscription ends, and says why it did.
func (w *wakeup) subscribe(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var options []rpc.ClientOption
	if len(w.header) > 0 {
		options = append(options, rpc.WithHeaders(w.header))
	}
	client, err := rpc.DialOptions(dial, w.url, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	heads := make(chan any, 16)
	sub, err := client.EthSubscribe(dial, heads, "newHeads")
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	w.log.Debug("newHeads subscription begins", "endpoint", w.name)
	w.bell.ring() // something may have been missed
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		select {
		case <-heads:
			w.bell.ring()
			quiet.Reset(silence)
		case err := <-sub.Err():
			if err == nil {
				err = errors.New("the connection was closed")
			}
			return err
		case <-quiet.C:
			return fmt.Errorf("no message for %v", silence)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

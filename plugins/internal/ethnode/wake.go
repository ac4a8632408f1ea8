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

// signal wakes all goroutines that wait for it. It can be sent at any time, and any
// number of times.
type signal struct {
	mu   sync.Mutex
	ch   chan struct{} // closed by the next send
	last time.Time
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

func (b *signal) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *signal) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch, b.last = make(chan struct{}), time.Now()
}

// lastSent returns the time of the last send, the zero time before the first.
func (b *signal) lastSent() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// subscriptionTimeout is how long a subscription may deliver no message, five slots,
// before it is replaced.
const subscriptionTimeout = time.Minute

// firstPause is the first wait before a broken subscription is replaced.
const firstPause = 200 * time.Millisecond

// headSubscription keeps a newHeads subscription over WebSocket alive and sends
// newBlocks at every message. It ignores the contents of the messages, because heads
// are read over HTTP.
type headSubscription struct {
	url, name string
	header    http.Header
	newBlocks *signal
	redactor  *redact.Redactor
	log       *slog.Logger
}

// run keeps a subscription until ctx ends.
func (w *headSubscription) run(ctx context.Context) {
	pause := firstPause
	for {
		begun := time.Now()
		err := w.subscribe(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > subscriptionTimeout {
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

// subscribe subscribes once and returns when the subscription ends, with the reason.
func (w *headSubscription) subscribe(ctx context.Context) error {
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
	w.newBlocks.send() // a block may have come before the subscription
	quiet := time.NewTimer(subscriptionTimeout)
	defer quiet.Stop()
	for {
		select {
		case <-heads:
			w.newBlocks.send()
			quiet.Reset(subscriptionTimeout)
		case err := <-sub.Err():
			if err == nil {
				err = errors.New("the connection was closed")
			}
			return err
		case <-quiet.C:
			return fmt.Errorf("no message for %v", subscriptionTimeout)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

package simulate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/host/engine"
)

// TestClockOrder: goroutines run one at a time, in the order of the times that they wait
// for. If the times are equal, the one that began to wait first runs first.
func TestClockOrder(t *testing.T) {
	for range 20 {
		c := newClock(genesis)
		var order []string
		sleeper := func(name string, pauses ...time.Duration) {
			c.Go(func() {
				for _, d := range pauses {
					c.Wait(context.Background(), d, nil)
					order = append(order, name+" "+c.Now().Sub(genesis).String())
				}
			})
		}
		wake := make(chan struct{})
		sleeper("a", 3*time.Second, time.Second)
		sleeper("b", 0, 4*time.Second)
		c.Go(func() {
			c.Wait(context.Background(), engine.Forever, wake)
			order = append(order, "woken")
		})
		c.Go(func() {
			c.Wait(context.Background(), 3500*time.Millisecond, nil)
			close(wake)
		})
		c.Wait(context.Background(), time.Minute, nil)
		want := []string{"b 0s", "a 3s", "woken", "b 4s", "a 4s"}
		if !slices.Equal(order, want) || c.Now() != genesis.Add(time.Minute) {
			t.Fatalf("%v at %s", order, c.Now())
		}
	}
}

func TestClockDeadline(t *testing.T) {
	c := newClock(genesis)
	cause := errors.New("late")
	timed, cancel := c.WithDeadline(context.Background(), genesis.Add(time.Minute), cause)
	defer cancel()
	kept, release := c.WithDeadline(context.Background(), genesis.Add(time.Second), cause)
	release()
	c.Wait(timed, time.Hour, nil)
	if c.Now() != genesis.Add(time.Minute) || context.Cause(timed) != cause {
		t.Errorf("%s, %v", c.Now(), context.Cause(timed))
	}
	if context.Cause(kept) != context.Canceled {
		t.Error(context.Cause(kept))
	}
}

func TestClockRelease(t *testing.T) {
	c := newClock(genesis)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{}, 20)
	for range 20 {
		c.Go(func() {
			for ctx.Err() == nil {
				c.Wait(ctx, time.Second, nil)
			}
			ended <- struct{}{}
		})
	}
	c.Wait(context.Background(), 10*time.Second, nil)
	stop()
	c.release()
	if len(ended) != 20 || c.Now() != genesis.Add(10*time.Second) {
		t.Errorf("%d have ended at %s", len(ended), c.Now())
	}
	c.Wait(context.Background(), time.Second, nil) // the next run
	if c.Now() != genesis.Add(11*time.Second) {
		t.Error(c.Now())
	}
}

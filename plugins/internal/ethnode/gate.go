package ethnode

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// windowOf is for how many blocks below its head a client can make a witness,
// by its web3_clientVersion and default settings: reth keeps 1,024 blocks, and
// erigon unwinds 1,000; the others keep the state of 128.
func windowOf(version string) uint64 {
	maker, _, _ := strings.Cut(strings.ToLower(version), "/")
	switch maker {
	case "reth":
		return 1024
	case "erigon":
		return 1000
	}
	return 128
}

// gate lets a number of fetches through at a time. Of those that wait, the most
// urgent goes next.
type gate struct {
	mu      sync.Mutex
	free    int
	waiting []*waiter
}

type waiter struct {
	number uint64
	opened chan struct{}
}

func newGate(places int) *gate { return &gate{free: places} }

// enter waits for a place. It returns the cause when ctx ends before.
func (g *gate) enter(ctx context.Context, number uint64) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	w := &waiter{number: number, opened: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	select {
	case <-w.opened:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, w); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return context.Cause(ctx)
	}
	return nil // the place was given meanwhile
}

// leave gives the place on.
func (g *gate) leave(head, window uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.free++
		return
	}
	next := slices.MinFunc(g.waiting, func(a, b *waiter) int { return compareUrgency(a.number, b.number, head, window) })
	g.waiting = slices.DeleteFunc(g.waiting, func(w *waiter) bool { return w == next })
	close(next.opened)
}

// compareUrgency orders blocks: first those in the last quarter of the window,
// the oldest leading; then the newest; last those that have left it.
func compareUrgency(a, b, head, window uint64) int {
	class := func(n uint64) int {
		age := head - min(n, head)
		switch {
		case window > 0 && age > window:
			return 2
		case window > 0 && 4*age >= 3*window:
			return 0
		}
		return 1
	}
	if d := class(a) - class(b); d != 0 {
		return d
	}
	older := 1 // the newest leads
	if class(a) == 0 {
		older = -1
	}
	switch {
	case a < b:
		return older
	case a > b:
		return -older
	}
	return 0
}

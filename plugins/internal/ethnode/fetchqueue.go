package ethnode

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// defaultWindow returns the number of blocks below its head for which a client with
// default settings can make a witness. reth keeps 1,024 blocks, erigon unwinds 1,000,
// and the others keep the state of 128. version is the answer to web3_clientVersion.
func defaultWindow(version string) uint64 {
	maker, _, _ := strings.Cut(strings.ToLower(version), "/")
	switch maker {
	case "reth":
		return 1024
	case "erigon":
		return 1000
	}
	return 128
}

// fetchQueue limits how many fetches run at the same time. Of those that wait, the
// most urgent runs next. It is safe for concurrent use.
type fetchQueue struct {
	mu      sync.Mutex
	free    int
	waiting []*waitingFetch
}

type waitingFetch struct {
	number   uint64
	admitted chan struct{}
}

// newFetchQueue returns a queue that lets so many fetches run at the same time.
func newFetchQueue(places int) *fetchQueue { return &fetchQueue{free: places} }

// enter waits for a place. It returns the cause of ctx when ctx ends before. After nil
// the caller must call leave.
func (g *fetchQueue) enter(ctx context.Context, number uint64) error {
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	w := &waitingFetch{number: number, admitted: make(chan struct{})}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	select {
	case <-w.admitted:
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

// leave gives the place to the most urgent waiting fetch. head and window are current
// block numbers for compareUrgency.
func (g *fetchQueue) leave(head, window uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.free++
		return
	}
	next := slices.MinFunc(g.waiting, func(a, b *waitingFetch) int { return compareUrgency(a.number, b.number, head, window) })
	g.waiting = slices.DeleteFunc(g.waiting, func(w *waitingFetch) bool { return w == next })
	close(next.admitted)
}

// compareUrgency orders blocks by urgency: first those in the oldest quarter of the
// window, the oldest of them first; then the others, the newest first; last those that
// have left the window.
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

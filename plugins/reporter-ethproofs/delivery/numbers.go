package delivery

import (
	"context"
	"sync"
)

// numberLocks serialises the deliveries of the same block number, which may be for
// different hashes after a reorg. It may be used concurrently.
type numberLocks struct {
	mu   *sync.Mutex
	held map[uint64]chan struct{} // closed when released
}

func newNumberLocks() numberLocks {
	return numberLocks{mu: new(sync.Mutex), held: make(map[uint64]chan struct{})}
}

// lock waits until no other delivery holds the number, and locks it. It returns the
// context's error if the context ends first.
func (n numberLocks) lock(ctx context.Context, number uint64) (unlock func(), err error) {
	for {
		n.mu.Lock()
		other, isHeld := n.held[number]
		if !isHeld {
			own := make(chan struct{})
			n.held[number] = own
			n.mu.Unlock()
			return func() {
				n.mu.Lock()
				delete(n.held, number)
				n.mu.Unlock()
				close(own)
			}, nil
		}
		n.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

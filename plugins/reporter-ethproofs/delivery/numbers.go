package delivery

import (
	"context"
	"sync"
)

// numberLocks serialises the deliveries of one block number, whose hashes may
// differ after a reorg.
type numberLocks struct {
	mu   *sync.Mutex
	held map[uint64]chan struct{} // closed when released
}

func newNumberLocks() numberLocks {
	return numberLocks{mu: new(sync.Mutex), held: make(map[uint64]chan struct{})}
}

func (n numberLocks) lock(ctx context.Context, number uint64) (unlock func(), err error) {
	for {
		n.mu.Lock()
		other, taken := n.held[number]
		if !taken {
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

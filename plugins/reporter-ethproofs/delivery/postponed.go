package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/tick"
)

// postponement is for how long a proving is left out while requests are waiting. A
// proof within it makes the request needless.
const postponement = time.Minute

// postponed holds the announcements of proving that were left out. They are lost
// with the process: they tell the site's visitors that work goes on, and count for
// nothing.
type postponed struct {
	mu       *sync.Mutex
	requests map[uint64]postponedRequest // by block number
}

type postponedRequest struct {
	*request
	since time.Time
}

func newPostponed() postponed {
	return postponed{mu: new(sync.Mutex), requests: map[uint64]postponedRequest{}}
}

func (p postponed) add(r *request, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[r.block.Number] = postponedRequest{r, now}
}

// drop forgets a number: something later is to be sent of it.
func (p postponed) drop(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.requests, number)
}

// take returns one that has waited long enough, and forgets it.
func (p postponed) take(now time.Time) *request {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, r := range p.requests {
		if now.Sub(r.since) >= postponement {
			delete(p.requests, number)
			return r.request
		}
	}
	return nil
}

// sendPostponed sends what was left out and has not been overtaken by a proof.
func (s *Sender) sendPostponed(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.At(5 * time.Second):
		}
		for ctx.Err() == nil && !s.pace.Busy() {
			r := s.waiting.take(time.Now())
			if r == nil {
				break
			}
			s.sendLate(ctx, r)
		}
	}
}

// sendLate sends a proving unless the number has gone on meanwhile. One that does
// not arrive is not tried again.
func (s *Sender) sendLate(ctx context.Context, r *request) {
	unlock, err := s.numbers.lock(ctx, r.block.Number)
	if err != nil {
		return
	}
	defer unlock()
	entry, err := s.ledger.Entry(r.target, r.block.Number)
	if err != nil || entry.Reached != ethproofs.Queued || entry.Failed || entry.Hash != r.block.Hash {
		return
	}
	if r.sentBefore, err = s.wasSent(r); err != nil {
		return
	}
	proofID, err := s.send(ctx, r, r.phase, r.body)
	if err == nil {
		_, err = s.acknowledge(ctx, r, r.phase, proofID)
	}
	if err != nil && ctx.Err() == nil {
		s.options.Log.Debug("a proving that was left out at first could not be sent", "block", r.block.Number, "error", err)
	}
}

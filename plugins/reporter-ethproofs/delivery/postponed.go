package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/tick"
)

// postponement is how long an announcement of proving is put off while other requests
// are waiting. A proof within that time makes the announcement needless.
const postponement = time.Minute

// postponed holds the announcements of proving that were put off. A restart loses
// them, which does no harm: they only show the site's visitors that work goes on. It
// may be used concurrently.
type postponed struct {
	mu       *sync.Mutex
	requests map[uint64]postponedRequest // by block number
}

type postponedRequest struct {
	*request
	since time.Time // when it was put off
}

func newPostponed() postponed {
	return postponed{mu: new(sync.Mutex), requests: map[uint64]postponedRequest{}}
}

func (p postponed) add(r *request, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[r.block.Number] = postponedRequest{r, now}
}

// drop removes the announcement of a number, because a later phase is about to be sent.
func (p postponed) drop(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.requests, number)
}

// take removes and returns an announcement that was put off for the whole postponement,
// and returns nil where there is none.
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

// sendPostponed sends the announcements that were put off and not followed by a proof.
// It returns when the context ends.
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

// sendLate sends an announcement of proving unless the number has reached another phase
// meanwhile. A failed request is not tried again.
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
		s.options.Log.Debug("an announcement of proving that was put off could not be sent", "block", r.block.Number, "error", err)
	}
}

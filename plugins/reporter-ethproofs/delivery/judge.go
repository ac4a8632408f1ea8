package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/retry"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// judge gives an error its class and says when to try again. An error that has
// a class keeps it.
func (c *Courier) judge(err error, event Event) error {
	if _, classed := errors.AsType[*contract.Error](err); classed {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return contract.Interrupted(err)
	}
	c.trouble.note(err)
	status, isStatus := errors.AsType[*ethproofs.StatusError](err)
	if !isStatus {
		return c.retry(err, event, retry.Backoff(event.Try))
	}
	switch code := status.Status; {
	case code == 429:
		return c.retry(err, event, status.RetryAfter)
	case code >= 500 || code == 408 || code == 425:
		return c.retry(err, event, retry.Backoff(event.Try))
	case code == 401 || code == 403:
		return contract.Environment(err, "the server refuses the key: check api_key (ETHPROOFS_API_KEY) and that url (ETHPROOFS_RPC_URL) is the server it was issued for")
	case code == 404 && status.Text == `"Cluster not found"`:
		return contract.Environment(err, fmt.Sprintf("the key's team has no cluster %d: check cluster_id (ETHPROOFS_CLUSTER_ID); `reporter-ethproofs clusters` lists them", c.options.Cluster))
	case code == 404 && status.Text == `"Cluster version not found"`:
		return contract.Environment(err, fmt.Sprintf("cluster %d has no version: choose its zkVM on the EthProofs dashboard", c.options.Cluster))
	case code == 404 || code == 405 || code/100 == 3:
		return contract.Environment(err, fmt.Sprintf("there is no EthProofs API at %s: check url (ETHPROOFS_RPC_URL), for example %s", c.options.URL, ethproofs.Production))
	}
	return contract.Permanent(fmt.Errorf("EthProofs refuses block %d: %w", event.Block.Number, err))
}

// retry is a retryable error until the event is too old.
func (c *Courier) retry(err error, event Event, after time.Duration) error {
	if age := time.Since(event.Time); c.options.GiveUp > 0 && !event.Time.IsZero() && age > c.options.GiveUp {
		return contract.Permanent(fmt.Errorf("block %d is given up after %s (give_up): %w", event.Block.Number, age.Round(time.Minute), err))
	}
	return contract.RetryAfter(err, after)
}

func statusOf(err error) int {
	if e, ok := errors.AsType[*ethproofs.StatusError](err); ok {
		return e.Status
	}
	return 0
}

// isDatabaseError reports the 500 that handlers give for an error of the
// database. The other 500, of an uncaught exception, has no body.
func isDatabaseError(err error) bool {
	e, ok := errors.AsType[*ethproofs.StatusError](err)
	return ok && e.Status == 500 && !e.Empty
}

// isRefusal reports an answer that means that nothing was stored.
func isRefusal(err error) bool {
	status := statusOf(err)
	return status >= 300 && status < 500 && status != 408 && status != 409
}

func ledgerFault(err error) error {
	return contract.Environment(err, "the stage's state directory must be writable and have room; a damaged ledger may be moved away, after which answers of 409 count as conflicts")
}

// trouble remembers since when nothing gets through.
type trouble struct {
	mu    sync.Mutex
	since time.Time
	last  string
	tries int
}

func (t *trouble) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tries == 0 {
		t.since = time.Now()
	}
	t.tries++
	t.last = err.Error()
}

func (t *trouble) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tries, t.last = 0, ""
}

func (t *trouble) describe() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tries == 0 {
		return ""
	}
	return fmt.Sprintf("EthProofs has taken nothing since %s (%d tries): %s", t.since.UTC().Format(time.RFC3339), t.tries, t.last)
}

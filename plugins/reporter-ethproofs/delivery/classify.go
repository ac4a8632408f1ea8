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

// maxBackoff is the longest pause between two tries. It bounds how late the sender
// notices that the server answers again, because only the host's tries reach the server.
const maxBackoff = 2 * time.Minute

// backoff returns the pause after a try; try counts from 1.
func backoff(try uint32) time.Duration { return min(retry.Backoff(try), maxBackoff) }

// classify returns the error with its class and the pause before the next try. An error
// that has a class keeps it. classify also records outages and faults of the account.
func (s *Sender) classify(err error, event Event) error {
	if fault, ok := errors.AsType[*accountFault](err); ok {
		s.outage.note(err)
		return s.account.begin(fault, s.options.Log)
	}
	if _, classed := errors.AsType[*contract.Error](err); classed {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return contract.Interrupted(err)
	}
	s.outage.note(err)
	status, isStatus := errors.AsType[*ethproofs.StatusError](err)
	if !isStatus {
		return s.retry(err, event, backoff(event.Try))
	}
	if fault := s.accountFaultOf(err, status); fault != nil {
		return s.account.begin(fault, s.options.Log)
	}
	switch code := status.Status; {
	case code == 429:
		return s.retry(err, event, status.RetryAfter)
	case code >= 500 || code == 408 || code == 425:
		return s.retry(err, event, backoff(event.Try))
	}
	return contract.Permanent(fmt.Errorf("EthProofs refuses block %d: %w", event.Block.Number, err))
}

// accountFaultOf returns the fault of the account that an answer means, and nil where
// the answer does not concern the account.
func (s *Sender) accountFaultOf(err error, status *ethproofs.StatusError) *accountFault {
	switch code := status.Status; {
	case code == 401 || code == 403:
		return &accountFault{err, "the server refuses the key: check api_key (ETHPROOFS_API_KEY) and that url (ETHPROOFS_RPC_URL) is the server it was issued for"}
	case code == 404 && status.Text == `"Cluster not found"`:
		return &accountFault{err, fmt.Sprintf("the key's team has no cluster %d: check cluster_id (ETHPROOFS_CLUSTER_ID); `reporter-ethproofs clusters` lists them", s.options.Cluster)}
	case code == 404 && status.Text == `"Cluster version not found"`:
		return &accountFault{err, fmt.Sprintf("cluster %d has no version: choose its zkVM on the EthProofs dashboard", s.options.Cluster)}
	case code == 404 || code == 405 || code/100 == 3:
		return &accountFault{err, fmt.Sprintf("there is no EthProofs API at %s: check url (ETHPROOFS_RPC_URL), for example %s", s.options.URL, ethproofs.Production)}
	}
	return nil
}

// retry returns the error as retryable, and as permanent once the event is older than
// GiveUp.
func (s *Sender) retry(err error, event Event, after time.Duration) error {
	if age := time.Since(event.Time); s.options.GiveUp > 0 && !event.Time.IsZero() && age > s.options.GiveUp {
		return contract.Permanent(fmt.Errorf("block %d is given up after %s (give_up): %w", event.Block.Number, age.Round(time.Minute), err))
	}
	return contract.RetryAfter(err, after)
}

// statusOf returns the HTTP status of an error, and 0 for an error without one.
func statusOf(err error) int {
	if e, ok := errors.AsType[*ethproofs.StatusError](err); ok {
		return e.Status
	}
	return 0
}

// isDatabaseError reports whether the error is the status 500 with a body, which the
// server's handlers give for an error of the database. The status 500 of an uncaught
// exception has no body.
func isDatabaseError(err error) bool {
	e, ok := errors.AsType[*ethproofs.StatusError](err)
	return ok && e.Status == 500 && !e.Empty
}

// isRefusal reports whether the error is an answer after which the server has certainly
// stored nothing.
func isRefusal(err error) bool {
	status := statusOf(err)
	return status >= 300 && status < 500 && status != 408 && status != 409
}

func ledgerFault(err error) error {
	return contract.Environment(err, "the stage's state directory must be writable and have room; a damaged ledger may be moved away, after which answers of 409 count as conflicts")
}

// outage counts the failed tries since the latest delivery that succeeded. It may be
// used concurrently.
type outage struct {
	mu    sync.Mutex
	since time.Time // of the first failed try
	last  string    // error of the latest failed try
	tries int       // failed tries; 0 means that there is no outage
}

func (o *outage) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tries == 0 {
		o.since = time.Now()
	}
	o.tries++
	o.last = err.Error()
}

func (o *outage) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries, o.last = 0, ""
}

func (o *outage) describe() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tries == 0 {
		return ""
	}
	return fmt.Sprintf("EthProofs has taken nothing since %s (%d tries): %s", o.since.UTC().Format(time.RFC3339), o.tries, o.last)
}

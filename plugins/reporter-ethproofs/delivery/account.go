package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tick"
)

// accountFault is the error of an answer that concerns the account and not a block:
// the key, the cluster, or the address of the API.
type accountFault struct {
	err    error
	remedy string
}

func (f *accountFault) Error() string { return f.err.Error() }
func (f *accountFault) Unwrap() error { return f.err }

// Between two probes whether the server accepts the account again, the sender pauses
// for minProbePause at first and twice as long each time, up to maxProbePause.
const (
	minProbePause = 15 * time.Second
	maxProbePause = 5 * time.Minute
)

// account holds the fault of the account that was found last, so that the deliveries
// of other blocks fail without a request of their own. It may be used concurrently.
type account struct {
	mu      sync.Mutex
	current *accountFault // nil while the server accepts the account
	since   time.Time     // when the fault was found
	next    time.Time     // time of the next probe
	pause   time.Duration // between the latest probe and the next
}

// begin records a fault and returns it as an error of the class environment. Only the
// first fault of a row is logged.
func (a *account) begin(fault *accountFault, log *slog.Logger) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil {
		a.since, a.pause = time.Now(), minProbePause
		a.next = a.since.Add(a.pause)
		log.Error("EthProofs refuses the account: nothing is sent until that is mended", "error", fault.err, "remedy", fault.remedy)
	}
	a.current = fault
	return contract.Environment(fault.err, fault.remedy)
}

// fault returns the recorded fault as an error of the class environment, and nil from
// the time of the next probe on.
func (a *account) fault(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || !now.Before(a.next) {
		return nil
	}
	return &contract.Error{Class: contract.ClassEnvironment, Err: a.current.err, Remedy: a.current.remedy, After: a.next.Sub(now)}
}

// due reports whether a probe is due, and sets the time of the next one.
func (a *account) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || now.Before(a.next) {
		return false
	}
	a.pause = min(2*a.pause, maxProbePause)
	a.next = now.Add(a.pause)
	return true
}

// end removes the fault and reports whether there was one.
func (a *account) end() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	wasRefused := a.current != nil
	a.current = nil
	return wasRefused
}

func (a *account) isRefused() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current != nil
}

func (a *account) describe() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil {
		return ""
	}
	return "EthProofs refuses the account since " + a.since.UTC().Format(time.RFC3339) + ": " + a.current.Error() + " (" + a.current.remedy + ")"
}

// watchAccount reads the cluster's version every versionAge. While the server refuses
// the account, it probes whether the refusal is over. It returns when the context
// ends. The route is not rate limited.
func (s *Sender) watchAccount(ctx context.Context) {
	var probed time.Time
	for {
		if now := time.Now(); s.account.due(now) || !s.account.isRefused() && now.Sub(probed) >= versionAge {
			probed = now
			s.probeAccount(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.At(5 * time.Second):
		}
	}
}

// probeAccount reads the cluster's version and records what the answer means for the
// account.
func (s *Sender) probeAccount(ctx context.Context) {
	_, err := s.version.refresh(ctx)
	fault, refused := errors.AsType[*accountFault](err)
	if status, ok := errors.AsType[*ethproofs.StatusError](err); ok && !refused {
		fault = s.accountFaultOf(err, status)
	}
	switch {
	case ctx.Err() != nil:
	case err == nil && s.account.end():
		s.outage.clear()
		s.options.Log.Info("EthProofs takes the account again")
	case fault != nil:
		_ = s.account.begin(fault, s.options.Log)
	case err != nil:
		s.options.Log.Debug("the cluster's version is not confirmed", "error", err)
	}
}

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

// accountFault is an answer that is about the account and not about a block: the
// key, the cluster, or the address of the API.
type accountFault struct {
	err    error
	remedy string
}

func (f *accountFault) Error() string { return f.err.Error() }
func (f *accountFault) Unwrap() error { return f.err }

// The pauses between two questions whether the server takes the account again.
const (
	firstQuestion = 15 * time.Second
	lastQuestion  = 5 * time.Minute
)

// account remembers a fault of the account, so that one block finds it out and the
// others do not each ask again.
type account struct {
	mu    sync.Mutex
	found *accountFault // nil while all is well
	since time.Time
	next  time.Time // when it is asked again
	pause time.Duration
}

// begin records a fault and returns it with its class. It is logged once.
func (a *account) begin(fault *accountFault, log *slog.Logger) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		a.since, a.pause = time.Now(), firstQuestion
		a.next = a.since.Add(a.pause)
		log.Error("EthProofs refuses the account: nothing is sent until that is mended", "error", fault.err, "remedy", fault.remedy)
	}
	a.found = fault
	return contract.Environment(fault.err, fault.remedy)
}

// fault returns the fault, with its class, until it is time to ask again.
func (a *account) fault(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil || !now.Before(a.next) {
		return nil
	}
	return &contract.Error{Class: contract.ClassEnvironment, Err: a.found.err, Remedy: a.found.remedy, After: a.next.Sub(now)}
}

// due reports whether it is time to ask again, and puts off the next question.
func (a *account) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil || now.Before(a.next) {
		return false
	}
	a.pause = min(2*a.pause, lastQuestion)
	a.next = now.Add(a.pause)
	return true
}

// end forgets the fault and reports whether there was one.
func (a *account) end() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	had := a.found != nil
	a.found = nil
	return had
}

func (a *account) isRefused() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.found != nil
}

func (a *account) describe() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		return ""
	}
	return "EthProofs refuses the account since " + a.since.UTC().Format(time.RFC3339) + ": " + a.found.Error() + " (" + a.found.remedy + ")"
}

// watchAccount learns the cluster's version every versionAge, and asks while the
// account is refused whether it still is. The route is not rate limited.
func (s *Sender) watchAccount(ctx context.Context) {
	var asked time.Time
	for {
		if now := time.Now(); s.account.due(now) || !s.account.isRefused() && now.Sub(asked) >= versionAge {
			asked = now
			s.askAccount(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.At(5 * time.Second):
		}
	}
}

func (s *Sender) askAccount(ctx context.Context) {
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

package prover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/plugins/prover-zisk/server"
	"github.com/proofline/proofline/sdk"
)

// awaitStart waits until the server answers that it is idle.
func (s *warmServer) awaitStart(ctx context.Context) error {
	limit := time.NewTimer(s.p.config.SetupTimeout.Std())
	defer limit.Stop()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		status, err := s.client.Status(call)
		cancel()
		if err == nil && status.Idle {
			return s.checkListener()
		}
		select {
		case <-s.ended:
			return errServerEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return sdk.Environment(errServerStart, "look at the kept output of cargo-zisk; raise `setup_timeout`, or set `server: off`")
		case <-s.idle:
			wait = 5 * time.Millisecond
		case <-time.After(wait):
		}
	}
}

// checkListener fails if another process than the server listens on the port, which every
// process of the machine may use.
func (s *warmServer) checkListener() error {
	port := s.client.Port
	for _, l := range machine.Listeners(port, 1) {
		s.pid.Store(int64(l.PID))
		if l.PID != 0 && !slices.Contains(s.p.owner.Processes(), l.PID) {
			return sdk.Environment(fmt.Errorf("another process answers for the server: %v", l), "stop that process, or set another `server_port` than "+strconv.Itoa(port))
		}
	}
	return nil
}

// begin has the server begin a proof.
func (s *warmServer) begin(ctx context.Context, job server.Job) error {
	for _, c := range []chan struct{}{s.idle, s.panicked} {
		select {
		case <-c: // left over from the proof before
		default:
		}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := s.client.Prove(call, job)
	if err == nil || errors.Is(err, server.ErrUnreachable) || errors.Is(err, server.ErrBusy) {
		return err
	}
	// If the proof kills the server, the server may end before it has answered.
	select {
	case <-s.ended:
		return errServerEnded
	case <-ctx.Done():
	case <-time.After(panicGrace):
	}
	return err
}

// await waits for the end of the proof that began, when all files exist and the server is
// idle again. It polls for the files, and has one request for the status open at a time.
// Neither a timeout of that request nor a refused connection means anything, because the
// server accepts no connection while it proves.
func (s *warmServer) await(ctx context.Context, files map[string]string) error {
	type answer struct {
		status server.Status
		err    error
	}
	requesting, stop := context.WithCancel(ctx)
	var requests sync.WaitGroup
	defer requests.Wait()
	defer stop()
	answers := make(chan answer, 1)
	pending := false
	requestStatus := func() {
		if pending {
			return
		}
		pending = true
		requests.Go(func() {
			call, cancel := context.WithTimeout(requesting, statusTimeout)
			defer cancel()
			status, err := s.client.Status(call)
			answers <- answer{status, err}
		})
	}

	ticker := time.NewTicker(fileInterval)
	defer ticker.Stop()
	var closing, panicked <-chan time.Time
	answered := time.Now()
	interval := statusInterval
	for {
		select {
		case <-ctx.Done():
			cause := context.Cause(ctx)
			if panicked != nil && errors.Is(cause, errSilent) {
				return errServerPanic // the panic is the reason of the silence
			}
			return cause
		case <-s.ended:
			return errServerEnded
		case <-s.panicked:
			panicked = time.After(panicGrace)
		case <-panicked:
			return errServerPanic
		case <-closing:
			return errServerBusy
		case <-s.idle:
			requestStatus()
		case a := <-answers:
			pending, answered = false, time.Now()
			if a.err == nil && a.status.Idle {
				if !written(files) {
					return errServerIdle
				}
				return nil
			}
		case <-ticker.C:
			if closing == nil && written(files) {
				closing = time.After(closingTimeout)
				interval = closingInterval
				requestStatus()
			}
			if time.Since(answered) > interval {
				requestStatus()
			}
		}
	}
}

// written reports whether all files exist and are not empty.
func written(files map[string]string) bool {
	for path := range files {
		if info, err := os.Lstat(path); err != nil || info.Size() == 0 {
			return false
		}
	}
	return true
}

package launch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
)

// closeTime is the limit for go-plugin's Shutdown call, which ends the process. The
// call itself has no limit and never returns for a process that was paused.
const closeTime = 3 * time.Second

var errStopping = errors.New("the plugin is being stopped")

// stopState is the state of stopping a plugin, which is done once.
type stopState struct {
	begin     sync.Once
	noGrace   context.Context // ends when the remaining steps must not wait
	skipGrace context.CancelFunc
	done      chan struct{}
	err       error
}

// Stop stops the plugin. It cancels the plugin's calls and gives their handlers the
// grace period. Then it asks the process to end, terminates it, and kills it with
// everything that it has started. Each step has a time limit. If ctx ends, the
// remaining steps are skipped and the process tree is killed. An error means that
// processes are left.
//
// Stop may be called several times, and after the process has ended.
func (p *Plugin) Stop(ctx context.Context) error {
	p.beginStop()
	select {
	case <-p.stop.done:
	case <-ctx.Done():
		p.stop.skipGrace()
		<-p.stop.done
	}
	return p.stop.err
}

// beginStop starts to stop the plugin in the background.
func (p *Plugin) beginStop() {
	p.stop.begin.Do(func() {
		p.endCalls(errStopping)
		go func() {
			defer close(p.stop.done)
			defer p.stop.skipGrace()
			p.stop.err = p.runStopSteps()
		}()
	})
}

// stopHung stops a process that hangs. It does not wait.
func (p *Plugin) stopHung(reason error) {
	if p.hangReason.CompareAndSwap(nil, &reason) {
		p.endCalls(reason)
		p.beginStop()
	}
}

// runStopSteps stops the process by harder and harder means until it has ended.
func (p *Plugin) runStopSteps() error {
	if p.hangReason.Load() == nil && p.drain() && p.proc.usesGoPlugin() {
		go p.release() // ends when the process does
		p.awaitExit(p.stop.noGrace, closeTime)
	}
	if !p.hasExited() {
		p.spec.Log.Debug("terminate the plugin", "pid", p.pid)
		_ = p.proc.Kill(context.Background())
		p.awaitExit(p.stop.noGrace, p.spec.Grace+2*time.Second)
	}
	if !p.hasExited() {
		p.spec.Log.Debug("kill the plugin", "pid", p.pid)
		p.proc.killNow()
		p.awaitExit(context.Background(), killTime)
	}
	if !p.hasExited() {
		return fmt.Errorf("processes of stage %q survive SIGKILL (keeper %d): a device driver may hang", p.spec.Stage, p.keeperPID)
	}
	// If the keeper was killed, processes may be left, which hold the lock.
	return awaitLockFree(context.Background(), p.spec.Run, p.spec.Stage, 100*time.Millisecond)
}

// drain gives the handlers of cancelled calls the grace period. It returns true if the
// plugin is idle after that, so that the process can be asked to end.
func (p *Plugin) drain() bool {
	limit := p.spec.Grace
	if p.silence() > healthInterval+healthTime { // it answers no health calls either
		limit = min(limit, time.Second)
	}
	ctx, cancel := context.WithTimeout(p.stop.noGrace, limit)
	defer cancel()
	answer, err := p.base.Drain(ctx, &pluginv1.DrainRequest{})
	if ctx.Err() == nil && answer.GetRunning() == 0 {
		return true // also if the process has ended or does not implement Drain
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		p.spec.Log.Warn("the plugin does not become idle", "plugin", p.spec.Binary.Name, "within", limit)
	}
	return false
}

// awaitExit waits until the process has ended, the limit has passed, or ctx ends.
func (p *Plugin) awaitExit(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.exited:
	case <-ctx.Done():
	}
}

func (p *Plugin) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// awaitHandlers waits until no handler of an abandoned call runs. If a handler does not
// end within the grace period, the plugin's process is stopped. Otherwise the handler
// and the next attempt would use the machine at the same time.
func (p *Plugin) awaitHandlers(name string) {
	limit := time.NewTimer(p.spec.Grace)
	defer limit.Stop()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		answer, err := call(context.Background(), p, "health", healthTime, p.base.Health, &pluginv1.HealthRequest{})
		if err != nil || int32(answer.GetRunning()) <= p.workCalls.Load() {
			return
		}
		select {
		case <-limit.C:
			p.stopHung(fmt.Errorf("plugin %s of stage %q hangs: %s went on for %v after it was cancelled",
				p.spec.Binary.Name, p.spec.Stage, name, p.spec.Grace))
			return
		case <-p.life.Done():
			return
		case <-time.After(pause):
		}
	}
}

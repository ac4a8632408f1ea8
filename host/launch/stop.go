package launch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
)

// closeTime is what go-plugin gets to end the process by its Shutdown call,
// which has no limit of its own and waits for good for a stopped process.
const closeTime = 3 * time.Second

var errStopping = errors.New("the plugin is being stopped")

// stopping is the state of the stop ladder, which is climbed down once.
type stopping struct {
	begin sync.Once
	hurry context.Context // ends when the remaining rungs get no time
	rush  context.CancelFunc
	done  chan struct{}
	err   error
}

// Stop ends the plugin: its calls are cancelled, their handlers get the grace
// period, then the process is asked to end, terminated, and killed with
// everything it has started. Every step has a limit; when ctx ends the rest is
// skipped and the tree killed. An error says that processes are left.
//
// Stop may be called several times, and after the process has ended.
func (p *Plugin) Stop(ctx context.Context) error {
	p.beginStop()
	select {
	case <-p.stop.done:
	case <-ctx.Done():
		p.stop.rush()
		<-p.stop.done
	}
	return p.stop.err
}

// beginStop starts the ladder, which needs nobody to wait for it.
func (p *Plugin) beginStop() {
	p.stop.begin.Do(func() {
		p.cut(errStopping)
		go func() {
			defer close(p.stop.done)
			defer p.stop.rush()
			p.stop.err = p.ladder()
		}()
	})
}

// condemn stops a process that hangs. It does not wait.
func (p *Plugin) condemn(why error) {
	if p.verdict.CompareAndSwap(nil, &why) {
		p.cut(why)
		p.beginStop()
	}
}

func (p *Plugin) ladder() error {
	if p.verdict.Load() == nil && p.drain() && p.proc.native() {
		go p.release() // ends when the process does
		p.awaitGone(p.stop.hurry, closeTime)
	}
	if !p.isGone() {
		p.spec.Log.Debug("terminate the plugin", "pid", p.pid)
		_ = p.proc.Kill(context.Background())
		p.awaitGone(p.stop.hurry, p.spec.Grace+2*time.Second)
	}
	if !p.isGone() {
		p.spec.Log.Debug("kill the plugin", "pid", p.pid)
		p.proc.killNow()
		p.awaitGone(context.Background(), killTime)
	}
	if !p.isGone() {
		return fmt.Errorf("processes of stage %q survive SIGKILL (keeper %d): a device driver may hang", p.spec.Stage, p.keeperPID)
	}
	// A keeper that was killed may have left processes; they hold the lock.
	return vacate(context.Background(), p.spec.Run, p.spec.Stage, 100*time.Millisecond)
}

// drain gives the handlers of cancelled calls the grace period. It reports
// whether the plugin is idle, so that an orderly end can be asked for.
func (p *Plugin) drain() bool {
	limit := p.spec.Grace
	if p.silence() > healthInterval+healthTime { // it answers no health calls either
		limit = min(limit, time.Second)
	}
	ctx, cancel := context.WithTimeout(p.stop.hurry, limit)
	defer cancel()
	answer, err := p.base.Drain(ctx, &pluginv1.DrainRequest{})
	if ctx.Err() == nil && answer.GetRunning() == 0 {
		return true // or it has ended, or knows no Drain
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		p.spec.Log.Warn("the plugin does not become idle", "plugin", p.spec.Binary.Name, "within", limit)
	}
	return false
}

// awaitGone waits for the end of the process, within the limit and until ctx
// ends.
func (p *Plugin) awaitGone(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.gone:
	case <-ctx.Done():
	}
}

func (p *Plugin) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// awaitHandlers returns when no handler of a call that is over still runs. One
// that does not let go within the grace period costs the plugin its process:
// otherwise the next attempt would share the machine with it.
func (p *Plugin) awaitHandlers(name string) {
	limit := time.NewTimer(p.spec.Grace)
	defer limit.Stop()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		answer, err := call(context.Background(), p, "health", healthTime, p.base.Health, &pluginv1.HealthRequest{})
		if err != nil || int32(answer.GetRunning()) <= p.working.Load() {
			return
		}
		select {
		case <-limit.C:
			p.condemn(fmt.Errorf("plugin %s of stage %q hangs: %s went on for %v after it was cancelled",
				p.spec.Binary.Name, p.spec.Stage, name, p.spec.Grace))
			return
		case <-p.life.Done():
			return
		case <-time.After(pause):
		}
	}
}

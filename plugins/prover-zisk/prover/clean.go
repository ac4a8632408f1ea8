package prover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/prover-zisk/machine"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/procfs"
)

// cleanTimeout bounds the wait for processes that were killed.
const cleanTimeout = 20 * time.Second

// port returns the first port of the assembly services, and whether this
// version and configuration use ports.
func (p *Prover) port() (int, bool) {
	if !p.version.HasPort() || p.config.Executor == "emulator" || p.config.action() == zisk.Emulate {
		return 0, false
	}
	if p.config.Port > 0 {
		return p.config.Port, true
	}
	return machine.DefaultPort, true
}

// clean removes what a run has left: processes, shared memory, semaphores, lock
// files. It returns the ids of the run's processes. It does its work whatever
// became of the context that the run had.
func (p *Prover) clean(log *slog.Logger) ([]int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	killed, err := p.owner.Kill(ctx)
	pids := append(p.footprint.take(), killed...)
	if err != nil {
		return pids, sdk.Environment(err, "a process that cannot be killed hangs in a driver: look at `ps -o pid,stat,wchan`, then restart the machine")
	}
	p.removeShared(pids, log)
	return pids, nil
}

// removeShared removes what is named after processes that have ended, or after the ports
// of services where nobody listens there.
func (p *Prover) removeShared(pids []int, log *slog.Logger) {
	var numbers []int
	for _, pid := range pids {
		if !procfs.Alive(pid) { // a number noted long ago may be somebody else's by now
			numbers = append(numbers, pid)
		}
	}
	if first, ok := p.port(); ok {
		// What is named after a port belongs to whoever listens there: with nobody,
		// to a run that has ended. This waits for processes that are just ending.
		if err := p.checkPorts(); err != nil {
			log.Debug("shared memory is left to the process that has the ports", "error", err)
		} else {
			for i := range machine.PortsPerRank {
				numbers = append(numbers, first+i)
			}
		}
	}
	removed, err := machine.RemoveShared(numbers...)
	if len(removed) > 0 {
		log.Debug("cleaned up after cargo-zisk", "processes", pids, "removed", removed)
	}
	if err != nil {
		log.Warn("shared memory of cargo-zisk cannot be removed", "error", err)
	}
}

// portsTimeout is how long ports may take to be free after their process was
// killed.
const portsTimeout = 2 * time.Second

// checkPorts reports who listens on the services' ports. A second prover on the
// same ports would end the services of the first.
func (p *Prover) checkPorts() error {
	first, ok := p.port()
	if !ok {
		return nil
	}
	if err := occupied(first, machine.PortsPerRank); err != nil {
		return sdk.Environment(fmt.Errorf("the assembly services need ports %d to %d: %w", first, first+machine.PortsPerRank-1, err),
			"stop that process, or set another `port` for this stage")
	}
	return nil
}

// occupied reports who listens on n ports from first on, and nil when nobody
// does.
func occupied(first, n int) error {
	var errs []error
	for begin := time.Now(); !machine.Free(first, n); time.Sleep(10 * time.Millisecond) {
		errs = nil
		nobody := true
		for _, l := range machine.Listeners(first, n) {
			errs = append(errs, errors.New(l.String()))
			nobody = nobody && l.PID == 0
		}
		// A port without a process may be one of a process that is just ending.
		if !nobody || time.Since(begin) > portsTimeout {
			break
		}
		errs = nil
	}
	return errors.Join(errs...)
}

// cleanUp cleans up after a run and hands the cards on. After one that has swept up its own
// processes nobody looks for them a second time: what was started with the owner's mark has
// the run's mark, too.
func (p *Prover) cleanUp(lock *machine.Lock, swept bool, log *slog.Logger) {
	began := time.Now()
	var pids []int
	var err error
	if swept {
		pids = p.footprint.take()
		p.removeShared(pids, log)
	} else {
		pids, err = p.clean(log)
	}
	log.Debug("cleaned", "took", time.Since(began).Round(time.Millisecond))
	if err != nil {
		log.Warn("cargo-zisk left something behind", "error", err)
	}
	p.handOn(lock, pids, log)
}

// handOn gives the cards back once the run's processes hold none of their
// memory. The result of the run does not wait for that; the next run does, by
// the lock.
func (p *Prover) handOn(lock *machine.Lock, pids []int, log *slog.Logger) {
	p.background.Go(func() {
		defer lock.Release()
		ctx, cancel := context.WithTimeout(p.life, p.config.VRAMTimeout.Std())
		defer cancel()
		start := time.Now()
		if err := machine.AwaitRelease(ctx, pids); err != nil && p.life.Err() == nil {
			log.Warn("the cards' memory was not given back in time; the next proof may get less", "error", err)
		}
		log.Debug("the cards are free", "waited", time.Since(start).Round(time.Millisecond))
	})
}

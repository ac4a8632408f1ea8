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

// cleanTimeout is the longest wait for the end of processes that were killed.
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

// clean removes the processes, shared memory, semaphores and lock files that a run has
// left behind. It returns the ids of the run's processes. It does not depend on the run's
// context, which may have ended.
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

// removeShared removes the shared memory and files whose names contain the id of a process
// that has ended, or a port of the services on which no process listens.
func (p *Prover) removeShared(pids []int, log *slog.Logger) {
	var numbers []int
	for _, pid := range pids {
		if !procfs.Alive(pid) { // another process may have got an id that was stored long ago
			numbers = append(numbers, pid)
		}
	}
	if first, ok := p.port(); ok {
		// An entry with the number of a port belongs to the process that listens there. If
		// no process listens, the run has ended. checkPorts waits for processes that are
		// just ending.
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

// portsTimeout is the longest time until the ports of a killed process are free.
const portsTimeout = 2 * time.Second

// checkPorts fails if a process listens on the services' ports. A second prover on the
// same ports would end the services of the first.
func (p *Prover) checkPorts() error {
	first, ok := p.port()
	if !ok {
		return nil
	}
	if err := checkFree(first, machine.PortsPerRank); err != nil {
		return sdk.Environment(fmt.Errorf("the assembly services need ports %d to %d: %w", first, first+machine.PortsPerRank-1, err),
			"stop that process, or set another `port` for this stage")
	}
	return nil
}

// checkFree fails if a process listens on one of n ports from first on, and names it. It
// waits up to portsTimeout for processes that are just ending.
func checkFree(first, n int) error {
	var errs []error
	for begin := time.Now(); !machine.Free(first, n); time.Sleep(10 * time.Millisecond) {
		errs = nil
		nobody := true
		for _, l := range machine.Listeners(first, n) {
			errs = append(errs, errors.New(l.String()))
			nobody = nobody && l.PID == 0
		}
		// A port without a process may belong to one that is just ending.
		if !nobody || time.Since(begin) > portsTimeout {
			break
		}
		errs = nil
	}
	return errors.Join(errs...)
}

// cleanUp cleans up after a run and releases the cards. A run that has swept its own
// processes needs no second search for them, because every process with the mark of the
// owner has the mark of the run, too.
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
	p.releaseCards(lock, pids, log)
}

// releaseCards releases the cards in the background, as soon as the run's processes hold
// none of their memory. The result of the run does not wait for it. The next run waits for
// the lock.
func (p *Prover) releaseCards(lock *machine.Lock, pids []int, log *slog.Logger) {
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

package prover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// outcome is the result of a successful run of the tool.
type outcome struct {
	summary zisk.Summary // what the tool has printed about the run
	wall    time.Duration
	start   time.Time
	swept   bool // all descendants of the tool have ended
}

// run is one call of the tool.
type run struct {
	args     []string
	dir      string // working directory
	log      *slog.Logger
	gas      uint64              // gas of the block; 0 if it is not known
	line     func(string)        // gets each line of standard output; may be nil
	started  func()              // called when the tool has started; may be nil
	progress func(zisk.Progress) // may be nil
	made     func()              // called when the tool prints its figures, which means that it has the proof; may be nil
	silence  time.Duration       // longest time without output; 0 for no limit

	transcript *transcript // gets every line; may be nil
}

var (
	errSilent   = errors.New("cargo-zisk has printed nothing for too long and counts as hung")
	errDeadline = errors.New("the run took much longer than proofs of this kind do")
)

// watch returns a watchdog that stops the run when it prints nothing for its limit.
func (r run) watch(stop context.CancelCauseFunc) *watchdog {
	return newWatchdog(r.silence, func() {
		stop(fmt.Errorf("%w (silence_timeout %v)", errSilent, r.silence))
	})
}

// execute runs the tool and explains its failure. All processes that the tool has started
// have ended when execute returns.
func (p *Prover) execute(ctx context.Context, r run) (outcome, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent := r.watch(stop)
	defer silent.stop()

	out := outcome{start: time.Now()}
	output := &outputReader{run: r, reset: silent.reset}
	exit, err := p.command(r.args, r.dir, r.started, output.stdout, output.stderr).Run(ctx)
	if exit == nil {
		return out, err
	}
	out.summary, out.wall = output.summary, exit.Duration
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return out, stopped(cause)
	}
	if failure := output.diagnosis.Explain(zisk.Exit{Code: exit.Code, Signal: exit.Signal}); failure != nil {
		return out, tool.Classify(failure)
	}
	out.swept = !exit.Survived
	return out, nil
}

// stopped returns the error of a run that was stopped by the host or by a limit of this
// stage.
func stopped(cause error) error {
	if errors.Is(cause, errSilent) || errors.Is(cause, errDeadline) {
		return tool.Classify(&zisk.Failure{Kind: zisk.Transient, Code: zisk.CodeHung, Summary: cause.Error()})
	}
	return sdk.Interrupted(fmt.Errorf("cargo-zisk was stopped: %w", cause))
}

// command returns a call of cargo-zisk whose lines go to stdout and stderr. It stores the
// process id in the footprint as soon as the tool runs, because from 0.17 on the id is part
// of the names of the tool's shared memory. Then it calls started, unless that is nil.
func (p *Prover) command(args []string, dir string, started func(), stdout, stderr func(line string)) *process.Command {
	return &process.Command{
		Path: p.bin, Args: args, Dir: dir, Env: p.environ(), Grace: max(p.config.Grace.Std(), time.Millisecond),
		Started: func(pid int) {
			p.footprint.note(pid)
			if started != nil {
				started()
			}
		},
		Stdout: stdout, Stderr: stderr,
	}
}

// outputReader reads the lines that the tool prints during a run. It is not safe for
// concurrent use.
type outputReader struct {
	run
	reset     func() // called for each line
	summary   zisk.Summary
	tracker   zisk.Tracker
	diagnosis zisk.Diagnosis
}

func (r *outputReader) stdout(line string) {
	if !zisk.IsRequest(line) { // the tool's line about our own request must not keep a hung server alive
		r.reset()
	}
	r.log.Debug(line)
	r.transcript.line(line)
	working := r.summary.ProvingTime == 0
	if r.summary.Line(line); working && r.summary.ProvingTime != 0 && r.made != nil {
		r.made()
	}
	r.diagnosis.Line(line)
	if r.line != nil {
		r.line(line)
	}
	if progress, moved := r.tracker.Line(line); moved && r.progress != nil {
		r.progress(progress)
	}
}

func (r *outputReader) stderr(line string) {
	r.reset()
	r.transcript.line(line)
	if strings.TrimSpace(line) != "" {
		r.log.Warn(line)
	}
	r.diagnosis.Line(line)
}

// environ returns the environment of the tool: the environment of this process, the
// variables that the config sets, and the owner's mark.
func (p *Prover) environ() []string {
	set := map[string]string{"NO_COLOR": "1"}
	if len(p.config.GPUs) > 0 {
		set["CUDA_VISIBLE_DEVICES"] = strings.Join(p.config.GPUs, ",")
		if os.Getenv("CUDA_DEVICE_ORDER") == "" {
			// nvidia-smi numbers cards by their bus, CUDA by their speed unless this
			// variable is set.
			set["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
		}
	}
	if p.config.Cache != "" {
		set["ZISK_CACHE_DIR"] = p.config.Cache
	}
	environ := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		_, replaced := set[name]
		return replaced
	})
	for name, value := range set {
		environ = append(environ, name+"="+value)
	}
	return append(environ, p.owner.Variable())
}

// footprint holds the process ids of the tool's runs that were not cleaned up yet. It
// also keeps them in a file, which survives if this process is killed. Its methods may be
// called concurrently.
type footprint struct {
	path string

	mu   sync.Mutex
	pids []int
}

const footprintFile = "run.json"

// load reads the process ids that an earlier process of the stage has stored.
func (f *footprint) load() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, err := os.ReadFile(f.path); err == nil {
		_ = json.Unmarshal(data, &f.pids) // an incomplete file counts as empty
	}
}

// note adds a run. The file is not synced, because after a crash of the machine the shared
// memory is gone, too. If it cannot be written, an entry of shared memory may be left.
func (f *footprint) note(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pids = append(f.pids, pid)
	if text, err := json.Marshal(f.pids); err == nil {
		_ = os.WriteFile(f.path, text, 0o600)
	}
}

// take returns the stored process ids and removes them.
func (f *footprint) take() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	pids := f.pids
	f.pids = nil
	_ = os.Remove(f.path)
	return pids
}

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

// outcome is what a successful run of the tool said.
type outcome struct {
	summary zisk.Summary
	wall    time.Duration
	start   time.Time
	swept   bool // nothing that the tool had started is left
}

// run is one call of the tool.
type run struct {
	args     []string
	dir      string // working directory
	log      *slog.Logger
	gas      uint64              // of the block; 0 when it is not known
	line     func(string)        // each line of standard output; may be nil
	started  func()              // called when the tool runs; may be nil
	progress func(zisk.Progress) // may be nil
	made     func()              // called when the tool gives its figures, which it does when it has the proof; may be nil
	silence  time.Duration       // 0 for no limit

	transcript *transcript // gets every line; may be nil
}

var (
	errSilent   = errors.New("cargo-zisk has printed nothing for too long and counts as hung")
	errDeadline = errors.New("the run took much longer than proofs of this kind do")
)

// watch stops the run when it prints nothing for its limit.
func (r run) watch(stop context.CancelCauseFunc) *watchdog {
	return newWatchdog(r.silence, func() {
		stop(fmt.Errorf("%w (silence_timeout %v)", errSilent, r.silence))
	})
}

// execute runs the tool and explains its failure. Whatever it started is gone
// when execute returns.
func (p *Prover) execute(ctx context.Context, r run) (outcome, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent := r.watch(stop)
	defer silent.stop()

	out := outcome{start: time.Now()}
	said := &reader{run: r, reset: silent.reset}
	exit, err := p.tool(r.args, r.dir, r.started, said.stdout, said.stderr).Run(ctx)
	if exit == nil {
		return out, err
	}
	out.summary, out.wall = said.summary, exit.Duration
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return out, stopped(cause)
	}
	if failure := said.diagnosis.Explain(zisk.Exit{Code: exit.Code, Signal: exit.Signal}); failure != nil {
		return out, tool.Classify(failure)
	}
	out.swept = !exit.Left
	return out, nil
}

// stopped is the error of a run that was stopped: by the host, or by a limit of
// this stage.
func stopped(cause error) error {
	if errors.Is(cause, errSilent) || errors.Is(cause, errDeadline) {
		return tool.Classify(&zisk.Failure{Kind: zisk.Transient, Code: zisk.CodeHung, Summary: cause.Error()})
	}
	return sdk.Interrupted(fmt.Errorf("cargo-zisk was stopped: %w", cause))
}

// tool is a call of cargo-zisk whose lines go to the two functions. The process id of each
// start is noted: it names the tool's shared memory from 0.17 on, and has to be known even
// of a run that dies at once. Started is called then, unless it is nil.
func (p *Prover) tool(args []string, dir string, started func(), stdout, stderr func(line string)) *process.Command {
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

// reader takes in what the tool prints during a run. Its methods are not for
// concurrent use.
type reader struct {
	run
	reset     func() // called at each line
	summary   zisk.Summary
	tracker   zisk.Tracker
	diagnosis zisk.Diagnosis
}

func (r *reader) stdout(line string) {
	if !zisk.IsRequest(line) { // a question of ours must not keep a hung server alive
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

func (r *reader) stderr(line string) {
	r.reset()
	r.transcript.line(line)
	if strings.TrimSpace(line) != "" {
		r.log.Warn(line)
	}
	r.diagnosis.Line(line)
}

// environ is the environment of the tool: this process's, the owner's mark, and
// what the config sets.
func (p *Prover) environ() []string {
	set := map[string]string{"NO_COLOR": "1"}
	if len(p.config.GPUs) > 0 {
		set["CUDA_VISIBLE_DEVICES"] = strings.Join(p.config.GPUs, ",")
		if os.Getenv("CUDA_DEVICE_ORDER") == "" {
			// nvidia-smi counts cards by their bus, CUDA by their speed unless
			// told otherwise.
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

// footprint is the process ids of the tool's runs that were not cleaned up yet.
// They are kept in a file as well, for the case that this process is killed.
type footprint struct {
	path string

	mu   sync.Mutex
	pids []int
}

const footprintFile = "run.json"

// load takes over what an earlier life of the stage noted.
func (f *footprint) load() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, err := os.ReadFile(f.path); err == nil {
		_ = json.Unmarshal(data, &f.pids) // a torn file names nothing
	}
}

// note adds a run. The file is for the case that this process is killed, and says nothing
// after a crash of the machine, with which the shared memory goes: it is not synced. One that
// cannot be written costs no more than a stale entry of shared memory.
func (f *footprint) note(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pids = append(f.pids, pid)
	if text, err := json.Marshal(f.pids); err == nil {
		_ = os.WriteFile(f.path, text, 0o600)
	}
}

// take returns the noted runs and forgets them.
func (f *footprint) take() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	pids := f.pids
	f.pids = nil
	_ = os.Remove(f.path)
	return pids
}

package sdk

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/wire"
)

// taskFile is the JSON file that "run --task" reads: one task or one event, and a
// configuration.
type taskFile struct {
	Config      json.RawMessage    `json:"config"`
	Pipeline    string             `json:"pipeline"`
	Stage       string             `json:"stage"`
	Block       *contract.Block    `json:"block"`
	Attempt     uint32             `json:"attempt"`
	Inputs      []taskInput        `json:"inputs"`
	Facts       map[string]string  `json:"facts"`
	ResumeToken []byte             `json:"resume_token"`
	Event       contract.EventKind `json:"event"` // for a reporter
}

// taskInput is an input file anywhere on the machine. Without a name it has the file's.
type taskInput struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Role string `json:"role"`
}

const runDescription = `The task file is JSON; file names in it are relative to it:

   {
     "config": {},
     "block":  {"chain_id": 1, "number": 24647140, "hash": "0x…"},
     "inputs": [{"name": "input.bin", "path": "24647140.bin"}],
     "facts":  {},
     "event":  "proved"
   }

Inputs are copied into the work directory. A source needs no hash: it resolves the
number first. "event" is for reporters: what to report; a proof has "role": "proof".
The result is printed as JSON, progress and log go to standard error. Ctrl-C cancels
the task as the host would.`

func runCommand(def *definition) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run one task without a host", UsageText: def.manifest.Name + " run --task task.json [--dir DIR]",
		Description: runDescription,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task", Usage: "the task `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "config", Aliases: []string{"f"}, Usage: "a configuration `FILE`, in place of the task file's block", TakesFile: true},
			&cli.StringFlag{Name: "dir", Usage: "work `DIRECTORY`, kept afterwards (default: a new one in the system's temporary directory)", TakesFile: true},
			&cli.StringFlag{Name: "log", Usage: "log `LEVEL`: debug, info, warn or error", Value: "info"},
			&cli.BoolFlag{Name: "verify", Usage: "verify the proof among the inputs instead of making one (provers)"},
		},
		Action: func(c *cli.Context) error { return runTask(c, def) },
	}
}

// runTask reads task and configuration, runs the task and prints its result.
func runTask(c *cli.Context, def *definition) (err error) {
	if c.String("task") == "" {
		return missingFlag(c, "--task FILE")
	}
	file, err := readTaskFile(c.String("task"), def.manifest.Kind)
	if err != nil {
		return usageError{err}
	}
	if name := c.String("config"); name != "" {
		if file.Config, err = readConfig(name); err != nil {
			return usageError{err}
		}
	}
	dir, err := workDirectory(c.String("dir"))
	if err != nil {
		return err
	}
	log := newTextOutput(c.App.ErrWriter)
	log.setLevel(c.String("log"))

	config, findings := def.decode(file.Config)
	log.redact(config.secrets)
	if err := printFindings(c.App.ErrWriter, redactFindings(findings, config.secrets)); err != nil {
		return err
	}
	if hasError(findings) {
		return errSilent
	}
	attempt := filepath.Join(dir, fmt.Sprintf("attempt-%d", file.Attempt))
	result, err := runAttempt(c.Context, def, file, config, attempt, log, c.Bool("verify"))
	if err != nil {
		err = interrupted(c.Context, err)
		return fmt.Errorf("%s: %w", contract.ClassOf(err), log.cleanError(err))
	}
	printed, err := resultJSON(attempt, result)
	if err != nil {
		return err
	}
	return printJSON(c.App.Writer, printed)
}

// runAttempt opens the plugin, runs one handler in the directory attempt, and closes the
// plugin.
func runAttempt(ctx context.Context, def *definition, file *taskFile, config decoded, attempt string, log *output, verify bool) (result *Result, err error) {
	state := filepath.Join(filepath.Dir(attempt), "state")
	if err := prepareStateDir(state); err != nil {
		return nil, err
	}
	value, err := def.open(ctx, config, Env{Pipeline: file.Pipeline, Stage: file.Stage, StateDir: state, Log: log.logger})
	if err != nil {
		return nil, err
	}
	if c, ok := value.(closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	if n, ok := value.(noter); ok && n.Note() != "" {
		log.logger.Info(n.Note())
	}
	inputs, err := stageInputs(file.Inputs, attempt)
	if err != nil {
		return nil, err
	}
	if s, ok := value.(Source); ok && def.manifest.Kind == contract.KindSource {
		if err := resolveBlock(ctx, s, file.Block); err != nil {
			return nil, err
		}
	}
	if def.manifest.Kind == contract.KindReporter {
		return runReport(ctx, value.(Reporter), file, inputs, attempt, log)
	}
	task, err := OpenTask(contract.Task{
		Pipeline: file.Pipeline, Stage: file.Stage, Job: file.Block.JobID(), Attempt: file.Attempt, Block: *file.Block,
		Dir: attempt, Inputs: inputs, ResumeToken: file.ResumeToken, Facts: file.Facts,
	}, log.logger, printEvents(log.logger))
	if err != nil {
		return nil, err
	}
	defer task.Close()
	switch v := value.(type) {
	case Verifier:
		if verify {
			err = v.Verify(ctx, task)
		} else {
			result, err = value.(Prover).Prove(ctx, task)
		}
	case Prover:
		if verify {
			return nil, Permanent(errors.New("this prover cannot verify"))
		}
		result, err = v.Prove(ctx, task)
	case Builder:
		result, err = v.Build(ctx, task)
	case Source:
		result, err = v.Fetch(ctx, task)
	}
	return checkedResult(task.space, result, err)
}

func runReport(ctx context.Context, r Reporter, file *taskFile, artifacts []Artifact, dir string, log *output) (*Result, error) {
	event, err := OpenEvent(contract.Event{
		ID: "by-hand", Kind: file.Event, Pipeline: file.Pipeline, Stage: file.Stage, Time: time.Now(), Block: file.Block,
		Facts: file.Facts, Artifacts: artifacts, Dir: dir, Try: file.Attempt,
	}, log.logger, printEvents(log.logger))
	if err != nil {
		return nil, err
	}
	defer event.Close()
	result, err := r.Report(ctx, event)
	return checkedResult(event.space, result, err)
}

func checkedResult(space *workspace, result *Result, err error) (*Result, error) {
	if err != nil {
		return nil, err
	}
	if result == nil {
		result = &Result{}
	}
	return result, space.checkOutputs(result.Outputs)
}

// resolveBlock has the source complete a block of which only the number is known.
func resolveBlock(ctx context.Context, s Source, block *Block) error {
	if !block.Hash.IsZero() {
		return nil
	}
	found, err := s.Resolve(ctx, []uint64{block.Number})
	switch {
	case err != nil:
		return fmt.Errorf("resolve block %d: %w", block.Number, err)
	case len(found) != 1 || found[0].Block == nil && found[0].Reason == "":
		return Permanent(fmt.Errorf("resolve block %d: no answer", block.Number))
	case found[0].Block == nil:
		return Permanent(fmt.Errorf("resolve block %d: %s", block.Number, found[0].Reason))
	}
	*block = *found[0].Block
	return nil
}

func readTaskFile(name string, kind Kind) (*taskFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read task: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(f)
	dec.DisallowUnknownFields()
	file := &taskFile{Pipeline: "by-hand", Stage: "by-hand", Attempt: 1}
	if err := dec.Decode(file); err != nil {
		return nil, fmt.Errorf("read task %s: %w", name, err)
	}
	switch {
	case kind == contract.KindReporter && file.Event == "":
		return nil, fmt.Errorf("read task %s: there is no event to report, such as \"event\": \"proved\"", name)
	case kind != contract.KindReporter && file.Block == nil:
		return nil, fmt.Errorf("read task %s: there is no block", name)
	}
	for i, in := range file.Inputs {
		if in.Path == "" {
			return nil, fmt.Errorf("read task %s: input %d has no path", name, i)
		}
		if in.Name == "" {
			file.Inputs[i].Name = filepath.Base(in.Path)
		}
		if !filepath.IsAbs(in.Path) {
			file.Inputs[i].Path = filepath.Join(filepath.Dir(name), in.Path)
		}
	}
	return file, nil
}

func workDirectory(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "proofline-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// stageInputs makes the attempt's directory, which must not exist yet, and copies the
// inputs into its in/.
func stageInputs(files []taskInput, attempt string) (out []Artifact, err error) {
	if err := os.Mkdir(attempt, 0o700); err != nil {
		return nil, usageError{fmt.Errorf("prepare the attempt: %w", err)}
	}
	if err := os.Mkdir(filepath.Join(attempt, "in"), 0o700); err != nil {
		return nil, err
	}
	for _, in := range files {
		if err := wire.CheckName(in.Name); err != nil {
			return nil, usageError{err}
		}
		a, err := copyInput(in.Path, filepath.Join(attempt, "in", in.Name))
		if err != nil {
			return nil, usageError{fmt.Errorf("input %q: %w", in.Name, err)}
		}
		a.Name, a.Path, a.Role = in.Name, path.Join("in", in.Name), in.Role
		out = append(out, a)
	}
	return out, nil
}

func copyInput(from, to string) (a Artifact, err error) {
	src, err := os.Open(from)
	if err != nil {
		return a, err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	a.Size, a.SHA256, err = files.DigestOf(io.TeeReader(src, dst))
	return a, err
}

// printEvents logs the events that a host would receive.
func printEvents(log *slog.Logger) func(WorkEvent) error {
	return func(e WorkEvent) error {
		switch {
		case e.Progress != nil && e.Progress.Phase != "":
			attrs := []any{"phase", e.Progress.Phase}
			if e.Progress.Fraction >= 0 {
				attrs = append(attrs, "done", fmt.Sprintf("%.0f%%", 100*e.Progress.Fraction))
			}
			if e.Progress.ETA > 0 {
				attrs = append(attrs, "eta", e.Progress.ETA.String())
			}
			log.Info(strings.TrimSpace("progress "+e.Progress.Note), attrs...)
		case e.Resume != nil:
			log.Info("resume token", "base64", e.Resume)
		case e.Publish != nil:
			log.Info("published", "artifact", e.Publish.Name, "path", e.Publish.Path)
		}
		return nil
	}
}

// outputJSON is an output of "run" in the result that it prints.
type outputJSON struct {
	Name   string `json:"name"`
	Path   string `json:"path"` // absolute
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Role   string `json:"role,omitempty"`
}

// resultJSON returns the form in which a result is printed. It hashes the outputs, as the
// host does.
func resultJSON(attempt string, r *Result) (any, error) {
	outputs := []outputJSON{}
	for _, a := range r.Outputs {
		path := filepath.Join(attempt, filepath.FromSlash(a.Path))
		_, sum, err := files.Digest(path)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", a.Name, err)
		}
		outputs = append(outputs, outputJSON{a.Name, path, a.Size, hex.EncodeToString(sum[:]), a.Role})
	}
	return struct {
		Outputs  []outputJSON      `json:"outputs"`
		WorkTime string            `json:"work_time,omitempty"`
		Facts    map[string]string `json:"facts,omitempty"`
	}{outputs, showDuration(r.WorkTime), r.Facts}, nil
}

// showDuration returns an empty text for zero, which the JSON result leaves out.
func showDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

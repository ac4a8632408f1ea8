package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/private"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/tracing"
)

func (c commands) run() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a pipeline until it is stopped",
		ArgsUsage: "[FILE]",
		Description: "SIGINT or SIGTERM stops the pipeline: no new work is begun, and running work is finished or\n" +
			"queued again. A second signal stops it at once. Nothing is lost in either case.\n" +
			"SIGHUP makes it read the file again, as proofline reload does. If it was started in a\n" +
			"terminal, SIGHUP means that the terminal was closed, and stops it.",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.IntFlag{Name: "blocks", Usage: "stop after `N` blocks are done or failed, and print their outcomes"},
		},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			limit := ctx.Int("blocks")
			if limit < 0 || limit == 0 && ctx.IsSet("blocks") {
				return usage("--blocks %d: at least 1", limit)
			}
			return c.runPipeline(ctx.Context, file, limit)
		},
	}
}

func (c commands) runPipeline(ctx context.Context, file string, limit int) error {
	var read []string // names of the variables in the file
	environment := cachedEnvironment{lookup: c.LookupEnv, values: map[string]*string{}}
	p, chain, err := load(ctx, file, func(name string) (string, bool) {
		read = append(read, name)
		return environment.get(name)
	}, c.Stderr)
	if err != nil {
		return err
	}
	level := &slog.LevelVar{}
	level.Set(p.Log.Level)
	log := c.newLog(level, p.Log.Format)
	if c.Signals { // the process has no other use than this host
		hideSecrets(p, read, log)
	}
	soft, hard := ctx, context.Background()
	var reload chan os.Signal
	if c.Signals {
		var release func()
		soft, hard, reload, release = stopSignals(ctx, log)
		defer release()
	}
	stopTracing, err := tracing.Start(ctx, "proofline", version)
	if err != nil {
		return err
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = stopTracing(flush) // a collector that is down must not make the pipeline fail
	}()
	began := time.Now()
	followCtx, stopFollower := context.WithCancel(context.WithoutCancel(ctx))
	var follower sync.WaitGroup
	defer func() { stopFollower(); follower.Wait() }()
	outcome, err := host.Run(soft, host.Options{
		Pipeline: p,
		Catalog:  catalog.Open(p.Plugins.Dirs),
		Limit:    limit,
		Hard:     hard,
		Chain:    func(known uint64) error { return otherChain(p, known, chain).Error() },
		Version:  version,
		Log:      slog.New(tracing.LogHandler(p.Name, log.Handler())),
		Level:    level,
		Show: func(overview func() live.Overview) {
			follower.Go(func() { c.showProgress(followCtx, log, overview) })
		},
		ReloadSignal: reload,
		Reload: func(ctx context.Context) (*pipeline.Pipeline, error) {
			p, _, err := load(ctx, file, environment.get, c.Stderr)
			return p, err
		},
		Up: func(address string) {
			log.Info("running", "pipeline", p.Name, "version", version, "health", "http://"+address+"/health")
			if err := catalog.SaveDigests(digestsFile(p)); err != nil {
				log.Debug("the next start reads every plugin again", "error", err)
			}
		},
	})
	stopFollower()
	follower.Wait()
	if limit == 0 {
		return err
	}
	verdict := c.writeOutcome(outcome.Finished, limit, time.Since(began))
	if err != nil { // the reason why the run ended is more important than the numbers
		return err
	}
	return verdict
}

// hideSecrets closes the memory of the process to other processes of its user, and removes
// the variables that the pipeline file names from its environment. Variables that plugins
// get stay.
func hideSecrets(p *pipeline.Pipeline, read []string, log *slog.Logger) {
	if err := private.Seal(); err != nil {
		log.Warn("other processes of this user can read the host's memory", "error", err)
	}
	keep := launch.Passed()
	for _, s := range p.Stages {
		keep = append(keep, s.Env...)
	}
	private.Forget(read, keep)
}

// writeOutcome prints the blocks of a limited run. It returns an error if blocks failed or
// are not finished, or if reports were not sent.
func (c commands) writeOutcome(finished []status.Job, limit int, took time.Duration) error {
	slices.SortFunc(finished, func(a, b status.Job) int { return cmp.Compare(a.Block.Number, b.Block.Number) })
	if err := jobsTable(finished, time.Now()).write(c.Stdout); err != nil {
		return err
	}
	done, failed, unreported := 0, 0, 0
	for _, j := range finished {
		switch {
		case j.State != status.JobDone:
			failed++
		case j.Unreported != "":
			unreported++
		default:
			done++
		}
	}
	text := fmt.Sprintf("%s done in %s", plural(done, "block"), span(took))
	for _, part := range []struct {
		n     int
		label string
	}{{unreported, "not reported"}, {failed, "failed"}, {limit - len(finished), "not finished"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.label)
		}
	}
	if _, err := fmt.Fprintln(c.Stdout, text); err != nil {
		return err
	}
	if done < limit {
		return printedError{errors.New(text)}
	}
	return nil
}

// stopSignals handles signals. soft ends with the first signal to stop, hard with the
// second; a third one has its usual effect. reload receives the signals to read the file
// again. The caller calls release after the run.
func stopSignals(ctx context.Context, log *slog.Logger) (soft, hard context.Context, reload chan os.Signal, release func()) {
	soft, endSoft := context.WithCancel(ctx)
	hard, endHard := context.WithCancel(context.WithoutCancel(ctx))
	// If the reader of the log has ended ("| tee" was killed), the proving must go on. With
	// a handler, a write to the closed pipe is an error and not a signal. Plugins would
	// inherit an ignored signal, but do not inherit a handler.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	reload = make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		switch {
		case s == syscall.SIGHUP && !hasTerminal(): // also under nohup, because no terminal can be closed
			signal.Notify(reload, s)
		case signal.Ignored(s): // nohup, or a shell in the background, ignores it: it stays ignored
		default:
			signal.Notify(signals, s)
		}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s := <-signals:
			log.Info("stopping: what runs is finished or queued again; a second signal ends it at once", "signal", s.String())
			endSoft()
		case <-done:
			return
		}
		select {
		case s := <-signals:
			log.Warn("stopping at once; what runs is queued again", "signal", s.String())
			signal.Stop(signals)
			endHard()
		case <-done:
		}
	}()
	return soft, hard, reload, func() {
		signal.Stop(reload)
		signal.Stop(pipe)
		signal.Stop(signals)
		close(done)
		<-ended
		endSoft()
		endHard()
	}
}

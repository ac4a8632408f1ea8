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
		Usage:     "run a pipeline until it is told to stop",
		ArgsUsage: "[FILE]",
		Description: "SIGINT or SIGTERM ends it in good order: no new work is begun, and what runs is\n" +
			"finished or queued again. A second signal ends it at once. Nothing is lost either way.\n" +
			"SIGHUP has it read the file again, as proofline reload does; where it was started in a\n" +
			"terminal, it is the end of that and stops it.",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.IntFlag{Name: "blocks", Usage: "stop after `N` blocks are done or failed, and print what became of them"},
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
	var read []string // variables that the file names
	environment := remembered{lookup: c.LookupEnv, known: map[string]*string{}}
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
	if c.Signals { // the process is the host's own
		if err := private.Seal(); err != nil {
			log.Warn("other processes of this user can read the host's memory", "error", err)
		}
		keep := launch.Passed()
		for _, s := range p.Stages {
			keep = append(keep, s.Env...)
		}
		private.Forget(read, keep)
	}
	soft, hard := ctx, context.Background()
	var again chan os.Signal
	if c.Signals {
		var release func()
		soft, hard, again, release = stopSignals(ctx, log)
		defer release()
	}
	stopTracing, err := tracing.Start(ctx, "proofline", version)
	if err != nil {
		return err
	}
	defer func() {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = stopTracing(flush) // a collector that is down is no matter of the pipeline
	}()
	began := time.Now()
	following, stopFollowing := context.WithCancel(context.WithoutCancel(ctx))
	var follower sync.WaitGroup
	defer func() { stopFollowing(); follower.Wait() }()
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
			follower.Go(func() { c.follow(following, log, overview) })
		},
		ReloadSignal: again,
		Reload: func(ctx context.Context) (*pipeline.Pipeline, error) {
			p, _, err := load(ctx, file, environment.get, c.Stderr)
			return p, err
		},
		Up: func(address string) {
			log.Info("running", "pipeline", p.Name, "version", version, "health", "http://"+address+"/health")
			if err := catalog.SaveDigests(digests(p)); err != nil {
				log.Debug("the next start reads every plugin again", "error", err)
			}
		},
	})
	stopFollowing()
	follower.Wait()
	if limit == 0 {
		return err
	}
	verdict := c.writeOutcome(outcome.Finished, limit, time.Since(began))
	if err != nil { // why the run ended; the numbers alone do not tell
		return err
	}
	return verdict
}

// writeOutcome prints what became of a limited run. It is an error when blocks
// failed or are missing, or when a reporter has not got what it is owed.
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
		n    int
		word string
	}{{unreported, "not reported"}, {failed, "failed"}, {limit - len(finished), "not finished"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	if _, err := fmt.Fprintln(c.Stdout, text); err != nil {
		return err
	}
	if done < limit {
		return told{errors.New(text)}
	}
	return nil
}

// stopSignals returns a context that ends with the first signal to stop, and
// one that ends with the second. A third has its usual effect. Again has the signals
// that ask for the file to be read again. Call release when nothing is left to stop.
func stopSignals(ctx context.Context, log *slog.Logger) (soft, hard context.Context, again chan os.Signal, release func()) {
	soft, endSoft := context.WithCancel(ctx)
	hard, endHard := context.WithCancel(context.WithoutCancel(ctx))
	// A log that nobody reads any more ("| tee" killed) must not end the proving:
	// with this, a write to a closed pipe is an error and no signal. Notify, not
	// Ignore, because plugins would inherit that.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	again = make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		switch {
		case s == syscall.SIGHUP && !hasTerminal(): // nohup is of no concern to it: there is no terminal to end
			signal.Notify(again, s)
		case signal.Ignored(s): // by nohup, or by a shell in the background: it stays so
		default:
			signal.Notify(signals, s)
		}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s := <-signals:
			log.Info("stopping: what runs is finished or queued again; a second signal ends it at once", "signal", s.String())
			endSoft()
		case <-over:
			return
		}
		select {
		case s := <-signals:
			log.Warn("stopping at once; what runs is queued again", "signal", s.String())
			signal.Stop(signals)
			endHard()
		case <-over:
		}
	}()
	return soft, hard, again, func() {
		signal.Stop(again)
		signal.Stop(pipe)
		signal.Stop(signals)
		close(over)
		<-ended
		endSoft()
		endHard()
	}
}

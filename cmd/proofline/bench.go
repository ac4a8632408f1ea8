package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/bench"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) bench() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure the stages of a pipeline over kept blocks",
		ArgsUsage: "[FILE]",
		Description: "Runs the builders and provers of a file over an archive of blocks (which source-rpc keeps\n" +
			"under archive.dir, or reporter-archive in a directory), or over a range of blocks from the\n" +
			"file's own source. It uses a temporary data directory, so that the file's own data does not\n" +
			"change, and reports nothing. It shows for each stage how long blocks waited and were worked\n" +
			"on, which part of that was the plugin's and which the host's, and the memory.\n\n" +
			"  proofline bench --archive kept --stages input,check --html report.html mainnet.yaml\n" +
			"  proofline bench --blocks 24000100..24000120 mainnet.yaml\n" +
			"  proofline bench --archive kept --json mainnet.yaml > before.json\n" +
			"  proofline bench --compare before.json after.json",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.StringFlag{Name: "archive", Usage: "`DIRECTORY` of <number>/{block,witness}.json[.gz]; without it the blocks come from the file's source"},
			&cli.StringFlag{Name: "stages", Usage: "only these `STAGES`, separated by commas, and what they need"},
			&cli.StringFlag{Name: "blocks", Usage: "the blocks `N..M`, or only the first N of the archive"},
			&cli.BoolFlag{Name: "csv", Usage: "print one line for each stage of each block"},
			&cli.StringFlag{Name: "html", Usage: "also write a page with plots to `FILE`"},
			&cli.BoolFlag{Name: "compare", Usage: "compare two reports of --json, paired by block"},
		},
		Action: func(ctx *cli.Context) error {
			if ctx.Bool("compare") {
				return c.compareBenches(ctx)
			}
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			blocks, err := parseRange(ctx.String("blocks"))
			if err != nil {
				return err
			}
			if ctx.String("archive") == "" && !blocks.bounded() {
				return usage("name the blocks: --archive DIRECTORY (source-rpc makes one with archive: {dir: …}), or --blocks N..M from the file's source")
			}
			if ctx.Bool("csv") && ctx.Bool("json") {
				return usage("--csv or --json, not both")
			}
			report, err := c.measure(ctx.Context, file, ctx.String("archive"), ctx.String("stages"), blocks)
			if err != nil {
				return err
			}
			if page := ctx.String("html"); page != "" {
				f, err := os.Create(page)
				if err != nil {
					return err
				}
				if err := errors.Join(report.HTML(f), f.Close()); err != nil {
					return err
				}
			}
			switch {
			case ctx.Bool("json"):
				return c.printJSON(report)
			case ctx.Bool("csv"):
				return report.CSV(c.Stdout)
			}
			return writeBench(c.Stdout, report)
		},
	}
}

// measure runs a pipeline over an archive, or over blocks of its own source if archive is
// empty.
func (c commands) measure(ctx context.Context, file, archive, stages string, blocks blockRange) (r bench.Report, err error) {
	count := blocks.count()
	if archive != "" {
		if archive, err = filepath.Abs(archive); err != nil {
			return r, err
		}
		if count, err = archivedBlocks(archive, blocks); err != nil {
			return r, err
		}
	}
	scratch, err := os.MkdirTemp("", "proofline-bench-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	p, err := c.benchPipeline(ctx, file, archive, stages, scratch, blocks)
	if err != nil {
		return r, err
	}
	log := c.newLog(slog.LevelWarn, "")
	memory := map[string]int64{}
	samplingCtx, stop := context.WithCancel(ctx)
	var samples sync.WaitGroup
	defer samples.Wait()
	defer stop()
	outcome, err := host.Run(ctx, host.Options{
		Pipeline: p, Catalog: catalog.Open(p.Plugins.Dirs), Limit: count, Version: version, Log: log,
		Up: func(string) { samples.Go(func() { sampleMemory(samplingCtx, p.Data, memory) }) },
	})
	stop()
	samples.Wait()
	if err != nil {
		return r, err
	}
	needs := map[string][]string{}
	for _, s := range p.Stages {
		needs[s.Name] = s.Needs
	}
	r = bench.Of(outcome.Finished, needs)
	r.Pipeline, r.Version, r.Archive, r.Memory = p.Name, versionText(), archive, memory
	r.Machine = fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return r, nil
}

// benchPipeline returns the pipeline of a file with only the chosen stages, without
// reporters, and with its data in a scratch directory. If there is an archive, it is the
// source.
func (c commands) benchPipeline(ctx context.Context, file, archive, stages, scratch string, blocks blockRange) (*pipeline.Pipeline, error) {
	config, err := json.Marshal(map[string]string{"dir": archive})
	if err != nil {
		return nil, err
	}
	// The default of needs depends on all stages of the file. So it is computed from the
	// whole file, and then set explicitly for the chosen stages.
	read := func() (*pipeline.Pipeline, error) {
		p, findings := pipeline.Load(file, c.LookupEnv)
		if p != nil && len(p.Stages) > 0 && archive != "" {
			findings = slices.DeleteFunc(findings, func(f pipeline.Finding) bool { return strings.HasPrefix(f.Path, "stages[0].config") })
			p.Stages[0].Plugin, p.Stages[0].Config = "source-archive", config
		}
		return p, findings.Error()
	}
	full, err := read()
	if err != nil {
		return nil, err
	}
	if err := bind(full).Error(); err != nil {
		return nil, err
	}
	chosen, err := chosenStages(full, stages)
	if err != nil {
		return nil, err
	}
	p, err := read()
	if err != nil {
		return nil, err
	}
	p.Stages = slices.DeleteFunc(p.Stages, func(s pipeline.Stage) bool { return !chosen[s.Name] })
	for i := range p.Stages {
		s := &p.Stages[i]
		s.Needs, s.Confirm = full.Stage(s.Name).Needs, slices.DeleteFunc(slices.Clone(full.Stage(s.Name).Confirm), func(name string) bool { return !chosen[name] })
	}
	p.Data, p.Output, p.Monitor.Listen = filepath.Join(scratch, "data"), filepath.Join(scratch, "output"), "127.0.0.1:0"
	p.Select = selection.Selection{Targets: blocks.targets(), Order: selection.OldestFirst}
	findings, _ := checkPipeline(ctx, p, nil)
	return p, findings.Error()
}

// chosenStages returns the stages of a list and all stages that they need. An empty list
// means all stages but the reporters.
func chosenStages(p *pipeline.Pipeline, list string) (map[string]bool, error) {
	chosen := map[string]bool{}
	var choose func(name string) error
	choose = func(name string) error {
		s := p.Stage(name)
		if s == nil || s.Kind == contract.KindReporter {
			return usage("the pipeline has no working stage %q", name)
		}
		chosen[name] = true
		for _, n := range s.Needs {
			if err := choose(n); err != nil {
				return err
			}
		}
		return nil
	}
	names := strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
	if len(names) == 0 {
		for _, s := range p.Stages {
			if s.Kind != contract.KindReporter {
				names = append(names, s.Name)
			}
		}
	}
	for _, name := range names {
		if err := choose(strings.TrimSpace(name)); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

// sampleEvery is the pause between two measurements of the processes' memory.
const sampleEvery = 250 * time.Millisecond

// sampleMemory records the highest memory of each stage's processes until ctx ends.
func sampleMemory(ctx context.Context, data string, highest map[string]int64) {
	client, err := control.Dial(ctx, data)
	if err != nil {
		return // the run has ended
	}
	defer client.Close()
	for {
		snap, err := client.Snapshot(ctx)
		if err == nil {
			recordMemory(highest, snap)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(sampleEvery):
		}
	}
}

func recordMemory(highest map[string]int64, snap status.Snapshot) {
	for _, s := range snap.Stages {
		if s.PID > 0 {
			highest[s.Name] = max(highest[s.Name], bench.Resident(s.PID))
		}
	}
}

func writeBench(w io.Writer, r bench.Report) error {
	figure := func(v float64) string { return span(time.Duration(v * float64(time.Millisecond))) }
	t := newTable("STAGE", "BLOCKS", "WAIT", "RUN", "RUN 95%", "RUN MAX", "WORK", "HOST", "MEMORY")
	for _, s := range r.Stages {
		t.add(s.Name, strconv.Itoa(s.Run.Count), figure(s.Wait.Median), figure(s.Run.Median), figure(s.Run.P95), figure(s.Run.Max),
			figure(s.Work.Median), figure(s.Host.Median), size(r.Memory[s.Name]))
	}
	t.add("a block", strconv.Itoa(r.Total.Count), "", figure(r.Total.Median), figure(r.Total.P95), figure(r.Total.Max), "", "", "")
	if err := t.write(w); err != nil {
		return err
	}
	failed := 0
	for _, b := range r.Blocks {
		if b.State != string(status.JobDone) {
			failed++
		}
	}
	text := fmt.Sprintf("%s in %s; wait, run, work and host are medians", plural(r.Total.Count, "block"), figure(r.TookMS))
	if failed > 0 {
		text += fmt.Sprintf("; %d failed and do not count", failed)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// compareBenches prints how two reports differ.
func (c commands) compareBenches(ctx *cli.Context) error {
	if ctx.NArg() != 2 {
		return usage("name two reports of proofline bench --json, got %d", ctx.NArg())
	}
	var reports [2]bench.Report
	for i, file := range ctx.Args().Slice() {
		text, err := os.ReadFile(file)
		if err != nil {
			return usage("%v", err)
		}
		if err := json.Unmarshal(text, &reports[i]); err != nil || reports[i].Blocks == nil {
			return usage("%s is no report of proofline bench --json", file)
		}
	}
	comparison := bench.Compare(reports[0], reports[1])
	if ctx.Bool("json") {
		return c.printJSON(comparison)
	}
	t := newTable("STAGE", "A", "B", "RATIO")
	row := func(name string, change bench.Change) {
		t.add(name, span(time.Duration(change.A*float64(time.Millisecond))), span(time.Duration(change.B*float64(time.Millisecond))), fmt.Sprintf("%.2f", change.Ratio))
	}
	for _, s := range comparison.Stages {
		row(s.Name, s.Run)
	}
	row("a block", comparison.Total)
	if err := t.write(c.Stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.Stdout, "medians of %s that both have; a ratio above 1: B is slower\n", plural(comparison.Paired, "block"))
	return err
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
)

func (c commands) reload() *cli.Command {
	return &cli.Command{
		Name:      "reload",
		Usage:     "make the running pipeline read its file again",
		ArgsUsage: "[FILE]",
		Description: "Applies the changes that are possible while blocks are being proved, and lists those that\n" +
			"need a restart. Applied at once: select, keep, log, retry, timeout, stuck_after and\n" +
			"concurrency of every stage, reporters that were added or removed. The plugin of a source\n" +
			"or a reporter is started again with its new configuration when it is idle. Changes of a\n" +
			"builder or a prover need a restart: proofline drain, then proofline run. If the file has\n" +
			"errors, nothing changes. Variables of the environment keep the values that they had when\n" +
			"the host started. SIGHUP does the same. Exit code 0 also if a change needs a restart, 1 if\n" +
			"a change could not be applied.\n\n" +
			"  proofline reload mainnet.yaml",
		Flags: []cli.Flag{fileFlag(), jsonFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			p, err := c.reach(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			reloaded, err := p.Reload(ctx.Context)
			if err != nil {
				return err
			}
			if ctx.Bool("json") {
				err = c.printJSON(reloaded)
			} else {
				err = writeReloaded(c.Stdout, reloaded)
			}
			if err == nil && len(reloaded.Failed) > 0 {
				return printedError{fmt.Errorf("%s could not be applied", plural(len(reloaded.Failed), "change"))}
			}
			return err
		},
	}
}

func writeReloaded(w io.Writer, r control.Reloaded) error {
	if len(r.Applied)+len(r.Restart)+len(r.Failed) == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing has changed\n", r.File)
		return err
	}
	t := newTable("CHANGE", "WAS", "IS", "")
	row := func(d change.Difference, outcome string) {
		if d.Note != "" {
			outcome += "; " + d.Note
		}
		t.add(d.Name(), d.Old, d.New, outcome)
	}
	for _, d := range r.Applied {
		row(d, "applied")
	}
	for _, d := range r.Failed {
		row(d.Difference, "failed: "+d.Error)
	}
	for _, d := range r.Restart {
		row(d, "needs a restart")
	}
	return t.write(w)
}

// digestsFile returns the path of the file in which a host keeps the digests of the
// plugins' files for the next host.
func digestsFile(p *pipeline.Pipeline) string { return filepath.Join(p.Data, "run", "digests.json") }

// load reads and checks a pipeline file to run. It also returns the id of its chain, or 0
// if it is not known. It writes findings that are not errors to w.
func load(ctx context.Context, file string, lookup pipeline.Lookup, w io.Writer) (p *pipeline.Pipeline, chain uint64, err error) {
	p, findings := pipeline.Load(file, lookup)
	if p != nil {
		catalog.LoadDigests(digestsFile(p))
	}
	findings, traits := checkPipeline(ctx, p, findings)
	if err := findings.Error(); err != nil {
		return nil, 0, err
	}
	return p, chainOf(p, traits), findings.Write(w)
}

// cachedEnvironment looks up each variable once and keeps its value, because the host
// removes variables from its environment after it has read them.
type cachedEnvironment struct {
	lookup pipeline.Lookup
	mu     sync.Mutex
	values map[string]*string
}

func (r *cachedEnvironment) get(name string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, cached := r.values[name]
	if !cached {
		if text, set := r.lookup(name); set {
			value = &text
		}
		r.values[name] = value
	}
	if value == nil {
		return "", false
	}
	return *value, true
}

// hasTerminal reports whether the process was started in a terminal. SIGHUP then means
// that the terminal was closed.
func hasTerminal() bool {
	f, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	f.Close()
	return true
}

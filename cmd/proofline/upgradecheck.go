package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) upgradeCheck() *cli.Command {
	return &cli.Command{
		Name:      "upgrade-check",
		Usage:     "compare the pipeline that runs with this program, its plugins and the file",
		ArgsUsage: "[FILE]",
		Description: "Run the command with the new binaries and the new file, before the upgrade. It lists the\n" +
			"changes and whether each needs a reload or a restart, which work of unfinished blocks would\n" +
			"be repeated, and what would be lost. It changes nothing. If no host runs, it compares with\n" +
			"the pipeline that ran last. Exit code 0 if the upgrade loses nothing, 1 if it would.\n\n" +
			"  /opt/proofline-next/proofline upgrade-check mainnet.yaml",
		Flags: []cli.Flag{fileFlag(), jsonFlag()},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			u, err := c.upgrade(ctx.Context, file)
			if err != nil {
				return err
			}
			if ctx.Bool("json") {
				err = c.printJSON(u)
			} else {
				err = u.write(c.Stdout)
			}
			if err == nil && len(u.Lost) > 0 {
				return printedError{errors.New("something would be lost")}
			}
			return err
		},
	}
}

// upgrade is the result of the command: what another program and file would change.
type upgrade struct {
	File    string              `json:"file"`
	Running bool                `json:"running"`
	Changes []change.Difference `json:"changes"`
	Redone  []repeated          `json:"redone"`
	Lost    []string            `json:"lost"`
}

// repeated is work on unfinished blocks that would be done once more.
type repeated struct {
	Stage       string   `json:"stage"`
	Blocks      []uint64 `json:"blocks"`      // for which the stage is done
	Interrupted []uint64 `json:"interrupted"` // on which it works at this moment
}

func (c commands) upgrade(ctx context.Context, file string) (upgrade, error) {
	u := upgrade{File: file, Changes: []change.Difference{}, Redone: []repeated{}, Lost: []string{}}
	p, chain, err := load(ctx, file, c.LookupEnv, c.Stderr)
	if err == nil {
		err = chainFindings(p, chain).Error()
	}
	if err != nil {
		return u, err
	}
	before, err := change.Load(p.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return u, contract.Environment(fmt.Errorf("no pipeline has run with the data directory %s", p.Data), "there is nothing to compare: proofline run "+file)
	}
	if err != nil {
		return u, err
	}
	plugins := catalog.Open(p.Plugins.Dirs)
	after, err := change.Of(p, version, func(s pipeline.Stage) (change.StageInfo, error) {
		binary, err := plugins.Find(s.Plugin)
		return host.StageInfo(binary, s), err
	})
	if err != nil {
		return u, err
	}
	u.Changes = append(u.Changes, change.Compare(before, after.Redacted())...)
	running, err := c.reach(ctx, file)
	if err != nil {
		return u, err
	}
	defer running.Close()
	_, u.Running = running.(*control.Client)
	snap, err := running.Snapshot(ctx)
	if err != nil {
		return u, err
	}
	for _, d := range u.Changes {
		if d.Redone && !slices.ContainsFunc(u.Redone, func(r repeated) bool { return r.Stage == d.Stage }) {
			u.Redone = append(u.Redone, repeatedWork(d.Stage, snap.Jobs))
		}
		if removed := d.Path == "" && d.New == ""; removed {
			u.Lost = append(u.Lost, u.loss(d, snap)...)
		}
	}
	return u, nil
}

// repeatedWork returns the unfinished blocks for which a stage's work would be repeated. A
// proof that was reported as proved is kept.
func repeatedWork(stage string, jobs []status.Job) repeated {
	r := repeated{Stage: stage, Blocks: []uint64{}, Interrupted: []uint64{}}
	for _, j := range jobs {
		for _, s := range j.Stages {
			switch {
			case s.Stage != stage || s.Announced == string(contract.EventProved):
			case s.State == "done":
				r.Blocks = append(r.Blocks, j.Block.Number)
			case s.State == "running":
				r.Interrupted = append(r.Interrupted, j.Block.Number)
			}
		}
	}
	return r
}

// loss describes what is lost with a stage that is not in the new file.
func (u upgrade) loss(d change.Difference, snap status.Snapshot) (lost []string) {
	for _, s := range snap.Stages {
		switch {
		case s.Name != d.Stage:
		case s.Kind == contract.KindSource:
			lost = append(lost, fmt.Sprintf("the place of the source %s in the chain: another one begins at the head, or at select.from", s.Name))
		case s.Kind == contract.KindReporter && s.QueueLength > 0:
			lost = append(lost, fmt.Sprintf("what %s has not delivered, of %s", s.Name, plural(s.QueueLength, "block")))
		}
	}
	return lost
}

func (u upgrade) write(w io.Writer) error {
	if len(u.Changes) == 0 {
		_, err := fmt.Fprintf(w, "%s: nothing would change\n", u.File)
		return err
	}
	t := newTable("CHANGE", "WAS", "IS", "TAKES")
	for _, d := range u.Changes {
		takes := map[change.Action]string{change.Nothing: "reload", change.Plugin: "reload, which restarts the plugin", change.Restart: "restart"}[d.Action]
		if d.Note != "" {
			takes += "; " + d.Note
		}
		t.add(d.Name(), d.Old, d.New, takes)
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, r := range u.Redone {
		fmt.Fprintf(w, "done once more: %s, for %s", r.Stage, plural(len(r.Blocks), "unfinished block"))
		if len(r.Interrupted) > 0 {
			fmt.Fprintf(w, "; it works on %v: proofline drain --after-current lets it finish", r.Interrupted)
		}
		fmt.Fprintln(w)
	}
	for _, text := range u.Lost {
		fmt.Fprintln(w, "lost: "+text)
	}
	if len(u.Lost) == 0 {
		fmt.Fprintln(w, "nothing would be lost")
	}
	return nil
}

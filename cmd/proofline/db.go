package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/offline"
)

func (c commands) db() *cli.Command {
	return &cli.Command{
		Name:  "db",
		Usage: "maintain the checkpoint, the file that holds everything a pipeline has done",
		Subcommands: []*cli.Command{
			{
				Name:      "check",
				Usage:     "check the checkpoint for damage",
				ArgsUsage: "[FILE]",
				Description: "Checks every page, every checksum, and whether the records fit together. It changes\n" +
					"nothing. While the pipeline runs, it checks a copy that the host makes beside the\n" +
					"checkpoint. Exit code 1 if something is wrong.",
				Flags:  []cli.Flag{fileFlag(), jsonFlag()},
				Action: c.dbCheck,
			},
			{
				Name:      "backup",
				Usage:     "copy the checkpoint, while the pipeline runs or not",
				ArgsUsage: "[FILE]",
				Description: "The copy is consistent, durable and checked when the command ends.\n" +
					"To restore it, stop the pipeline, copy it over checkpoint.db in the data directory,\n" +
					"and run the pipeline. Blocks that were found since the backup are found again, and\n" +
					"reports that were sent since then are sent again.",
				Flags: []cli.Flag{
					fileFlag(),
					&cli.StringFlag{Name: "to", Usage: "a file, or a directory that gets a file with the time in its name; `PATH` is the data directory if not given"},
					jsonFlag(),
				},
				Action: c.dbBackup,
			},
			{
				Name:      "compact",
				Usage:     "rewrite the checkpoint without unused space",
				ArgsUsage: "[FILE]",
				Description: "The pipeline must not run. The checkpoint as it was stays beside the new one as\n" +
					"checkpoint.db" + checkpoint.CompactSuffix + ".",
				Flags:  []cli.Flag{fileFlag()},
				Action: c.dbCompact,
			},
		},
	}
}

func (c commands) dbCheck(ctx *cli.Context) error {
	data, err := c.dataDir(ctx)
	if err != nil {
		return err
	}
	report, err := offline.CheckCheckpoint(ctx.Context, data)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		if err := c.printReport(report); err != nil {
			return err
		}
	} else if err := c.writeReport(report); err != nil {
		return err
	}
	return problemsError(report)
}

func (c commands) dbBackup(ctx *cli.Context) error {
	data, err := c.dataDir(ctx)
	if err != nil {
		return err
	}
	report, err := offline.BackUpCheckpoint(ctx.Context, data, ctx.String("to"), time.Now())
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		err = c.printReport(report)
	} else if len(report.Problems) > 0 {
		err = c.writeReport(report)
	} else {
		_, err = fmt.Fprintf(c.Stdout, "%s: %s, %s\n", report.Path, size(report.Size), countsText(report.Counts))
	}
	if err != nil {
		return err
	}
	return problemsError(report)
}

func (c commands) dbCompact(ctx *cli.Context) error {
	data, err := c.dataDir(ctx)
	if err != nil {
		return err
	}
	before, after, lost, err := offline.CompactCheckpoint(data)
	if err != nil {
		return err
	}
	for _, p := range lost {
		fmt.Fprintf(c.Stderr, "proofline: warning: %s: %s\n", p.Where, p.What)
	}
	_, err = fmt.Fprintf(c.Stdout, "%s, was %s\n", size(after), size(before))
	return err
}

// dataDir returns the data directory of the pipeline that the arguments name.
func (c commands) dataDir(ctx *cli.Context) (string, error) {
	file, err := pipelineFile(ctx, ctx.Args().Slice())
	if err != nil {
		return "", err
	}
	p, err := c.load(file)
	if err != nil {
		return "", err
	}
	return p.Data, nil
}

func (c commands) printReport(report checkpoint.Report) error {
	return c.printJSON(struct {
		Sound bool `json:"sound"`
		checkpoint.Report
	}{len(report.Problems) == 0, report})
}

// writeReport prints the result of a check and, if there are problems, what to do.
func (c commands) writeReport(report checkpoint.Report) error {
	if len(report.Problems) == 0 {
		_, err := fmt.Fprintf(c.Stdout, "%s: sound: %s; %s, %s of it free\n",
			report.Path, countsText(report.Counts), size(report.Size), size(report.Size-report.Used))
		return err
	}
	for _, p := range report.Problems {
		if _, err := fmt.Fprintf(c.Stdout, "%s: %s: %s\n", report.Path, p.Where, p.What); err != nil {
			return err
		}
	}
	if report.Repairable {
		_, err := fmt.Fprint(c.Stdout, "\nWhat to do: every record in it is whole. Stop the pipeline, and proofline db compact\n"+
			"makes a sound file of it. Look at the disk.\n")
		return err
	}
	_, err := fmt.Fprint(c.Stdout, "\nWhat to do: stop the pipeline and copy a backup over the file (proofline db backup\n"+
		"makes them). Without one, move the file away: the next run starts anew, and blocks\n"+
		"that were in work are selected again. Keep the damaged file, and look at the disk.\n")
	return err
}

// problemsError returns the error for problems that were printed, or nil if there are
// none.
func problemsError(report checkpoint.Report) error {
	if len(report.Problems) == 0 {
		return nil
	}
	return printedError{fmt.Errorf("%s is not sound: %s", report.Path, plural(len(report.Problems), "problem"))}
}

// countsText describes the content of a checkpoint.
func countsText(n checkpoint.Counts) string {
	text := fmt.Sprintf("%s, %d at work, %s to report", plural(n.Jobs, "block"), n.Active, plural(n.Events, "event"))
	if n.Requests > 0 {
		text += ", " + plural(n.Requests, "request") + " for the next run"
	}
	return text
}

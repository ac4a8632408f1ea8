package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
)

func (c commands) compare() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare two provers, paired by block",
		ArgsUsage: "STAGE STAGE",
		Description: "Reads the history of the pipeline. STAGE@FINGERPRINT selects the work of a stage under an\n" +
			"earlier configuration; blocks show --json prints the fingerprints.\n\n" +
			"  proofline compare prove next\n" +
			"  proofline compare prove@8d1f prove --since 168h",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.IntFlag{Name: "last", Usage: "only the last `N` blocks; 0 for all", Value: 1000},
			&cli.DurationFlag{Name: "since", Usage: "only blocks that ended within this `TIME`"},
		},
		Action: func(ctx *cli.Context) error {
			stages, file, err := splitFile(ctx)
			if err != nil {
				return err
			}
			if len(stages) != 2 {
				return usage("name two stages that make proofs")
			}
			p, err := c.reach(ctx.Context, file)
			if err != nil {
				return err
			}
			defer p.Close()
			jobs, err := p.Blocks(ctx.Context, control.Query{Limit: ctx.Int("last")})
			if err != nil {
				return err
			}
			if since := ctx.Duration("since"); since > 0 {
				jobs = recentJobs(jobs, since)
			}
			result := history.Compare(jobs, history.ParseProver(stages[0]), history.ParseProver(stages[1]))
			if ctx.Bool("json") {
				return c.printJSON(result)
			}
			return c.writeComparison(result)
		},
	}
}

// recentJobs returns the jobs that ended within a time.
func recentJobs(jobs []status.Job, since time.Duration) (recent []status.Job) {
	for _, j := range jobs {
		if !j.Finished.IsZero() && time.Since(j.Finished) <= since {
			recent = append(recent, j)
		}
	}
	return recent
}

func (c commands) writeComparison(r history.Comparison) error {
	t := newTable("PROVER", ">PROOFS", ">FAILED", ">MEDIAN", ">P95", ">PER MGAS", ">CYCLES", ">PROOF")
	for _, s := range []history.Side{r.A, r.B} {
		t.add(s.Prover, fmt.Sprint(s.Proofs), fmt.Sprint(s.Failures), span(s.Median), span(s.P95), span(s.PerMgas),
			live.Grouped(s.Cycles), size(s.ProofBytes))
	}
	if err := t.write(c.Stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.Stdout, r.Verdict)
	return err
}

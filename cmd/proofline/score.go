package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/score"
)

func (c commands) score() *cli.Command {
	return &cli.Command{
		Name:      "score",
		Usage:     "show the pipeline's score by EthProofs' rules, with a forecast",
		ArgsUsage: "[FILE]",
		Description: "Computes the score of the target blocks of the last 7 days from the pipeline's own record,\n" +
			"and a forecast for the week, which ends on Monday at 00:00 UTC, from the last 24 hours. It\n" +
			"uses the host that runs the pipeline, or the checkpoint. With select.every: 10 the rules\n" +
			"are those of the 1:10 cohort, else those of the real-time cohort.\n\n" +
			"EthProofs counts only blocks that somebody has proved. With --site the command asks EthProofs\n" +
			"for each unproved block of the pipeline whether it counts. This takes half a second for each\n" +
			"block; no key is sent.",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "site", Usage: "ask the site that the pipeline reports to which blocks it counts"},
			&cli.StringFlag{Name: "site-url", Usage: "ask the site whose API is at `URL`, such as https://ethproofs.org/api/v0"},
			&cli.IntFlag{Name: "most", Usage: "ask the site about at most `N` blocks, the newest ones", Value: defaultSiteBlocks},
		},
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
			var report score.Report
			if url := ctx.String("site-url"); url != "" || ctx.Bool("site") {
				if url == "" {
					if url, err = c.scoringSite(ctx.Context, file); err != nil {
						return err
					}
				}
				report, err = c.scoreBySite(ctx.Context, p, url, max(ctx.Int("most"), 0))
			} else {
				report, err = p.Score(ctx.Context)
			}
			if err != nil {
				return err
			}
			if ctx.Bool("json") {
				return c.printJSON(report)
			}
			return writeScore(c.Stdout, report, c.paint(c.Stdout))
		},
	}
}

// writeScore prints a score for people.
func writeScore(w io.Writer, r score.Report, paint painter) error {
	fmt.Fprintf(w, "%s: %s cohort, proving time below %s ms\n\n", paint.bold(r.Pipeline), r.Rules.Cohort, live.Grouped(r.Rules.ThresholdMS))

	head := []string{"", ">LAST 7 DAYS", ">LAST 24 HOURS"}
	tallies := []score.Tally{r.Week, r.Day}
	if r.Forecast != nil {
		head, tallies = append(head, ">SINCE MONDAY"), append(tallies, r.Forecast.Week)
	}
	t := newTable(append(head, "BAR")...)
	row := func(name string, cell func(score.Tally) string, bar string) {
		cells := []string{name}
		for _, tally := range tallies {
			cells = append(cells, cell(tally))
		}
		t.add(append(cells, bar)...)
	}
	share := func(n func(score.Tally) int) func(score.Tally) string {
		return func(tally score.Tally) string { return shareOf(n(tally), tally.Blocks) }
	}
	row("performance", share(func(t score.Tally) int { return t.Under }), barText(r.Rules.PerformanceBar, r.Verdict.Performance, r.Week.Blocks, paint))
	row("liveness", share(score.Tally.Proved), barText(r.Rules.LivenessBar, r.Verdict.Liveness, r.Week.Blocks, paint))
	row("stunners", share(func(t score.Tally) int { return t.Stunners }), "")
	row("paralyzers", share(func(t score.Tally) int { return t.Paralyzers }), "")
	row("offline", share(func(t score.Tally) int { return t.Offline }), "")
	row("target blocks", func(t score.Tally) string { return live.Grouped(t.Blocks) }, "")
	row("still open", func(t score.Tally) string { return live.Grouped(t.Open) }, "")
	if err := t.write(w); err != nil {
		return err
	}
	if r.Forecast != nil {
		fmt.Fprintln(w)
		writeForecast(w, *r.Forecast, r.Rules, paint)
	}
	fmt.Fprintln(w)
	for _, reporter := range slices.Sorted(maps.Keys(r.Unsent)) {
		fmt.Fprintln(w, paint.bad(fmt.Sprintf("%s has not taken %s yet", reporter, plural(r.Unsent[reporter], "proof"))))
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, "note: "+note)
	}
	return nil
}

func writeForecast(w io.Writer, f score.Forecast, rules score.Rules, paint painter) {
	fmt.Fprintf(w, "by %s, if all goes on as in the last 24 hours, %s blocks:\n", f.Deadline.Format("Monday 2006-01-02 15:04 UTC"), live.Grouped(f.Blocks))
	line := func(name string, percent float64, bar int, reached bool, left int, verb string) {
		spare := fmt.Sprintf("%s more may %s", live.Grouped(left), verb)
		if left < 0 {
			spare = paint.bad(fmt.Sprintf("out of reach, by %s", live.Grouped(-left)))
		}
		fmt.Fprintf(w, "  %-12s %6.2f%%  %s; %s\n", name, percent, barText(bar, reached, f.Blocks, paint), spare)
	}
	line("performance", f.Performance, rules.PerformanceBar, f.Verdict.Performance, f.SlowLeft, "be slow or unproved")
	if rules.LivenessBar > 0 {
		line("liveness", f.Liveness, rules.LivenessBar, f.Verdict.Liveness, f.UnprovedLeft, "stay unproved")
	}
}

// shareOf returns a share and its number: "75.00% (15)".
func shareOf(part, all int) string {
	if all == 0 {
		return dash
	}
	return fmt.Sprintf("%.2f%% (%s)", 100*float64(part)/float64(all), live.Grouped(part))
}

// barText returns a bar and whether it is reached: "70% reached".
func barText(bar int, reached bool, blocks int, paint painter) string {
	switch {
	case bar == 0:
		return "none"
	case blocks == 0:
		return fmt.Sprintf("%d%%", bar)
	case reached:
		return fmt.Sprintf("%d%% reached", bar)
	}
	return fmt.Sprintf("%d%% %s", bar, paint.bad("missed"))
}

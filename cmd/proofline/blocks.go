package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/status"
)

// maxAdd is the largest number of blocks of one command, as a protection against typing
// errors in a range.
const maxAdd = 100_000

var jobStates = []status.JobState{
	status.JobWaiting, status.JobRunning, status.JobDone, status.JobFailed, status.JobDropped, status.JobCancelled,
}

func (c commands) blocks() *cli.Command {
	return &cli.Command{
		Name:  "blocks",
		Usage: "show the history and single blocks, and add, retry or skip blocks",
		Subcommands: []*cli.Command{
			{
				Name:      "list",
				ArgsUsage: "[FILE]",
				Usage:     "list blocks that are at work or finished, the newest first",
				Flags: []cli.Flag{
					fileFlag(), jsonFlag(),
					&cli.StringSliceFlag{Name: "state", Usage: "only `STATE`: waiting, running, done, failed, dropped, cancelled; may be repeated"},
					&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Value: 50, Usage: "at most `N` blocks; 0 for all"},
				},
				Action: c.blocksList,
			},
			{
				Name:      "show",
				Usage:     "show the way of one block through the stages",
				ArgsUsage: "BLOCK [FILE]",
				Flags:     []cli.Flag{fileFlag(), jsonFlag()},
				Action:    c.blocksShow,
			},
			c.blocksLogs(),
			c.blocksBundle(),
			{
				Name:      "add",
				Usage:     "queue blocks for the whole pipeline, whether they are selected or not",
				ArgsUsage: "BLOCK|FIRST-LAST... [FILE]",
				Description: "A block that the pipeline already has is not changed, and a message says so.\n" +
					"If no host runs the pipeline, the next run queues the blocks.",
				Flags:  []cli.Flag{fileFlag(), jsonFlag()},
				Action: c.blocksAdd,
			},
			c.blocksRetry(),
			{
				Name:        "skip",
				Usage:       "give up blocks that are waiting or at work",
				ArgsUsage:   "BLOCK...",
				Description: "If no host runs the pipeline, the next run gives them up.",
				Flags:       []cli.Flag{fileFlag()},
				Action: func(ctx *cli.Context) error {
					skip := func(p control.Pipeline, ctx context.Context, j status.Job) error { return p.Skip(ctx, j.ID) }
					return c.blocksChange(ctx, "skipped", skip, func(j status.Job) bool { return !j.State.Finished() })
				},
			},
		},
	}
}

func (c commands) blocksList(ctx *cli.Context) error {
	file, err := pipelineFile(ctx, ctx.Args().Slice())
	if err != nil {
		return err
	}
	query := control.Query{Limit: ctx.Int("limit")}
	if query.Limit < 0 {
		return usage("--limit %d is negative", query.Limit)
	}
	for _, text := range ctx.StringSlice("state") {
		state := status.JobState(text)
		if !slices.Contains(jobStates, state) {
			return usage("%q is no state of a block: %s", text, strings.Trim(fmt.Sprint(jobStates), "[]"))
		}
		query.States = append(query.States, state)
	}
	p, err := c.reachReading(ctx.Context, file)
	if err != nil {
		return err
	}
	defer p.Close()
	jobs, err := p.Blocks(ctx.Context, query)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		return c.printJSON(append([]status.Job{}, jobs...))
	}
	return jobsTable(jobs, time.Now()).write(c.Stdout)
}

func (c commands) blocksShow(ctx *cli.Context) error {
	number, file, err := blockAndFile(ctx)
	if err != nil {
		return err
	}
	p, err := c.reachReading(ctx.Context, file)
	if err != nil {
		return err
	}
	defer p.Close()
	jobs, err := p.ShowBlock(ctx.Context, number)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		return c.printJSON(append([]status.Job{}, jobs...))
	}
	if len(jobs) == 0 {
		return fmt.Errorf("block %d is not known to this pipeline; proofline blocks add %[1]d queues it", number)
	}
	if text := chainText(jobs); text != "" {
		fmt.Fprintln(c.Stdout, text)
	}
	for _, j := range jobs {
		if err := writeJob(c.Stdout, j, time.Now(), c.paint(c.Stdout)); err != nil {
			return err
		}
	}
	return nil
}

// chainText says which of several hashes of a number is on the chain. It returns "" for a
// single job.
func chainText(jobs []status.Job) string {
	if len(jobs) < 2 {
		return ""
	}
	for _, j := range jobs {
		if !j.Orphaned {
			return fmt.Sprintf("%d hashes of block %d are known; on the chain, as far as the source has told: %s", len(jobs), j.Block.Number, j.Block.Hash)
		}
	}
	return fmt.Sprintf("%d hashes of block %d are known; none of them is on the chain any more: proofline blocks add %[2]d takes up the one that is", len(jobs), jobs[0].Block.Number)
}

func (c commands) blocksAdd(ctx *cli.Context) error {
	numbers, p, err := c.blocksAndPipeline(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	results, err := p.AddBlocks(ctx.Context, numbers)
	if err != nil {
		return err
	}
	if ctx.Bool("json") {
		return c.printJSON(results)
	}
	for _, r := range results {
		if _, err := fmt.Fprintf(c.Stdout, "%d: %s\n", r.Number, r.Outcome); err != nil {
			return err
		}
	}
	return nil
}

// blocksChange calls change for one job of each named block, the first for which fits
// returns true. done is the text to print for a changed block.
func (c commands) blocksChange(ctx *cli.Context, done string, change func(control.Pipeline, context.Context, status.Job) error, fits func(status.Job) bool) error {
	numbers, p, err := c.blocksAndPipeline(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	var failed error
	for _, n := range numbers {
		jobs, err := p.ShowBlock(ctx.Context, n)
		if err != nil {
			return err
		}
		outcomes := []string{}
		for _, j := range jobs {
			if !fits(j) {
				outcomes = append(outcomes, "left alone: "+outcomeText(j))
				continue
			}
			if err := change(p, ctx.Context, j); err != nil {
				return fmt.Errorf("block %d: %w", n, err)
			}
			outcomes = []string{done}
			break
		}
		if len(jobs) == 0 {
			outcomes = []string{"not known to this pipeline"}
		}
		if outcomes[0] != done {
			failed = printedError{fmt.Errorf("block %d: %s", n, outcomes[0])}
		}
		fmt.Fprintf(c.Stdout, "%d: %s\n", n, strings.Join(outcomes, "; "))
	}
	return failed
}

// blocksAndPipeline reads the arguments of a command about blocks and connects to their
// pipeline. The caller closes the pipeline.
func (c commands) blocksAndPipeline(ctx *cli.Context) (numbers []uint64, p control.Pipeline, err error) {
	args, file, err := splitFile(ctx)
	if err == nil {
		numbers, err = blockNumbers(args)
	}
	if err == nil {
		p, err = c.reach(ctx.Context, file)
	}
	return numbers, p, err
}

// blockAndFile reads the arguments of a command about one block.
func blockAndFile(ctx *cli.Context) (number uint64, file string, err error) {
	args, file, err := splitFile(ctx)
	if err != nil {
		return 0, "", err
	}
	if len(args) != 1 {
		return 0, "", usage("name one block by its number")
	}
	number, err = blockNumber(args[0])
	return number, file, err
}

// blockNumber parses a block number, decimal or hexadecimal with 0x. Its digits may be
// grouped by commas or underscores.
func blockNumber(text string) (uint64, error) {
	plain := strings.NewReplacer(",", "", "_", "").Replace(text)
	base := 10
	if digits, hex := strings.CutPrefix(plain, "0x"); hex {
		plain, base = digits, 16
	}
	n, err := strconv.ParseUint(plain, base, 64)
	if err != nil {
		return 0, usage("%q is no block number", text)
	}
	return n, nil
}

// blockNumbers parses numbers and ranges "first-last". It removes repetitions.
func blockNumbers(args []string) (numbers []uint64, err error) {
	if len(args) == 0 {
		return nil, usage("name the blocks: numbers, or ranges like 24000000-24000100")
	}
	seen := map[uint64]bool{}
	for _, arg := range args {
		from, to, isRange := strings.Cut(arg, "-")
		first, err := blockNumber(from)
		if err != nil {
			return nil, err
		}
		last := first
		if isRange {
			if last, err = blockNumber(to); err != nil {
				return nil, err
			}
		}
		if last < first || last-first >= maxAdd {
			return nil, usage("%q is no range of at most %d blocks", arg, maxAdd)
		}
		for i := range last - first + 1 {
			if n := first + i; !seen[n] {
				seen[n] = true
				numbers = append(numbers, n)
			}
		}
	}
	if len(numbers) > maxAdd {
		return nil, usage("%d blocks at once are more than %d", len(numbers), maxAdd)
	}
	return numbers, nil
}

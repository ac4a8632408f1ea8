package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/simulate"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) simulate() *cli.Command {
	return &cli.Command{
		Name:      "simulate",
		Usage:     "show how GPUs would keep up with the chain, with the engine in virtual time",
		ArgsUsage: "[FILE]",
		Description: "Runs the host's own engine over a chain of 12 s slots in virtual time; a day takes seconds.\n" +
			"The code that runs a pipeline decides which blocks are selected, wait, are retried, dropped\n" +
			"and recovered. The command shows how long blocks wait for an accepted proof, how many are\n" +
			"missed, the score by EthProofs' rules, how busy the GPUs are and what a proof costs.\n\n" +
			"--gpus is the number of GPUs, and --gpus-per-proof the number of GPUs that make one proof\n" +
			"together, which are a slot. --model is the time of one proof in one slot. With the default\n" +
			"of 1, a \"GPU\" is the hardware on which the model was measured, which is a set of 8 RTX 5090\n" +
			"for the built-in model. The simulator does not know how much faster a proof is on more GPUs:\n" +
			"measure it.\n\n" +
			"The selection and the retries and concurrency of the proof stage are taken from FILE, and its\n" +
			"history if the model or the gas is \"history\". The same seed gives the same figures.\n\n" +
			"  proofline simulate --blocks 7200 --gpus 8 --model 3.97+0.584/Mgas --select every=1\n" +
			"  proofline simulate --sweep gpus=1..16 --gpu-hour 0.4 --html plan.html\n" +
			"  proofline simulate --model history --gas history --outage 10m@14:00 --failures 0.5% mainnet.yaml",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.IntFlag{Name: "blocks", Usage: "the number of `BLOCKS` of the chain, 7200 in a day", Value: 7200},
			&cli.DurationFlag{Name: "slot", Usage: "the `TIME` between two blocks", Value: simulate.MainnetSlot},
			&cli.IntFlag{Name: "gpus", Usage: "the number `N` of GPUs, or of sets of them that make one proof together", Value: 1},
			&cli.IntFlag{Name: "gpus-per-proof", Usage: "the number `N` of GPUs that make one proof together", Value: 1},
			&cli.StringFlag{Name: "model", Usage: "the time of a proof: `SECONDS` as 3.97+0.584/Mgas, 17 or 3.97+0.584/Mgas+-1.5 (standard deviation); measured; or history", Value: "measured"},
			&cli.StringFlag{Name: "stage", Usage: "the proof `STAGE` whose history is used, such as a shadow"},
			&cli.StringFlag{Name: "gas", Usage: "gas of the blocks: mainnet (500 blocks, drawn), history, or a `DIRECTORY` of <number>/block.json[.gz]", Value: "mainnet"},
			&cli.StringFlag{Name: "select", Usage: "`every=N`, newest_first or oldest_first, drop_after=168h, separated by commas"},
			&cli.StringFlag{Name: "failures", Usage: "the `SHARE` of attempts that fail and are tried again, such as 0.5%"},
			&cli.StringSliceFlag{Name: "outage", Usage: "`10m@14:00` is an outage of the machine, with =gpus or =node at its end only of these; may be repeated"},
			&cli.StringFlag{Name: "reorgs", Usage: "the `RATE` of blocks that are replaced, such as 1/day"},
			&cli.Uint64Flag{Name: "seed", Usage: "the seed of all random numbers", Value: 1},
			&cli.DurationFlag{Name: "arrival", Usage: "`TIME` from a block's timestamp until the node has it", DefaultText: simulate.DefaultTimes.Arrival.Median.String()},
			&cli.DurationFlag{Name: "fetch", Usage: "`TIME` of fetching block and witness", DefaultText: simulate.DefaultTimes.Fetch.Median.String()},
			&cli.DurationFlag{Name: "build", Usage: "`TIME` of building the guest input", DefaultText: simulate.DefaultTimes.Build.Median.String()},
			&cli.DurationFlag{Name: "report", Usage: "`TIME` from the proof until it is accepted", DefaultText: simulate.DefaultTimes.Report.Median.String()},
			&cli.Float64Flag{Name: "gpu-hour", Usage: "the `PRICE` of one GPU for an hour, working or not"},
			&cli.Float64Flag{Name: "kwh", Usage: "the `PRICE` of a kilowatt hour"},
			&cli.Float64Flag{Name: "watt", Usage: "the `POWER` of one GPU that proves"},
			&cli.Float64Flag{Name: "idle-watt", Usage: "the `POWER` of one GPU that does not prove"},
			&cli.StringFlag{Name: "sweep", Usage: "vary one number: `gpus=1..16`, gpus=8..64/8 or every=1,10,100"},
			&cli.StringFlag{Name: "html", Usage: "also write a page with plots to `FILE`"},
		},
		Action: func(ctx *cli.Context) error {
			plan, err := c.plan(ctx)
			if err != nil {
				return err
			}
			if ctx.String("sweep") == "" {
				return c.simulateOnce(ctx, plan)
			}
			sweep, err := simulate.ParseSweep(ctx.String("sweep"))
			if err != nil {
				return usage("%v", err)
			}
			table, err := sweep.Run(ctx.Context, plan)
			if err != nil {
				return planError(err)
			}
			if err := writePage(ctx.String("html"), table.HTML); err != nil {
				return err
			}
			if ctx.Bool("json") {
				return c.printJSON(table)
			}
			return c.writeSweep(table)
		},
	}
}

// simulateOnce runs the command without a sweep.
func (c commands) simulateOnce(ctx *cli.Context, plan simulate.Plan) error {
	result, err := simulate.Run(ctx.Context, plan)
	if err != nil {
		return planError(err)
	}
	if err := writePage(ctx.String("html"), result.HTML); err != nil {
		return err
	}
	if ctx.Bool("json") {
		return c.printJSON(result)
	}
	return writeSimulation(c.Stdout, result, c.paint(c.Stdout))
}

// planError returns an error about a plan as a usage error, because the plan comes from
// the command line.
func planError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return usage("%v", err)
}

// writePage writes a page to a file. It does nothing if the name is empty.
func writePage(name string, write func(io.Writer, simulate.Provenance) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return contract.Environment(err, "name a file that can be written")
	}
	return errors.Join(write(f, simulate.Provenance{Version: versionText(), Made: time.Now()}), f.Close())
}

// plan returns the plan of a command line.
func (c commands) plan(ctx *cli.Context) (p simulate.Plan, err error) {
	p = simulate.Plan{
		Blocks: ctx.Int("blocks"), SlotTime: ctx.Duration("slot"), Seed: ctx.Uint64("seed"), GPUs: ctx.Int("gpus"), GPUsPerProof: ctx.Int("gpus-per-proof"),
		Model: simulate.Measured, Gas: simulate.Mainnet, Times: simulate.DefaultTimes,
		Prices:    simulate.Prices{GPUHour: ctx.Float64("gpu-hour"), KWh: ctx.Float64("kwh"), Watts: ctx.Float64("watt"), IdleWatts: ctx.Float64("idle-watt")},
		Selection: selection.Selection{Targets: contract.Selection{Every: 1}, Order: selection.NewestFirst, DropAfter: 168 * time.Hour, Repair: 128},
		Retries:   2, Backoff: 5 * time.Second, Timeout: 2 * time.Hour,
	}
	if p.Prices.GPUHour < 0 || p.Prices.KWh < 0 || p.Prices.Watts < 0 || p.Prices.IdleWatts < 0 {
		return p, usage("prices and powers cannot be negative")
	}
	model, gas := ctx.String("model"), ctx.String("gas")
	past := model == "history" || gas == "history"
	if ctx.Args().Present() || ctx.String("file") != "" || past {
		if err := c.applyFile(ctx, &p, past); err != nil {
			return p, err
		}
	}
	if model != "history" && model != "measured" {
		if p.Model, err = simulate.ParseModel(model); err != nil {
			return p, usage("--model: %v", err)
		}
	}
	if gas != "history" && gas != "mainnet" {
		if p.Gas, err = simulate.ReadArchive(gas); err != nil {
			return p, fmt.Errorf("--gas: %w", err)
		}
	}
	for name, to := range map[string]*simulate.Span{"arrival": &p.Times.Arrival, "fetch": &p.Times.Fetch, "build": &p.Times.Build, "report": &p.Times.Report} {
		if ctx.IsSet(name) {
			*to = simulate.Constant(ctx.Duration(name))
		}
		if to.Median < 0 || to.Median > time.Hour {
			return p, usage("--%s is to be between 0 and an hour", name)
		}
	}
	if err := parseSelection(&p.Selection, ctx.String("select")); err != nil {
		return p, err
	}
	for _, text := range ctx.StringSlice("outage") {
		o, err := simulate.ParseOutage(text)
		if err != nil {
			return p, usage("--outage: %v", err)
		}
		p.Outages = append(p.Outages, o)
	}
	if text := ctx.String("failures"); text != "" {
		if p.Failures, err = simulate.ParseShare(text); err != nil {
			return p, usage("--failures: %v", err)
		}
	}
	if text := ctx.String("reorgs"); text != "" {
		if p.Reorgs, err = simulate.ParseReorgs(text); err != nil {
			return p, usage("--reorgs: %v", err)
		}
	}
	return p, nil
}

// applyFile applies the selection and the proof stage of a pipeline file to a plan, and
// with past also the history of the pipeline.
func (c commands) applyFile(ctx *cli.Context, p *simulate.Plan, past bool) error {
	file, err := pipelineFile(ctx, ctx.Args().Slice())
	if err != nil {
		return err
	}
	from, err := c.load(file)
	if err != nil {
		return err
	}
	p.Selection = from.Select
	var learned simulate.Learned
	if past {
		reached, err := c.reachReading(ctx.Context, file)
		if err != nil {
			return err
		}
		defer reached.Close()
		jobs, err := reached.Blocks(ctx.Context, control.Query{})
		if err != nil {
			return err
		}
		if learned, err = simulate.Learn(jobs, ctx.String("stage"), p.Times); err != nil {
			return contract.Environment(err, "let the pipeline prove more blocks, or give --model and --gas")
		}
		p.Times = learned.Times
		if ctx.String("model") == "history" {
			p.Model = learned.Model
		}
		if ctx.String("gas") == "history" {
			p.Gas = learned.Gas
		}
		p.Replay = ctx.String("model") == ctx.String("gas")
	} else {
		bind(from)
	}
	for _, s := range from.Stages {
		if s.Name == learned.Stage || learned.Stage == "" && s.Kind == contract.KindProver && !s.Shadow {
			p.Retries, p.Backoff = s.Retry.Max, s.Retry.Backoff
			if s.Timeout > 0 {
				p.Timeout = s.Timeout
			}
			if !ctx.IsSet("gpus") && s.Concurrency > 0 {
				p.GPUs = s.Concurrency * p.GPUsPerProof
			}
		}
	}
	return nil
}

// parseSelection applies "every=10,oldest_first,drop_after=1h" to a selection.
func parseSelection(s *selection.Selection, text string) error {
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "every":
			s.Targets.Every, err = strconv.ParseUint(value, 10, 32)
			if s.Targets.Every == 0 {
				err = errors.New("at least 1")
			}
		case string(selection.NewestFirst), string(selection.OldestFirst):
			s.Order = selection.Order(name)
		case "drop_after":
			s.DropAfter, err = time.ParseDuration(value)
			if s.DropAfter < 0 {
				err = errors.New("not negative")
			}
		default:
			err = errors.New("not known")
		}
		if err != nil {
			return usage("--select: %q; write every=10, newest_first, oldest_first or drop_after=168h, separated by commas", part)
		}
	}
	return nil
}

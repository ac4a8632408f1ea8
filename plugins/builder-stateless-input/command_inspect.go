package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-stateless-input/inspect"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what an input contains, and check it", UsageText: name + " inspect [--json] input.bin",
		Description: "Dialect and framing are found out from the file. Besides its structure it is checked that the\n" +
			"parts hash to the block's hash, that the headers lead to the parent, whose state root is a node, and\n" +
			"that the public keys are those of the senders. What does not is a finding; with findings the exit\n" +
			"code is 1.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return cli.Exit("want one FILE; see "+name+" inspect --help", 2)
			}
			f, err := inspect.Read(c.Args().First())
			if err != nil {
				return err
			}
			s := f.Summarize()
			if c.Bool("json") {
				err = printJSON(c.App.Writer, s)
			} else {
				err = s.Print(c.App.Writer)
			}
			if err == nil && len(s.Findings) > 0 {
				err = fmt.Errorf("%s: %d findings: a guest will refuse this input", c.Args().First(), len(s.Findings))
			}
			return err
		},
	}
}

func diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "find the first difference of two inputs", UsageText: name + " diff [--json] A B",
		Description: "The difference is named by the path of its value. Framing does not count. The exit code is 0\n" +
			"where there is no difference, 1 where there is one, 2 where a file cannot be read.",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON: null, or the difference"}},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return cli.Exit("want two files; see "+name+" diff --help", 2)
			}
			a, err := inspect.Read(c.Args().Get(0))
			if err != nil {
				return cli.Exit(err, 2)
			}
			b, err := inspect.Read(c.Args().Get(1))
			if err != nil {
				return cli.Exit(err, 2)
			}
			d := inspect.Diff(a, b)
			if c.Bool("json") {
				if err := printJSON(c.App.Writer, d); err != nil {
					return err
				}
			}
			switch {
			case d == nil:
				return nil
			case c.Bool("json"):
				return cli.Exit("the inputs differ", 1)
			}
			return cli.Exit(d.String(), 1)
		},
	}
}

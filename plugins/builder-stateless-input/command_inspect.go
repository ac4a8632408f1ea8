package main

import (
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-stateless-input/inspect"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
)

func inspectCommand() *cli.Command {
	return inputbuilder.Inspect(name,
		"Dialect and framing are found out from the file. Besides its structure it is checked that the\n"+
			"parts hash to the block's hash, that the headers lead to the parent, whose state root is a node, and\n"+
			"that the public keys are those of the senders. What does not is a finding; with findings the exit\n"+
			"code is 1.",
		func(path string) (inputbuilder.Summary, error) {
			f, err := inspect.Read(path)
			if err != nil {
				return nil, err
			}
			return f.Summarize(), nil
		})
}

func diffCommand() *cli.Command { return inputbuilder.Diff(name, inspect.Read, inspect.Diff) }

package main

import (
	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/plugins/builder-ethrex/inspect"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
)

func inspectCommand() *cli.Command {
	return inputbuilder.Inspect(name,
		"Format and framing are found out from the file. Besides its structure it is checked that\n"+
			"the block's parts hash to its header, that the headers lead to the parent, that the state trie\n"+
			"hashes to the parent's state root, and each storage trie to its account's. What does not is a\n"+
			"finding; with findings the exit code is 1.",
		func(path string) (inputbuilder.Summary, error) {
			f, err := inspect.Read(path)
			if err != nil {
				return nil, err
			}
			return f.Summarize(), nil
		})
}

func diffCommand() *cli.Command { return inputbuilder.Diff(name, inspect.Read, inspect.Diff) }

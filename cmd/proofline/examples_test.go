package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// leaves returns the commands without sub-commands, by their whole names.
func leaves() map[string]*cli.Command {
	found := map[string]*cli.Command{}
	var walk func(list []*cli.Command, parent string)
	walk = func(list []*cli.Command, parent string) {
		for _, command := range list {
			name := strings.TrimPrefix(parent+" "+command.Name, " ")
			switch {
			case command.Hidden:
			case len(command.Subcommands) > 0:
				walk(command.Subcommands, name)
			default:
				found[name] = command
			}
		}
	}
	walk(App(Options{LookupEnv: func(string) (string, bool) { return "", false }}).Commands, "")
	return found
}

// TestExamples: the help of every command has an example, whose commands and flags exist.
func TestExamples(t *testing.T) {
	for name, command := range leaves() {
		example := ""
		for line := range strings.Lines(command.Description) {
			if rest, ok := strings.CutPrefix(line, "  "); ok && strings.Contains(rest, "proofline "+name) {
				example = strings.TrimSpace(rest)
			}
		}
		if example == "" {
			t.Errorf("%s: its help shows no example", name)
			continue
		}
		_, words, _ := strings.Cut(example, "proofline "+name)
		words, _, _ = strings.Cut(words, ">")
		words, _, _ = strings.Cut(words, "&&")
		for word := range strings.FieldsSeq(words) {
			if flag := strings.TrimLeft(word, "-"); flag != word && !slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) }) {
				t.Errorf("%s: the example has the flag %s, which there is not", name, word)
			}
		}
		if name == "help" { // its help is that of the program
			continue
		}
		var stdout, stderr bytes.Buffer
		code := Run(context.Background(), Options{Stdout: &stdout, Stderr: &stderr, LookupEnv: func(string) (string, bool) { return "", false }},
			append(strings.Fields(name), "--help"))
		if code != exitOK || !strings.Contains(stdout.String(), example) || stderr.Len() > 0 {
			t.Errorf("%s --help: exit code %d, standard error %q:\n%s", name, code, stderr.String(), stdout.String())
		}
	}
}

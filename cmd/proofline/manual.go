package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// manual returns the hidden command that prints the manual page for packages.
func (c commands) manual() *cli.Command {
	return &cli.Command{
		Name:   "man",
		Usage:  "print the manual page",
		Hidden: true,
		Action: func(ctx *cli.Context) error {
			if err := noArguments(ctx); err != nil {
				return err
			}
			return writeManual(c.Stdout, App(c.Options))
		},
	}
}

// writeManual writes the manual page of a program in the macros of man(7). The command
// line library could write one as well, but every program that links it would then
// carry and initialise a parser of Markdown.
func writeManual(w io.Writer, app *cli.App) error {
	m := &manualPage{}
	m.line(".TH %s 1", strings.ToUpper(app.Name))
	m.line(".SH NAME")
	m.line("%s \\- %s", roff(app.Name), roff(app.Usage))
	m.line(".SH SYNOPSIS")
	m.line("\\fB%s\\fR \\fIcommand\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]", roff(app.Name))
	m.line(".SH COMMANDS")
	m.commands(app.Name, app.Commands)
	m.line(".SH EXIT STATUS")
	for _, status := range exitStatuses {
		m.line(".TP\n%d\n%s", status.code, roff(status.meaning))
	}
	m.line(".SH DOCUMENTATION")
	m.line("%s", roff(app.Name+" docs shows the whole documentation."))
	_, err := io.WriteString(w, m.text.String())
	return err
}

// exitStatuses are the exit codes with their meanings.
var exitStatuses = []struct {
	code    int
	meaning string
}{
	{exitOK, "The command succeeded."},
	{exitRuntime, "It did not succeed."},
	{exitConfig, "The command line or the pipeline file is wrong."},
	{exitEnvironment, "Something is wrong with the machine, or with a service that is needed."},
}

// manualPage collects the text of a manual page.
type manualPage struct{ text strings.Builder }

// line adds a formatted line.
func (m *manualPage) line(format string, args ...any) { fmt.Fprintf(&m.text, format+"\n", args...) }

// commands describes commands, and those below them, by their full names.
func (m *manualPage) commands(parent string, list []*cli.Command) {
	for _, c := range list {
		if c.Hidden {
			continue
		}
		name := parent + " " + c.Name
		m.line(".SS %s", roff(strings.TrimSpace(name+" "+c.ArgsUsage)))
		m.line("%s.", roff(strings.TrimSuffix(c.Usage, ".")))
		if c.Description != "" {
			m.line(".PP\n.nf\n%s\n.fi", roff(c.Description))
		}
		for _, f := range c.VisibleFlags() {
			m.flag(f)
		}
		m.commands(name, c.Subcommands)
	}
}

// flag describes a flag of a command.
func (m *manualPage) flag(f cli.Flag) {
	var names []string
	for _, name := range f.Names() {
		names = append(names, "\\fB"+roff(strings.Repeat("-", min(len(name), 2))+name)+"\\fR")
	}
	value, usage := "", ""
	if described, ok := f.(cli.DocGenerationFlag); ok {
		usage = described.GetUsage()
		if described.TakesValue() {
			value = " \\fI" + roff(placeholder(usage)) + "\\fR"
		}
	}
	m.line(".TP\n%s%s\n%s", strings.Join(names, ", "), value, roff(strings.ReplaceAll(usage, "`", "")))
}

// placeholder is the name of a flag's value, which its usage puts between backquotes.
func placeholder(usage string) string {
	if _, rest, found := strings.Cut(usage, "`"); found {
		if name, _, closed := strings.Cut(rest, "`"); closed {
			return name
		}
	}
	return "value"
}

// roff quotes text for a manual page: nothing in it is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer("\\", "\\e", "-", "\\-").Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = "\\&" + l
		}
	}
	return strings.Join(lines, "\n")
}

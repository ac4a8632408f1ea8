package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/docs"
)

func (c commands) docs() *cli.Command {
	return &cli.Command{
		Name:      "docs",
		Usage:     "show the documentation",
		ArgsUsage: "[TOPIC]",
		Description: "Without TOPIC the command lists the pages. Those that end in .yaml are the pipeline files of\n" +
			"the recipes.\n\n" +
			"  proofline docs troubleshooting\n" +
			"  proofline docs shadow.yaml > mainnet.yaml",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(ctx *cli.Context) error {
			if ctx.NArg() > 1 {
				return usage("name one page, got %q", ctx.Args().Slice())
			}
			if !ctx.Args().Present() {
				return c.listDocs(ctx.Bool("json"))
			}
			page, err := docs.Find(ctx.Args().First())
			if err != nil {
				return usage("%v", err)
			}
			if ctx.Bool("json") {
				return c.printJSON(page)
			}
			text := page.Text
			if isTerminal(c.Stdout) && !strings.HasSuffix(page.Name, ".yaml") {
				text = c.highlightHeadings(text)
			}
			_, err = fmt.Fprint(c.Stdout, text)
			return err
		},
	}
}

func (c commands) listDocs(asJSON bool) error {
	type entry struct {
		Name  string `json:"name"`
		Title string `json:"title"`
	}
	entries := []entry{}
	t := newTable("TOPIC", "")
	for _, page := range docs.Topics() {
		entries = append(entries, entry{page.Name, page.Title})
		t.add(page.Name, page.Title)
	}
	if asJSON {
		return c.printJSON(entries)
	}
	return t.write(c.Stdout)
}

// highlightHeadings returns a page with bold headings, for a terminal.
func (c commands) highlightHeadings(text string) string {
	paint := c.paint(c.Stdout)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			line = paint.bold(strings.TrimSpace(title)) + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

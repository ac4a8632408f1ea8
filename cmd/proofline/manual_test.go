package main

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestManualHasEveryCommand: the manual page has every command and flag that is not hidden,
// and none of their texts is read as a macro. If groff is installed, it prints no warning.
func TestManualHasEveryCommand(t *testing.T) {
	app := App(Options{Stdout: io.Discard, Stderr: io.Discard})
	var page bytes.Buffer
	if err := writeManual(&page, app); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	var look func(parent string, list []*cli.Command)
	look = func(parent string, list []*cli.Command) {
		for _, c := range list {
			name := parent + " " + c.Name
			heading := ".SS " + roff(name)
			if strings.Contains(text, heading+"\n") || strings.Contains(text, heading+" ") {
				if c.Hidden {
					t.Errorf("the hidden %s is described", name)
				}
			} else if !c.Hidden {
				t.Errorf("%s is missing", name)
			}
			for _, f := range c.VisibleFlags() {
				if !strings.Contains(text, `\fB`+roff("--"+f.Names()[0])) {
					t.Errorf("flag %s of %s is missing", f.Names()[0], name)
				}
			}
			if !c.Hidden {
				look(name, c.Subcommands)
			}
		}
	}
	look(app.Name, app.Commands)
	for _, line := range regexp.MustCompile(`(?m)^[.'].*$`).FindAllString(text, -1) {
		if !regexp.MustCompile(`^\.(TH|SH|SS|PP|TP|nf|fi)\b`).MatchString(line) {
			t.Errorf("%q is taken for a request", line)
		}
	}
	if _, err := exec.LookPath("groff"); err != nil {
		t.Log("groff is not installed: the page is not rendered")
		return
	}
	render := exec.CommandContext(t.Context(), "groff", "-man", "-Tascii", "-ww", "-b")
	render.Stdin = &page
	var objections bytes.Buffer
	render.Stderr = &objections
	if out, err := render.Output(); err != nil || objections.Len() > 0 || !bytes.Contains(out, []byte("proofline run")) {
		t.Errorf("groff: %v\n%s", err, objections.String())
	}
}

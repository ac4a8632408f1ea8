package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/cmd/proofline/scaffold"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) newProject() *cli.Command {
	return &cli.Command{
		Name:  "new",
		Usage: "start a project of your own",
		Subcommands: []*cli.Command{{
			Name:      "plugin",
			Usage:     "a plugin project that builds, passes the conformance suite and runs in a pipeline",
			ArgsUsage: "KIND NAME",
			Description: "KIND is source, builder, prover or reporter. The project has a Makefile, a test and a\n" +
				"pipeline.yaml to try the plugin in.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "lang", Usage: "`LANGUAGE` of the project: go or, for a prover, python", Value: scaffold.Go},
				&cli.StringFlag{Name: "dir", Usage: "`DIRECTORY` to write (default: the plugin's name)"},
				&cli.StringFlag{Name: "module", Usage: "Go module `PATH` (default: the plugin's name)"},
				&cli.StringFlag{Name: "sdk", Usage: "`CHECKOUT` of proofline whose SDK a Go plugin is built with (default: the one that this program was built in)"},
			},
			Action: c.newPlugin,
		}},
	}
}

func (c commands) newPlugin(ctx *cli.Context) error {
	if ctx.NArg() != 2 {
		return usage("name the kind and the plugin, for example: proofline new plugin prover prover-mine")
	}
	p := scaffold.Project{
		Kind: contract.Kind(ctx.Args().Get(0)), Name: ctx.Args().Get(1), Language: ctx.String("lang"),
		Version: "v" + version, Proofline: "proofline",
	}
	if self, err := os.Executable(); err == nil && strings.HasPrefix(filepath.Base(self), "proofline") {
		p.Proofline = self
	}
	if err := p.Validate(); err != nil {
		return usage("%v", err)
	}
	p.Module = p.Name
	if ctx.IsSet("module") {
		p.Module = ctx.String("module")
	}
	dir := p.Name
	if ctx.IsSet("dir") {
		dir = ctx.String("dir")
	}
	if p.Language == scaffold.Go {
		var err error
		if p.SDK, err = checkout(ctx.String("sdk")); err != nil {
			return err
		}
		if p.GoVersion, err = goVersion(p.SDK); err != nil {
			return err
		}
	}
	if err := p.Write(dir); err != nil {
		return err
	}
	if p.Language == scaffold.Go {
		if err := tidy(ctx.Context, dir); err != nil {
			fmt.Fprintf(c.Stderr, "wrote %s; then \"go mod tidy\" failed there, run it before anything else:\n%v\n", dir, err)
			return nil
		}
	}
	next := "make test try"
	if p.Language == scaffold.Python {
		next = "make test try  (needs what requirements.txt names)"
	}
	_, err := fmt.Fprintf(c.Stderr, "wrote %s; next: cd %[1]s && %s\n", dir, next)
	return err
}

// errNoCheckout is the error if no checkout of proofline is found for a Go project.
var errNoCheckout = contract.Environment(errors.New("the module github.com/proofline/proofline is not published yet, so that a plugin is built with a checkout of it, and there is none here"),
	"name a checkout with --sdk DIRECTORY")

// checkout finds the checkout whose SDK is used: the given one, or that around this
// program's file, or that around the working directory.
func checkout(given string) (string, error) {
	if given != "" {
		dir, err := filepath.Abs(given)
		if err == nil && !isCheckout(dir) {
			err = usage("%s is no checkout of proofline", given)
		}
		return dir, err
	}
	var starts []string
	if self, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(self))
	}
	if here, err := os.Getwd(); err == nil {
		starts = append(starts, here)
	}
	for _, dir := range starts {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if isCheckout(dir) {
				return dir, nil
			}
		}
	}
	return "", errNoCheckout
}

// isCheckout reports whether a directory is the root of a checkout of proofline.
func isCheckout(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && bytes.HasPrefix(text, []byte("module github.com/proofline/proofline\n"))
}

// goVersion returns the Go version in the go.mod of a checkout.
func goVersion(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "go "); ok {
			return v, nil
		}
	}
	return "", fmt.Errorf("%s: %w: no go line", f.Name(), fs.ErrInvalid)
}

// tidy completes go.mod and makes go.sum.
func tidy(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// pluginModule is the Go module with the plugins of this repository.
const pluginModule = "github.com/proofline/proofline"

func (c commands) pluginsInstall() *cli.Command {
	return &cli.Command{
		Name:      "install",
		Usage:     "build the plugins of a pipeline file that are not installed",
		ArgsUsage: "[FILE]",
		Description: "For a proofline that was built by go install, without plugins. It builds the missing plugins\n" +
			"of the same version with Go from the module proxy, puts them into a directory and pins\n" +
			"them. It only prints the names of plugins that are not part of proofline. Packages and\n" +
			"archives of a release contain all plugins.\n\n" +
			"  go install " + pluginModule + "/cmd/proofline@latest\n" +
			"  proofline plugins install mainnet.yaml",
		Flags: []cli.Flag{
			fileFlag(),
			&cli.StringFlag{Name: "dir", Usage: "the `DIRECTORY`; by default plugins/ beside this program"},
			&cli.StringFlag{Name: "version", Usage: "another `VERSION`: v0.1.0, latest, or a commit"},
		},
		Action: func(ctx *cli.Context) error {
			file, err := pipelineFile(ctx, ctx.Args().Slice())
			if err != nil {
				return err
			}
			dir := ctx.String("dir")
			if dir == "" {
				self, err := os.Executable()
				if err != nil {
					return err
				}
				dir = filepath.Join(filepath.Dir(self), "plugins")
			}
			return c.install(ctx.Context, file, dir, cmp.Or(ctx.String("version"), moduleVersion()))
		},
	}
}

// moduleVersion returns the version of the module from which this program was built, or
// "latest" if it is not a released version.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" && !strings.Contains(info.Main.Version, "+") {
		return info.Main.Version
	}
	return "latest"
}

// install builds the plugins that a pipeline file names and that are not installed.
func (c commands) install(ctx context.Context, file, dir, version string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	p, findings := pipeline.Load(file, c.LookupEnv)
	if p == nil {
		return findings.Error()
	}
	missing := missingPlugins(p, dir)
	if len(missing) == 0 {
		_, err := fmt.Fprintln(c.Stdout, "every plugin of the file is there")
		return err
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return contract.Environment(errors.New("the go command, which builds plugins, is not installed"), "install Go from https://go.dev/dl, or a release of proofline, which holds its plugins")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var failed []string
	for _, name := range missing {
		cmd := exec.CommandContext(ctx, tool, "install", "-trimpath", pluginModule+"/plugins/"+name+"@"+version)
		cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			fmt.Fprintf(c.Stderr, "%s: %s\n", name, text.Line(strings.TrimSpace(string(out)+" "+err.Error()), 500))
			failed = append(failed, name)
			continue
		}
		fmt.Fprintf(c.Stdout, "%s %s: built\n", name, version)
	}
	if len(failed) < len(missing) {
		if _, err := catalog.Lock(dir); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "pinned in %s\n", filepath.Join(dir, catalog.LockName))
	}
	if len(failed) > 0 {
		return printedError{fmt.Errorf("%s not built", strings.Join(failed, ", "))}
	}
	return nil
}

// missingPlugins returns the plugins of a pipeline that are neither in the usual places nor
// in dir.
func missingPlugins(p *pipeline.Pipeline, dir string) (missing []string) {
	plugins := catalog.Open(append([]string{dir}, p.Plugins.Dirs...))
	for _, s := range p.Stages {
		if s.Plugin == "" || slices.Contains(missing, s.Plugin) {
			continue
		}
		if _, err := plugins.Find(s.Plugin); err != nil {
			missing = append(missing, s.Plugin)
		}
	}
	return missing
}

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/sdk/contract"
)

func (c commands) plugins() *cli.Command {
	dirs := func() cli.Flag {
		return &cli.StringSliceFlag{Name: "dir", Usage: "search this `DIRECTORY` first; may be repeated"}
	}
	return &cli.Command{
		Name:  "plugins",
		Usage: "the plugins of this machine",
		Subcommands: []*cli.Command{
			{
				Name:  "list",
				Usage: "what is installed, and where",
				Description: "Searches --dir, $" + catalog.EnvPath + ", plugins/ beside this program, and ./bin/plugins.\n" +
					"The kind and the version of a plugin come from the " + catalog.LockName + " beside it. No plugin is run.",
				Flags:  []cli.Flag{dirs(), jsonFlag()},
				Action: c.pluginsList,
			},
			{
				Name:      "lock",
				Usage:     "pin the plugins of a directory by version and SHA-256",
				ArgsUsage: "DIRECTORY",
				Description: "Runs every plugin in the directory once with \"describe\" and writes " + catalog.LockName + ".\n" +
					"From then on a plugin whose bytes have changed is refused.",
				Action: c.pluginsLock,
			},
			{
				Name:      "describe",
				Usage:     "one plugin's manifest with the schema of its config block",
				ArgsUsage: "PLUGIN",
				Flags:     []cli.Flag{dirs()},
				Action:    c.pluginsDescribe,
			},
			c.pluginsInstall(),
			c.pluginsTest(),
		},
	}
}

func (c commands) pluginsList(ctx *cli.Context) error {
	if err := noArguments(ctx); err != nil {
		return err
	}
	plugins := catalog.Open(ctx.StringSlice("dir"))
	listings := plugins.List()
	if ctx.Bool("json") {
		type entry struct {
			Name     string        `json:"name"`
			Kind     contract.Kind `json:"kind,omitempty"`
			Version  string        `json:"version,omitempty"`
			Protocol int           `json:"protocol,omitempty"`
			Summary  string        `json:"summary,omitempty"`
			Path     string        `json:"path"`
			SHA256   string        `json:"sha256,omitempty"`
			Locked   bool          `json:"locked"`
			Error    string        `json:"error,omitempty"`
		}
		entries := []entry{}
		for _, l := range listings {
			e := entry{Name: l.Name, Kind: l.Manifest.Kind, Version: l.Manifest.Version, Protocol: l.Manifest.Protocol, Summary: l.Manifest.Summary, Path: l.Path, Locked: l.Locked}
			if l.Err != nil {
				e.Error = l.Err.Error()
			}
			if l.SHA256 != [32]byte{} {
				e.SHA256 = hex.EncodeToString(l.SHA256[:])
			}
			entries = append(entries, e)
		}
		return c.printJSON(entries)
	}
	t := newTable("PLUGIN", "KIND", "VERSION", "PROTOCOL", "LOCKED", "SUMMARY")
	for _, l := range listings {
		if l.Err != nil {
			locked := ""
			if errors.Is(l.Err, catalog.ErrUnlocked) {
				locked = yesNo(false)
			}
			t.add(l.Name, "?", "", "", locked, l.Err.Error())
			continue
		}
		t.add(l.Name, string(l.Manifest.Kind), l.Manifest.Version, strconv.Itoa(l.Manifest.Protocol), yesNo(l.Locked), l.Manifest.Summary)
	}
	if len(listings) == 0 {
		fmt.Fprintln(c.Stderr, "no plugins in any of:")
		for _, dir := range plugins.Dirs() {
			fmt.Fprintln(c.Stderr, "  "+dir)
		}
		return nil
	}
	return t.write(c.Stdout)
}

func (c commands) pluginsLock(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return usage("name the directory with the plugins, for example bin/plugins")
	}
	dir := ctx.Args().First()
	locked, err := catalog.Lock(dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s: %s\n", filepath.Join(dir, catalog.LockName), plural(len(locked), "plugin"))
	return err
}

func (c commands) pluginsDescribe(ctx *cli.Context) error {
	if ctx.NArg() != 1 {
		return usage("name one plugin; proofline plugins list shows them")
	}
	binary, err := catalog.Open(ctx.StringSlice("dir")).Find(ctx.Args().First())
	if err != nil {
		return err
	}
	return c.printJSON(struct {
		contract.Manifest
		Path   string          `json:"path"`
		SHA256 string          `json:"sha256"`
		Locked bool            `json:"locked"`
		Schema json.RawMessage `json:"config_schema"` // last, because it is long
	}{binary.Manifest, binary.Path, hex.EncodeToString(binary.SHA256[:]), binary.Locked, binary.Manifest.Schema})
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// inspect returns the command that shows what a proof file holds.
func inspect() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show what a proof file holds, and write it as verifiers take it",
		ArgsUsage: "PROOF",
		Description: "Reads the files of ZisK 0.14 to 1.4, what EthProofs hands out, and the container of eth-act/ere,\n" +
			"plain or under zstd.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "layout", Usage: "take the file for this layout: words, bincode-0.16, bincode-0.17, bincode-0.18, bincode-1.0, bincode-1.1, bincode-1.4, flat, tagged or ere"},
			&cli.StringFlag{Name: "setup-key", Usage: "verification key of the proving setup: a file of 32 bytes, or 64 hexadecimal digits"},
			&cli.StringFlag{Name: "zisk", Usage: "`VERSION` of ZisK that made the proof, for --wire where the file does not say it (1.1 to 1.3)"},
			&cli.StringFlag{Name: "wire", Usage: "write the form that verifiers take to `FILE`"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return errors.New("inspect takes one proof file")
			}
			p, err := proof.Read(c.Args().First(), proof.Layout(c.String("layout")))
			if err != nil {
				return err
			}
			setup, err := setupKey(c.String("setup-key"))
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "layout\t%s\n", p.Layout)
			fmt.Fprintf(w, "minimal\t%t\n", p.Minimal)
			fmt.Fprintf(w, "proof\t%d words, %d bytes\n", len(p.Body), 8*len(p.Body))
			fmt.Fprintf(w, "program key\t%v\n", p.Program())
			if p.Setup != nil {
				fmt.Fprintf(w, "setup key\t%v%s\n", p.Setup, setupName(*p.Setup))
			}
			if p.Family != "" {
				fmt.Fprintf(w, "hash\t%s\n", p.Family)
			}
			fmt.Fprintf(w, "public outputs\t%s\n", hex.EncodeToString(p.Outputs()))
			if p.IsTest() {
				fmt.Fprintf(w, "warning\tmade by a test double; it proves nothing\n")
			}
			if err := w.Flush(); err != nil || c.String("wire") == "" {
				return err
			}
			var release proof.Release
			if text := c.String("zisk"); text != "" {
				if release, err = proof.ParseRelease(text); err != nil {
					return fmt.Errorf("--zisk: %w", err)
				}
			}
			wire, err := p.Wire(release, setup)
			if err != nil {
				return err
			}
			return os.WriteFile(c.String("wire"), wire, 0o644)
		},
	}
}

// setupName names a published setup in parentheses. It is empty for any other key.
func setupName(key proof.Key) string {
	if s := proof.FindSetup(key); s != nil {
		return fmt.Sprintf(" (ZisK %s, %s)", s.Version, s.Family)
	}
	return ""
}

// setupKey reads a key from a file or from hexadecimal digits. It is nil for an empty text.
func setupKey(text string) (*proof.Key, error) {
	if text == "" {
		return nil, nil
	}
	var key proof.Key
	data, err := os.ReadFile(text)
	if err == nil {
		key, err = proof.KeyOf(data)
	} else {
		key, err = proof.ParseKey(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--setup-key: %w", err)
	}
	return &key, nil
}

package main

import (
	"context"
	"slices"

	"github.com/proofline/proofline/plugins/internal/command"
	"github.com/proofline/proofline/sdk"
)

// Config is the config block of the stage.
type Config struct {
	command.Config
	Input   string   `json:"input" doc:"Form in which the program gets the guest input as {input}: raw, behind its length in 32 bits (u32-length), without ZisK's frame (zisk-strip), or as one line of hexadecimal digits (hex)." default:"raw" enum:"raw,u32-length,zisk-strip,hex"`
	Proof   string   `json:"proof" doc:"The proof that the program makes, a file relative to {work}; the program gets its path as {proof}. Unset makes the stage a gate: the program checks and proves nothing."`
	Verify  []string `json:"verify" doc:"The program that verifies a proof, and its arguments; {proof} is the proof, {input} the guest input. Another exit code than 0 means that it is not valid. Unset means that proofs are not verified."`
	Version []string `json:"version" doc:"A command line that prints the version of the program; it becomes the fact prover_version."`
}

// placeholders are the names that command lines may use in braces.
var placeholders = append(slices.Clone(command.TaskNames), "input", "proof")

// Validate returns what is wrong with the values.
func (c Config) Validate() []sdk.Finding {
	files := map[string]string{}
	if c.Proof != "" {
		files["/proof"] = c.Proof
	}
	known := placeholders
	if c.Proof == "" {
		known = slices.DeleteFunc(slices.Clone(known), func(name string) bool { return name == "proof" })
	}
	findings := c.ValidateWith(files, known...)
	findings = append(findings, command.ValidateCommand("/verify", c.Verify, known)...)
	if len(c.Verify) > 0 && c.Proof == "" {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/verify",
			Summary: "there is nothing to verify: the stage makes no proof", Remedy: "set proof to the file that the program writes, or leave verify out"})
	}
	return findings
}

// Check is the preflight: it searches for the programs of the command lines.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	findings := append(c.Config.Check(ctx), command.CheckProgram("/verify", c.Verify)...)
	return append(findings, command.CheckProgram("/version", c.Version)...)
}

// MakesProof reports whether the stage makes proofs. Without a proof it is a gate.
func (c Config) MakesProof() bool { return c.Proof != "" }

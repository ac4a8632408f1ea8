package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

func (c commands) verify() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "verify a ZisK proof: a file, a block of the archive, or one downloaded from EthProofs",
		ArgsUsage: "FILE|BLOCK",
		Description: "Verifies the proof in this process, in the form in which it is sent to a verifier; no tool of\n" +
			"ZisK is needed. FILE may be a proof file of ZisK 0.15 to 1.4, the bytes that EthProofs\n" +
			"returns, or the body of a request to it. A number is a block, whose proof is in the output\n" +
			"folder of the pipeline.\n\n" +
			"With --site the sites to which the pipeline reports verify the proofs of the block that they\n" +
			"have stored, with their own verifiers and for any proof system.\n\n" +
			"The key of the proving setup must be a published one, or be given with --vk or --proving-key.\n" +
			"Exit code 0: the proof is valid; 1: it is not; 2: wrong command line; 3: it could not be verified.",
		Flags: []cli.Flag{
			fileFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "site", Usage: "make the site verify the proofs of the block that it has stored, with its own verifier"},
			&cli.StringFlag{Name: "vk", Usage: "`KEY` of the proving setup: a file of 32 bytes (vadcop_final.verkey.bin), or 64 hexadecimal digits"},
			&cli.StringFlag{Name: "program", Usage: "`KEY` that the program must have: a file of 32 bytes, or 64 hexadecimal digits"},
			&cli.StringFlag{Name: "version", Usage: "`VERSION` of ZisK that made the proof, for example 1.1.0-alpha"},
			&cli.StringFlag{Name: "proving-key", Usage: "`DIR` of a proving key, for a release that is newer than this verifier"},
			&cli.BoolFlag{Name: "lenient", Usage: "accept what the published verifiers accept: words above the field's order, and any padding"},
		},
		Action: func(ctx *cli.Context) error {
			args, file, err := splitFile(ctx)
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usage("name one proof file, or one block")
			}
			if ctx.Bool("site") {
				number, err := blockNumber(args[0])
				if err != nil {
					return err
				}
				return c.verifySite(ctx.Context, number, file, ctx.Bool("json"))
			}
			data, from, err := c.proofBytes(args[0], file)
			if err != nil {
				return err
			}
			o := verifyOptions{lenient: ctx.Bool("lenient")}
			if err := o.parse(ctx.String("vk"), ctx.String("program"), ctx.String("version"), ctx.String("proving-key")); err != nil {
				return err
			}
			report, err := verifyProof(data, o)
			report.File = from
			if ctx.Bool("json") {
				if err := c.printJSON(report); err != nil {
					return err
				}
			} else if err := writeVerified(c.Stdout, report); err != nil {
				return err
			}
			if err != nil {
				return printedError{err}
			}
			return nil
		},
	}
}

// verifyOptions are the flags of the command.
type verifyOptions struct {
	setup, program *proof.Key
	release        proof.Release
	provingKey     string
	lenient        bool
}

// parse reads the values of the flags.
func (o *verifyOptions) parse(setup, program, version, provingKey string) error {
	var err error
	if o.setup, err = keyArgument(setup); err != nil {
		return usage("--vk: %v", err)
	}
	if o.program, err = keyArgument(program); err != nil {
		return usage("--program: %v", err)
	}
	if version != "" {
		if o.release, err = proof.ParseRelease(version); err != nil {
			return usage("--version: %v", err)
		}
	}
	o.provingKey = provingKey
	return nil
}

// keyArgument reads a key from a file or from its digits. It returns nil for an empty text.
func keyArgument(text string) (*proof.Key, error) {
	if text == "" {
		return nil, nil
	}
	key, err := proof.ParseKey(text)
	if err != nil {
		data, fileErr := os.ReadFile(text)
		if fileErr != nil {
			if errors.Is(fileErr, fs.ErrNotExist) {
				return nil, fmt.Errorf("%q is neither a file nor 64 hexadecimal digits", text)
			}
			return nil, fileErr
		}
		if key, err = proof.KeyOf(data); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	return &key, nil
}

// published are the names of the files in a block's output folder that may hold its proof.
// The bytes that were sent come first.
var published = []string{"proof.words.bin", "proof.words.bin.zst", "vadcop_final_proof.compressed.bin", "vadcop_final_proof.bin"}

// proofBytes reads a proof from a file, or from the output folder if the argument is a block
// number. It also returns the path of the file.
func (c commands) proofBytes(argument, file string) ([]byte, string, error) {
	number, err := strconv.ParseUint(argument, 10, 64)
	if err != nil {
		data, err := readProof(argument)
		return data, argument, err
	}
	p, findings := pipeline.Load(file, c.LookupEnv)
	if p == nil || p.Output == "" {
		return nil, "", &pipeline.InvalidError{Findings: findings}
	}
	dir := filepath.Join(p.Output, strconv.FormatUint(number, 10))
	for _, name := range published {
		path := filepath.Join(dir, name)
		data, err := readProof(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return data, path, err
		}
	}
	return nil, "", contract.Environment(fmt.Errorf("there is no proof of block %d in %s", number, dir), "`proofline blocks show "+argument+"` says what became of the block")
}

// readProof reads a proof, or a request with a proof, from a file. It fails if the file is
// too large for that.
func readProof(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, contract.Environment(err, "")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 2*proof.MaxSize+1))
	if err == nil && len(data) > 2*proof.MaxSize {
		err = fmt.Errorf("%s: more than %d bytes are too many for a proof", path, 2*proof.MaxSize)
	}
	if err != nil {
		return nil, contract.Environment(err, "")
	}
	return requestProof(data), nil
}

// verifyProof verifies a proof in any form. If it returns an error, the report has all that
// is known until then.
func verifyProof(data []byte, o verifyOptions) (verifyReport, error) {
	r := verifyReport{Bytes: len(data)}
	fail := func(err error) (verifyReport, error) {
		r.Reason = err.Error()
		if _, verdict := errors.AsType[*verify.Rejection](err); !verdict {
			r.Verdict = verdictUnknown
			return r, contract.Environment(err, "")
		}
		r.Verdict = verdictRefused
		return r, err
	}
	p, err := proof.Decode(data, "")
	if err != nil {
		return fail(&verify.Rejection{Step: verify.StepForm, Reason: err.Error()})
	}
	r.describe(p)
	expect := verify.Expect{Release: o.release, Program: o.program, Lenient: o.lenient}
	if o.provingKey != "" {
		key, err := verify.ReadProvingKey(o.provingKey, p.Minimal)
		if err != nil {
			return fail(err)
		}
		expect.Tables = []*verify.Table{key.Table}
		if o.setup == nil {
			o.setup = &key.Key
		}
	}
	pinned := o.setup != nil
	if o.setup == nil {
		if o.setup = p.Setup; o.setup == nil {
			return fail(errors.New("the file does not hold the key of its proving setup: give it with --vk"))
		}
		pinned = proof.FindSetup(*o.setup) != nil
	}
	r.Setup = o.setup
	expect.Setup = *o.setup
	result, err := verify.Proof(p, expect)
	if err != nil {
		return fail(err)
	}
	r.accepted(result, o.program != nil)
	if !pinned {
		return fail(fmt.Errorf("the proof holds under the setup key that it names itself, %v, which is none of the published ones: give the key of the proving setup with --vk", o.setup))
	}
	// The form that is sent is another encoding than the saved one. Wire checks that the
	// proof can be encoded for its release.
	wire, err := p.Wire(result.Table.Release(), o.setup)
	if err == nil && p.Seeded {
		r.Notes = append(r.Notes, "the file goes on with the seed of the execution, which is no part of the proof")
	}
	if err == nil {
		r.WireBytes = len(wire)
	} else {
		r.Notes = append(r.Notes, "the form for verifiers: "+err.Error())
	}
	r.Verdict = verdictVerified
	return r, nil
}

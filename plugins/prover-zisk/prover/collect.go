package prover

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// clockSlack is the longest time by which the time stamps of a file system may lie behind
// the clock.
const clockSlack = 2 * time.Second

// collect reads the files that a run has written, checks them and publishes them.
func (p *Prover) collect(t *sdk.Task, program *proof.Key, run finishedRun) (*sdk.Result, error) {
	summary := run.summary
	if summary.ProvingTime == 0 {
		summary.ProvingTime = run.wall
	}
	r := publish.Report{Cycles: summary.Steps, ID: summary.ProofID, Time: summary.ProvingTime.Seconds(), Action: p.config.Action,
		Version: p.version.String(), ELF: p.elfSum, Instances: summary.Instances, Speed: summary.Speed}
	facts := map[string]string{publish.FactVersion: p.version.String()}
	if p.cards != "" {
		facts[contract.FactGPUs] = p.cards
	}
	if !p.MakesProof() {
		if summary.Steps > 0 {
			facts[contract.FactCycles] = strconv.FormatUint(summary.Steps, 10)
		}
		a, err := publish.JSON(t, sdk.ArtifactExecution, r)
		if err != nil {
			return nil, err
		}
		return &sdk.Result{Outputs: []sdk.Artifact{a}, WorkTime: summary.ProvingTime, Facts: facts}, nil
	}

	decoded, err := p.readProof(run)
	if err != nil {
		return nil, sdk.Retryable(fmt.Errorf("cargo-zisk ended with exit status 0, but its proof does not count: %w", err))
	}
	if err := checkProgram(decoded, program); err != nil {
		return nil, err
	}
	p.verifyAhead(t.Log, decoded, program)
	r.Minimal, r.Program = decoded.Minimal, decoded.Program().String()
	if p.version.WritesResult() {
		result, err := zisk.ReadResult(filepath.Join(run.dir, zisk.FileResult))
		if err != nil {
			return nil, sdk.Retryable(fmt.Errorf("cargo-zisk ended with exit status 0, but its result does not count: %w", err))
		}
		r.Cycles, r.ID, r.Time = result.Cycles, result.ID, result.Time
		summary.ProvingTime = result.ProvingTime()
	}
	if r.ID == "" { // 0.17 and later give proofs no id
		r.ID = r.Program
	}
	outputs, err := p.publish(t, run.dir, decoded, r)
	if err != nil {
		return nil, err
	}
	facts[contract.FactCycles] = strconv.FormatUint(r.Cycles, 10)
	facts[contract.FactVerifierID] = r.ID
	facts[publish.FactProgram] = r.Program
	facts[publish.FactLayout] = string(decoded.Layout)
	if decoded.IsTest() {
		facts[publish.FactTest] = "true"
	}
	return &sdk.Result{Outputs: outputs, WorkTime: summary.ProvingTime, Facts: facts}, nil
}

// readProof checks the files of the run and decodes the proof.
func (p *Prover) readProof(run finishedRun) (*proof.Proof, error) {
	for _, name := range p.version.Outputs() {
		path := filepath.Join(run.dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s is missing", name)
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file", name)
		case info.Size() == 0:
			return nil, fmt.Errorf("%s is empty", name)
		case info.ModTime().Before(run.start.Add(-clockSlack)):
			return nil, fmt.Errorf("%s is older than the run: written %v, started %v", name, info.ModTime(), run.start)
		}
	}
	path := filepath.Join(run.dir, zisk.FileProof)
	decoded, err := proof.Read(path, p.layout())
	if err != nil {
		other, otherErr := proof.Read(path, "")
		if otherErr != nil {
			return nil, fmt.Errorf("a proof file of ZisK %v: %w", p.version, err)
		}
		p.log.Warn("the proof has another layout than this version's; it is read all the same", "layout", other.Layout, "expected", p.layout())
		decoded = other
	}
	if p.version.WritesCompressed() {
		if err := sameContent(path, filepath.Join(run.dir, zisk.FileCompressed)); err != nil {
			return nil, err
		}
	}
	return decoded, nil
}

// layout returns the layout in which the version stores proofs. For a version that is newer
// than every known one it returns the newest layout.
func (p *Prover) layout() proof.Layout {
	layout, err := p.release().Saved()
	if err != nil {
		return proof.Tagged
	}
	return layout
}

// sameContent fails unless the decompressed content of a file is that of the plain file.
func sameContent(plain, compressed string) error {
	want, err := os.ReadFile(plain)
	if err != nil {
		return err
	}
	packed, err := os.ReadFile(compressed)
	if err != nil {
		return err
	}
	got, err := proof.Decompress(packed)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(compressed), err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s does not hold %s", filepath.Base(compressed), filepath.Base(plain))
	}
	return nil
}

// checkProgram refuses a proof of another program than the stage's.
func checkProgram(decoded *proof.Proof, program *proof.Key) error {
	if program == nil || decoded.Program() == *program {
		return nil
	}
	return sdk.Retryable(fmt.Errorf("the proof is of the program %v, not of %v: the ELF, the key or cargo-zisk changed under the stage", decoded.Program(), program))
}

// publish makes artifacts of the run's files and marks the one that is
// reported.
func (p *Prover) publish(t *sdk.Task, dir string, decoded *proof.Proof, r publish.Report) ([]sdk.Artifact, error) {
	encoding := p.config.Encoding
	if encoding == "auto" {
		encoding = "words"
		if p.version.WritesCompressed() {
			encoding = "zstd"
		}
	}
	// The tool's files keep their names. If it writes no result.json, this stage does.
	var outputs []sdk.Artifact
	for _, name := range p.version.Outputs() {
		a, err := t.Adopt(filepath.Join(dir, name), name)
		if err != nil {
			return nil, err
		}
		stored := name == zisk.FileProof && !decoded.Seeded &&
			(decoded.Layout == proof.Words || decoded.Layout == proof.Flat || decoded.Layout == proof.Tagged)
		if encoding == "words" && stored || encoding == "zstd" && name == zisk.FileCompressed {
			a.Role = sdk.RoleProof
		}
		outputs = append(outputs, a)
	}
	if !p.version.WritesResult() {
		a, err := publish.JSON(t, sdk.ArtifactResult, r)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, a)
	}
	for _, a := range outputs {
		if a.Role == sdk.RoleProof {
			return outputs, nil
		}
	}
	setup, err := p.reportedSetup(decoded)
	if err != nil {
		return nil, err
	}
	a, err := publish.Proof(t, decoded, publish.Encoding(encoding), p.release(), setup)
	if err != nil {
		return nil, err
	}
	return append(outputs, a), nil
}

// reportedSetup returns the key of the proving setup for the reported bytes. It is the
// configured or installed key, or nil if only the proof itself holds one.
func (p *Prover) reportedSetup(decoded *proof.Proof) (*proof.Key, error) {
	if decoded.Layout == proof.Words {
		return nil, nil
	}
	key, err := p.config.setupKey(decoded.Minimal)
	switch {
	case err == nil:
		return &key, nil
	case decoded.Setup == nil || p.config.VerifyKey != "":
		return nil, sdk.Environment(fmt.Errorf("the proof needs the key of the proving setup: %w", err),
			"set `verify_key` to vadcop_final.verkey.bin of the proving key, or install it: ziskup --verifykey")
	}
	return nil, nil
}

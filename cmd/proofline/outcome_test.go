package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestOutcomeOfLimitedRun: a block counts as done when its proof was accepted. A proof that
// was not accepted is printed with the reason, and the exit code is not 0.
func TestOutcomeOfLimitedRun(t *testing.T) {
	done := doneJob(1)
	unreported := doneJob(2)
	unreported.Reports = []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: status.ReportWaiting, Error: "401 wrong key"}}
	unreported.Unreported = unreported.UnsettledText()
	failed := doneJob(3)
	failed.State, failed.Reason = status.JobFailed, "no"
	for name, c := range map[string]struct {
		jobs  []status.Job
		limit int
		want  []string
		code  int
	}{
		"all done":   {[]status.Job{done}, 1, []string{"1 block done in 1.00s\n"}, exitOK},
		"unreported": {[]status.Job{done, unreported}, 2, []string{"1 block done in 1.00s, 1 not reported\n", "proved, not reported (ethproofs: 401 wrong key)"}, exitRuntime},
		"the rest":   {[]status.Job{failed}, 3, []string{"0 blocks done in 1.00s, 1 failed, 2 not finished\n"}, exitRuntime},
	} {
		var out, errs bytes.Buffer
		err := commands{Options{Stdout: &out, Stderr: &errs, LookupEnv: os.LookupEnv}}.writeOutcome(c.jobs, c.limit, time.Second)
		if code := printError(&errs, err); code != c.code || errs.Len() > 0 {
			t.Errorf("%s: exit code %d, want %d; stderr %q", name, code, c.code, &errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", name, want, &out)
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	a, b := doneJob(7), doneJob(7)
	b.Block.Hash = contract.Hash{0xbb}
	a.Orphaned = true
	if text := chainText([]status.Job{a}); text != "" {
		t.Errorf("one hash: %q", text)
	}
	if text := chainText([]status.Job{a, b}); !strings.Contains(text, "on the chain") || !strings.HasSuffix(text, b.Block.Hash.String()) {
		t.Errorf("two hashes: %q", text)
	}
	b.Orphaned = true
	if text := chainText([]status.Job{a, b}); !strings.Contains(text, "none of them") || !strings.Contains(text, "blocks add 7") {
		t.Errorf("two orphans: %q", text)
	}
}

func TestSpaceFinding(t *testing.T) {
	for free, want := range map[uint64]contract.Severity{
		1 << 20: contract.SeverityError, noSpace - 1: contract.SeverityError, noSpace: contract.SeverityWarning,
		lowSpace - 1: contract.SeverityWarning, lowSpace: "", 1 << 40: "",
	} {
		if got, low := spaceFinding(free); got != want || low != (want != "") {
			t.Errorf("%d bytes free: %q, %v; want %q", free, got, low, want)
		}
	}
}

// TestLogsOfABlock: the kept lines and files of a failed attempt are printed, without
// control characters, and only those of the given stage.
func TestLogsOfABlock(t *testing.T) {
	t.Chdir(t.TempDir())
	data := "version: 1\nname: x\ndata: ./data\nstages:\n  - {name: source, plugin: source-none}\n  - {name: prove, plugin: prover-none}\n"
	if err := os.WriteFile("pipeline.yaml", []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "blocks", "logs", "5"); code != exitRuntime || !strings.Contains(stderr, "block 5 is not known") {
		t.Errorf("an unknown block: %d %s", code, stderr)
	}
	if code, _, stderr := execute(t, "blocks", "logs", "5", "prov"); code != exitConfig || !strings.Contains(stderr, `there is no stage "prov"`) {
		t.Errorf("an unknown stage: %d %s", code, stderr)
	}
	if err := writeFinished("data", doneBlock(5)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("data", "attempts", doneBlock(5).ID, "prove", "2")
	for name, text := range map[string]string{"log": "12:00 loading\n12:01 out of\x1b[31m memory\n", "out/partial.bin": "123", "in/input.bin": "x"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, stderr := execute(t, "blocks", "logs", "5", "prove")
	for _, want := range []string{"block 5 prove, attempt 2", "| 12:00 loading", `out of\x1b[31m memory`, "out/partial.bin  3 B"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%d: no %q in\n%s%s", code, want, out, stderr)
		}
	}
	if strings.Contains(out, "input.bin") {
		t.Errorf("the inputs are listed:\n%s", out)
	}
	if _, out, _ := execute(t, "blocks", "logs", "5", "source"); !strings.Contains(out, "nothing is kept") {
		t.Errorf("another stage: %s", out)
	}
}

// TestOtherChain: a data directory with blocks of one chain is not used for another chain.
func TestOtherChain(t *testing.T) {
	data := t.TempDir()
	if err := writeFinished(data, doneBlock(5)); err != nil { // of chain 1
		t.Fatal(err)
	}
	p := &pipeline.Pipeline{Data: data, Stages: []pipeline.Stage{{Name: "source"}, {Name: "input"}}}
	traits := func(chain string) map[string]contract.Traits {
		return map[string]contract.Traits{"input": {Provides: map[string]string{contract.TraitChainID: chain}}}
	}
	for chain, want := range map[string]bool{"1": false, "560048": true, "": false} {
		findings := chainFindings(p, chainOf(p, traits(chain)))
		if findings.Failed() != want {
			t.Errorf("chain %q: %v", chain, findings)
		}
		if want && !strings.Contains(fmt.Sprint(findings), "holds blocks of chain 1, but this pipeline follows chain 560048") {
			t.Errorf("chain %q: %v", chain, findings)
		}
	}
}

// TestWhyARunEnded: the reason why a run ended is printed, and not only the numbers.
func TestWhyARunEnded(t *testing.T) {
	var errs bytes.Buffer
	if code := printError(&errs, errors.Join(printedError{errors.New("0 blocks done")}, contract.Environment(errors.New("port taken"), ""))); !strings.Contains(errs.String(), "port taken") {
		t.Errorf("exit %d, stderr %q", code, &errs)
	}
}

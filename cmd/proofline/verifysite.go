package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// storedReport is the verdict of a reporter's site about a proof that it has stored.
type storedReport struct {
	Reporter string `json:"reporter"`
	contract.StoredVerdict
}

// verifySite makes the sites of the pipeline's reporters verify the proofs of a block that
// they have stored, with their own verifiers. It prints the verdicts. It returns an error
// if a proof is not verified.
func (c commands) verifySite(ctx context.Context, number uint64, file string, asJSON bool) error {
	p, findings := c.check(file)
	if findings.Failed() {
		return findings.Error()
	}
	reports := []storedReport{}
	var failed error
	sites := 0
	for _, r := range c.reporters(ctx, p) {
		command := r.facts[contract.TraitVerifyStored]
		if command == "" {
			continue
		}
		sites++
		verdicts, err := runVerifyStored(ctx, r.binary, command, r.stage, number)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.stage.Name, err))
		}
		for _, v := range verdicts {
			reports = append(reports, storedReport{r.stage.Name, v})
		}
	}
	if sites == 0 {
		return contract.Environment(errors.New("no reporter of the pipeline sends to a site with a verifier"), "a dry run has sent nothing; see proofline doctor")
	}
	if asJSON {
		if err := c.printJSON(reports); err != nil {
			return err
		}
	}
	for _, r := range reports {
		text, err := storedText(r.StoredVerdict)
		if !asJSON {
			fmt.Fprintf(c.Stdout, "%s: %s\n", r.Reporter, text)
		}
		if err != nil {
			failed = errors.Join(failed, printedError{err})
		}
	}
	return failed
}

// storedText returns a verdict as text. The error is nil if the proof is verified.
func storedText(v contract.StoredVerdict) (string, error) {
	reason := ""
	if v.Reason != "" {
		reason = ": " + v.Reason
	}
	switch {
	case v.Valid == nil:
		text := fmt.Sprintf("proof %s cannot be verified there%s", v.Proof, reason)
		return text, contract.Environment(errors.New(text), "")
	case !*v.Valid:
		text := fmt.Sprintf("proof %s is refused%s", v.Proof, reason)
		return text, errors.New(text)
	}
	return fmt.Sprintf("proof %s is verified (%.0f ms)", v.Proof, v.TookMS), nil
}

// reporterStage is a reporter stage with the facts that its plugin provides.
type reporterStage struct {
	stage  *pipeline.Stage
	binary string
	facts  map[string]string
}

// reporters returns the reporter stages of a bound pipeline with the facts that follow from
// their configuration. It leaves out stages whose plugins cannot be run.
func (c commands) reporters(ctx context.Context, p *pipeline.Pipeline) (list []reporterStage) {
	plugins := catalog.Open(p.Plugins.Dirs)
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Kind != contract.KindReporter {
			continue
		}
		binary, err := plugins.Find(s.Plugin)
		if err != nil {
			continue
		}
		answer, err := runPluginCommand(ctx, binary.Path, commandValidate, s)
		if err != nil || answer.Traits == nil {
			continue
		}
		list = append(list, reporterStage{s, binary.Path, answer.Traits.Provides})
	}
	return list
}

// storedLimit is the time limit for one call. The site downloads the proof and verifies it.
const storedLimit = 5 * time.Minute

// runVerifyStored runs a plugin's command that contract.TraitVerifyStored names.
func runVerifyStored(ctx context.Context, path, command string, s *pipeline.Stage, number uint64) ([]contract.StoredVerdict, error) {
	ctx, cancel := context.WithTimeout(ctx, storedLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, command, "--config", "-", "--json", strconv.FormatUint(number, 10))
	cmd.Env = launch.Environment(os.Environ(), s.Env)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(s.Config), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var verdicts []contract.StoredVerdict
	if err == nil {
		if err = json.Unmarshal(stdout.Bytes(), &verdicts); err == nil {
			return verdicts, nil
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("there is no answer within %v", storedLimit)
	} else if output := strings.TrimSpace(stderr.String()); output != "" {
		err = errors.New(text.Line(output, 500))
	}
	return nil, contract.Environment(err, "")
}

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

// storedReport is what the other side of a reporter says of a proof.
type storedReport struct {
	Reporter string `json:"reporter"`
	contract.StoredVerdict
}

// verifySite has the other sides of the pipeline's reporters verify what they have
// stored of a block, with verifiers of their own, and prints what they say. The error
// says that one is not verified.
func (c commands) verifySite(ctx context.Context, number uint64, file string, asJSON bool) error {
	p, findings := c.check(file)
	if findings.Failed() {
		return findings.Error()
	}
	reports := []storedReport{}
	var failed error
	asked := 0
	for _, r := range c.reporters(ctx, p) {
		command := r.facts[contract.TraitVerifyStored]
		if command == "" {
			continue
		}
		asked++
		verdicts, err := askStored(ctx, r.binary, command, r.stage, number)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.stage.Name, err))
		}
		for _, v := range verdicts {
			reports = append(reports, storedReport{r.stage.Name, v})
		}
	}
	if asked == 0 {
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
			failed = errors.Join(failed, told{err})
		}
	}
	return failed
}

// storedText is a verdict in words; the error is nil for a proof that is verified.
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

// toldReporter is a reporter stage with what its plugin states of it.
type toldReporter struct {
	stage  *pipeline.Stage
	binary string
	facts  map[string]string
}

// reporters asks the plugins of a bound pipeline's reporters for what follows from
// their configuration. Those that cannot say are left out.
func (c commands) reporters(ctx context.Context, p *pipeline.Pipeline) (list []toldReporter) {
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
		answer, err := askPlugin(ctx, binary.Path, askValidate, s)
		if err != nil || answer.Traits == nil {
			continue
		}
		list = append(list, toldReporter{s, binary.Path, answer.Traits.Provides})
	}
	return list
}

// storedLimit bounds one question: the site downloads the proof and verifies it.
const storedLimit = 5 * time.Minute

// askStored runs a plugin's command of contract.TraitVerifyStored.
func askStored(ctx context.Context, path, command string, s *pipeline.Stage, number uint64) ([]contract.StoredVerdict, error) {
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
	} else if words := strings.TrimSpace(stderr.String()); words != "" {
		err = errors.New(text.Line(words, 500))
	}
	return nil, contract.Environment(err, "")
}

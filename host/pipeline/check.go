package pipeline

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// checkFolders checks that data and output can be folders, and that neither lies in
// the other.
func (p *Pipeline) checkFolders() (findings Findings) {
	for _, dir := range []struct{ key, path string }{{"data", p.Data}, {"output", p.Output}} {
		if dir.path == "/" {
			findings = append(findings, p.Locate(contract.SeverityError, dir.key, "the root folder is no place for files", "name a folder of its own"))
			continue
		}
		info, err := os.Stat(dir.path)
		if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
			findings = append(findings, p.Locate(contract.SeverityError, dir.key, "it is a file, not a directory", "name a folder, which need not exist"))
		}
	}
	if len(findings) > 0 {
		return findings
	}
	key := "output"
	if _, given := p.at[key]; !given {
		key = "data"
	}
	outputInside, dataInside := isWithin(p.Output, p.Data), isWithin(p.Data, p.Output)
	var summary string
	switch {
	case outputInside && dataInside:
		summary = "data and output are the same folder"
	case outputInside:
		summary = "the folder of output lies in that of data"
	case dataInside:
		summary = "the folder of data lies in that of output"
	default:
		return nil
	}
	return Findings{p.Locate(contract.SeverityError, key, summary, "name two folders that lie beside each other")}
}

// slotTime is the time between two blocks of Ethereum.
const slotTime = 12 * time.Second

// checkTimes finds periods of the sections keep and select that contradict each
// other.
func (p *Pipeline) checkTimes() (findings Findings) {
	add := func(severity contract.Severity, path, summary, remedy string) {
		findings = append(findings, p.Locate(severity, path, summary, remedy))
	}
	// either returns the first key if the file has it, else the second.
	either := func(first, second string) string {
		if _, given := p.at[first]; given {
			return first
		}
		return second
	}
	history, drop := p.Keep.History, p.Select.DropAfter
	window := time.Duration(p.Select.Repair) * slotTime
	switch {
	case history < window:
		add(contract.SeverityError, either("keep.history", "select.repair"),
			fmt.Sprintf("keep.history of %s is shorter than the window of select.repair, %d blocks or about %s: blocks would be forgotten, found again and proved twice",
				shortDuration(history), p.Select.Repair, shortDuration(window)),
			"remember blocks for longer, or repair a smaller window")
	case drop > history:
		add(contract.SeverityWarning, either("keep.history", "select.drop_after"),
			fmt.Sprintf("keep.history of %s is shorter than select.drop_after of %s: a block may be forgotten while it is young enough to be taken again", shortDuration(history), shortDuration(drop)),
			"remember blocks for at least as long as they are taken")
	}
	if p.Keep.Files > p.Keep.Failed {
		add(contract.SeverityWarning, either("keep.files", "keep.failed"),
			fmt.Sprintf("keep.files of %s is longer than keep.failed of %s: files would stay of which there is no record", shortDuration(p.Keep.Files), shortDuration(p.Keep.Failed)),
			"keep the records of failed blocks for at least as long as their files")
	}
	return findings
}

// checkStuck warns of a stuck_after that is longer than the timeout of its stage, so
// that it is never reached. It needs the defaults that Bind fills. The value of the
// monitor section counts for provers only and has at most one finding.
func (p *Pipeline) checkStuck() (findings Findings) {
	const remedy = "make it shorter than timeout, or give the stage a longer timeout"
	_, common := p.at["monitor.stuck_after"]
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Timeout == 0 || s.StuckAfter <= s.Timeout {
			continue
		}
		summary := fmt.Sprintf("%s is never reached: the timeout of the stage %q is %s", shortDuration(s.StuckAfter), s.Path(), shortDuration(s.Timeout))
		if _, own := s.places["/stuck_after"]; own {
			findings = append(findings, s.warningAt("/stuck_after", summary, remedy))
		} else if common && s.Kind == contract.KindProver {
			findings = append(findings, p.Locate(contract.SeverityWarning, "monitor.stuck_after", summary, remedy))
			common = false
		}
	}
	return findings
}

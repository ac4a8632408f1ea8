package zisk

import (
	"regexp"
	"strings"
)

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// logPrefix matches what the tool's logger, or tracing's own format in programs
// that embed the prover, puts before the text.
// Source: 0xPolygonHermez/pil2-proofman:common/src/utils.rs@v0.14.0, @v0.17.0.
var logPrefix = regexp.MustCompile(
	`^\s*(?:\d{4}-\d\d-\d\dT[0-9:.]+Z?\s+)?(?:\[rank=\d+\]\s+)?(?:[A-Za-z0-9_:]+\s+)?(?:TRACE|DEBUG|INFO|WARN|ERROR)(?:\s+[A-Za-z0-9_:]+)?:\s?`)

// Text returns the text of a line of output: without colours, time, rank, level
// and module.
func Text(line string) string {
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = ansi.ReplaceAllString(line, "")
	}
	return strings.TrimSpace(line[len(logPrefix.FindString(line)):])
}

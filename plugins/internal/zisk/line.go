package zisk

import (
	"regexp"
	"strings"
)

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// logPrefix matches the prefix that the tool's logger puts before the text, and that of
// tracing's own format in programs that embed the prover. The logger of the server
// writes no colon after the level.
// Source: 0xPolygonHermez/pil2-proofman:common/src/utils.rs@v0.14.0, @v0.17.0;
// 0xPolygonHermez/zisk:common/src/utils.rs@v0.14.0.
var logPrefix = regexp.MustCompile(
	`^\s*(?:\d{4}-\d\d-\d\dT[0-9:.]+Z?\s+)?(?:\[rank=\d+\]\s+)?(?:[A-Za-z0-9_:]+\s+)?(?:TRACE|DEBUG|INFO|WARN|ERROR)(?:\s+[A-Za-z0-9_:]+)?:\s?` +
		`|^\s*\d{4}-\d\d-\d\dT[0-9:.]+Z\s+(?:TRACE|DEBUG|INFO|WARN|ERROR)\s`)

// Text returns the text of a line of output without colours, time, rank, level and module.
func Text(line string) string {
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = ansi.ReplaceAllString(line, "")
	}
	return strings.TrimSpace(line[len(logPrefix.FindString(line)):])
}

// isLogged reports whether the tool's logger wrote the line with the level info or
// lower.
func isLogged(line string) bool {
	prefix := logPrefix.FindString(ansi.ReplaceAllString(line, ""))
	return strings.Contains(prefix, "INFO") || strings.Contains(prefix, "DEBUG") || strings.Contains(prefix, "TRACE")
}

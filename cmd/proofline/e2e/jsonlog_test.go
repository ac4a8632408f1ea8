package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// checkJSONLog checks that every line of a log is a JSON object with time, level and
// message, and that lines about a block have the stage, the block, the attempt and the
// trace.
func checkJSONLog(t *testing.T, log, trace string) {
	t.Helper()
	about := map[string]int{} // lines that name all four, by stage
	for line := range strings.Lines(log) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Errorf("no JSON: %q", line)
			continue
		}
		at, _ := record["time"].(string)
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil || record["level"] == nil || record["msg"] == nil {
			t.Errorf("no time, level or message: %q", line)
		}
		if id, named := record["trace_id"]; named && id != trace {
			t.Errorf("the trace is %s: %q", trace, line)
		} else if stage, ok := record["stage"].(string); ok && named && record["block"] == 1265656.0 && record["attempt"] != nil {
			about[stage]++
		}
	}
	for _, stage := range []string{"source", "input", "check", "prove"} {
		if about[stage] == 0 {
			t.Errorf("no line of stage %s names block, attempt and trace: %v", stage, about)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}

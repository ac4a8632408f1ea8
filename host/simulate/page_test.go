package simulate

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	base := plan(150, 1, 1)
	base.Prices, base.Model.Name = Prices{GPUHour: 1}, "<b>"
	sweep, err := ParseSweep("gpus=1..3")
	if err != nil {
		t.Fatal(err)
	}
	table, err := sweep.Run(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Points) != 3 || table.Points[0].KeepsUp || table.Enough != 1 || table.Fast != -1 {
		t.Errorf("enough %d, fast %d, %+v", table.Enough, table.Fast, table.Points)
	}
	head, lines := table.Columns()
	if len(lines) != 3 || len(lines[0]) != len(head) || lines[2][0] != "3" {
		t.Errorf("%v %v", head, lines)
	}
	if text := strings.Join(table.Remarks(), " "); !strings.Contains(text, "gpus=2 (2 at a time)") || !strings.Contains(text, "less than 10 s") {
		t.Error(text)
	}
	var page bytes.Buffer
	if err := table.HTML(&page, Provenance{"1.0", time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	checkPage(t, page.String(), 8)
	// A model that is fast enough reaches the bar of performance too.
	base.Model = Model{Base: 5}
	if table, err = sweep.Run(t.Context(), base); err != nil || table.Enough != 0 || table.Fast != 0 {
		t.Errorf("%+v, %v", table, err)
	}
	base.GPUsPerProof = 5
	if _, err := sweep.Run(t.Context(), base); err == nil {
		t.Error("no number of GPUs can be divided, and it ran")
	}
}

func TestOnePage(t *testing.T) {
	var page bytes.Buffer
	p := plan(50, 1, 1)
	p.Model.Name = "<b>"
	if err := run(t, p).HTML(&page, Provenance{"1.0", time.Unix(0, 0)}); err != nil {
		t.Fatal(err)
	}
	checkPage(t, page.String(), 2)
}

// checkPage checks that a page has a number of lines in its plots, needs no other files,
// and escapes markup in its texts.
func checkPage(t *testing.T, text string, lines int) {
	t.Helper()
	if n := strings.Count(text, "<polyline "); n != lines {
		t.Errorf("%d lines, want %d", n, lines)
	}
	for _, wrong := range []string{"<b>", "http", "ZgotmplZ", "NaN", "<script"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%s in the page", wrong)
		}
	}
	if !strings.HasSuffix(text, "</html>\n") {
		t.Error("the page has no end")
	}
}

package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var origin = time.Date(2026, 3, 13, 7, 46, 23, 0, time.UTC)

func at(ms int64) time.Time { return origin.Add(time.Duration(ms) * time.Millisecond) }

func stage(name string, kind contract.Kind, from, to, work int64) status.JobStage {
	return status.JobStage{Stage: name, Kind: kind, State: "done", Attempt: 1, Started: at(from), Ended: at(to), WorkTime: time.Duration(work) * time.Millisecond}
}

// proved returns a block that was proved in the second attempt, with a gate beside the
// builder.
func proved() status.Job {
	j := status.Job{
		ID: "1-24647140-ac1a460b", Block: contract.Block{ChainID: 1, Number: 24_647_140, Time: origin, GasUsed: 7_704_951, TxCount: 60}, Origin: "selected",
		State: status.JobDone, Created: at(620), Finished: at(16_890), ProvingMS: 8390,
		Stages: []status.JobStage{
			stage("source", contract.KindSource, 620, 1110, 0), stage("input", contract.KindBuilder, 1110, 1990, 880),
			stage("check", contract.KindProver, 1110, 1820, 0), stage("prove", contract.KindProver, 8940, 16_890, 7510),
		},
		Reports: []status.Report{
			{Reporter: "notify", Kind: contract.EventProved, State: "sent", At: at(17_000)},
			{Reporter: "ethproofs", Kind: contract.EventProved, State: "sent", At: at(17_460), Facts: map[string]string{contract.FactOutcome: contract.OutcomeAccepted}},
		},
	}
	j.Stages[3].Attempt, j.Stages[3].ProvingMS = 2, 8390
	return j
}

var needs = map[string][]string{"input": {"source"}, "check": {"source"}, "prove": {"check", "input"}}

// TestWayAddsUp: the steps of the way follow each other from the block's timestamp to its
// acceptance. The counted steps add up to the reported proving time, within 10 ms.
func TestWayAddsUp(t *testing.T) {
	j := proved()
	w := WayOf(j, needs)
	end := int64(0)
	for _, s := range w.Steps {
		if s.Kind == Beside {
			continue
		}
		if s.From != end {
			t.Errorf("%q begins at %d ms, the step before ends at %d", s.Name, s.From, end)
		}
		end = s.To
	}
	if w.TotalMS != 17_460 || end != w.TotalMS || w.CountedMS+w.UncountedMS != w.TotalMS || w.CountedMS < j.ProvingMS-10 || w.CountedMS > j.ProvingMS+10 {
		t.Errorf("counted %d + not counted %d, in all %d, the steps end at %d", w.CountedMS, w.UncountedMS, w.TotalMS, end)
	}
	names := ""
	for _, s := range w.Steps {
		names += s.Stage + ": " + s.Name + "\n"
	}
	want := `source: until the source has seen it
source: fetch block and witness
input: build input
check: beside the way
prove: queue, 1 earlier attempts and back-off
prove: prove
prove: start, verification and commit
ethproofs: report “proved”
`
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// TestWayOfOddRecords: clocks that are set back, stages that have not begun and
// records without times give steps that do not run backwards.
func TestWayOfOddRecords(t *testing.T) {
	for name, change := range map[string]func(*status.Job){
		"the block is from the future": func(j *status.Job) { j.Block.Time = at(60_000) },
		"no time of the block":         func(j *status.Job) { j.Block.Time = time.Time{} },
		"nothing has begun":            func(j *status.Job) { j.Stages = nil; j.Reports = nil },
		"the proof runs":               func(j *status.Job) { j.Stages[3].Ended = time.Time{}; j.Reports = nil },
		"ended before it began":        func(j *status.Job) { j.Stages[1].Ended = at(0) },
		"worked longer than it took":   func(j *status.Job) { j.Stages[3].WorkTime = time.Hour },
		"failed": func(j *status.Job) {
			j.State, j.Stages[3].State, j.Stages[3].Error, j.Stages[3].ProvingMS = status.JobFailed, "failed", "no GPU", 0
		},
	} {
		j := proved()
		change(&j)
		w := WayOf(j, needs)
		for _, s := range w.Steps {
			if s.Took() < 0 || s.From < 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if w.CountedMS+w.UncountedMS != w.TotalMS {
			t.Errorf("%s: %d + %d is not %d", name, w.CountedMS, w.UncountedMS, w.TotalMS)
		}
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*status.Job)
		outcome string
		total   int64
		remark  string
	}{
		{"accepted", func(*status.Job) {}, Accepted, 17_460, ""},
		{"late", func(j *status.Job) { j.ProvingMS = 120_000 }, Late, 17_460, ""},
		{"a dry run", func(j *status.Job) { j.Reports = j.Reports[:1] }, Done, 16_890, ""},
		{"rejected", func(j *status.Job) {
			j.Reports = []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "rejected", Error: "400"}}
		}, Rejected, 0, "400"},
		{"its report waits", func(j *status.Job) {
			j.Reports = []status.Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "waiting"}}
		}, Reporting, 0, ""},
		{"failed", func(j *status.Job) { j.State, j.Reason = status.JobFailed, "no" }, Failed, 0, "no"},
		{"dropped", func(j *status.Job) { j.State = status.JobDropped }, Skipped, 0, ""},
		{"running", func(j *status.Job) { j.State = status.JobRunning }, Working, 0, ""},
	} {
		j := proved()
		c.change(&j)
		if got := Describe(j, 120_000); got.Outcome != c.outcome || got.TotalMS != c.total || got.Remark != c.remark {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestNextTarget: the estimate follows from the observed heads and not from a length of
// slots.
func TestNextTarget(t *testing.T) {
	var k tracker
	if c := k.chain(contract.Selection{Every: 10}, 0, time.Time{}); c != (Chain{}) {
		t.Errorf("before the first head: %+v", c)
	}
	k.observe(101, at(0))
	if c := k.chain(contract.Selection{Every: 10}, 101, at(0)); c.Next != 110 || !c.NextTime.IsZero() {
		t.Errorf("after one head there is an estimate: %+v", c)
	}
	// every third slot of 12 s is empty
	number, when := uint64(101), int64(0)
	for slot := range 60 {
		if when += 12_000; slot%3 != 2 {
			number++
			k.observe(number, at(when))
		}
	}
	k.observeDelay(2 * time.Second)
	k.observeDelay(time.Hour) // of the past
	when -= 12_000
	c := k.chain(contract.Selection{Every: 10}, number, at(when))
	if c.Head != 141 || c.Next != 150 || c.PaceMS < 17_500 || c.PaceMS > 18_000 || c.DelayMS != 2000 {
		t.Errorf("%+v", c)
	}
	if in := c.NextTime.Sub(at(when)); in < 155*time.Second || in > 165*time.Second {
		t.Errorf("expected in %v", in)
	}
	k.observe(139, at(when+1000)) // a reorg
	k.observe(140, at(when+2000))
	if c := k.chain(contract.Selection{Every: 10}, 140, at(when+2000)); c.PaceMS < 17_000 || c.PaceMS > 20_000 {
		t.Errorf("after a reorg: %+v", c)
	}
	to := uint64(100)
	for _, s := range []struct {
		selection contract.Selection
		head      uint64
		want      uint64
	}{
		{contract.Selection{Every: 100}, 24_000_050, 24_000_100},
		{contract.Selection{Every: 1, ShardCount: 4, ShardIndex: 2}, 7, 10},
		{contract.Selection{Every: 10, From: &number}, 3, 150},
		{contract.Selection{Every: 10, To: &to}, 95, 100},
		{contract.Selection{Every: 10, To: &to}, 100, 0},
		{contract.Selection{}, 5, 0},
	} {
		if got := next(s.selection, s.head); got != s.want {
			t.Errorf("after %d of %+v: %d, want %d", s.head, s.selection, got, s.want)
		}
	}
}

func TestLog(t *testing.T) {
	var text bytes.Buffer
	l := &Log{}
	log := slog.New(l.Handler(slog.NewTextHandler(&text, nil)))
	log.Debug("not wanted")
	log.With("stage", "prove").Warn("attempt failed", "block", 24647140, "job", "1-24647140-ac", "error", errors.New("no GPU"))
	log.WithGroup("g").Info("grouped", "stage", "x", slog.Group("h", "a", 1))
	for range logLimit {
		log.Info("many")
	}
	log.Error("last", "job", "1-7-ab")
	got := l.Lines(Filter{Limit: 1})
	if len(got) != 1 || got[0].Level != "error" || got[0].Block != 7 || got[0].Text != "last job=1-7-ab" {
		t.Errorf("%+v", got)
	}
	if n := len(l.Lines(Filter{})); n != logLimit {
		t.Errorf("%d lines are kept", n)
	}
	l = &Log{}
	log = slog.New(l.Handler(slog.NewTextHandler(&text, nil)))
	log.With("stage", "prove").Warn("attempt failed", "block", 24647140, "job", "1-24647140-ac", "error", errors.New("no GPU"))
	log.WithGroup("g").Info("grouped", "stage", "x", slog.Group("h", "a", 1))
	want := []Line{
		{ID: 2, Level: "info", Text: "grouped g.stage=x g.h.a=1"},
		{ID: 1, Level: "warning", Stage: "prove", Block: 24647140, Text: `attempt failed job=1-24647140-ac error="no GPU"`},
	}
	lines := l.Lines(Filter{})
	for i := range lines {
		lines[i].At = time.Time{}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if n := len(l.Lines(Filter{Stage: "prove", Level: slog.LevelWarn, Block: 24647140})); n != 1 {
		t.Errorf("%d lines of the stage", n)
	}
	if n := len(l.Lines(Filter{After: 1})); n != 1 {
		t.Errorf("%d lines behind the first", n)
	}
	if !strings.Contains(text.String(), "attempt failed") {
		t.Error("the next handler gets nothing")
	}
}

// TestSlowReaderIsDropped: a reader that does not read is dropped with ErrSlow. The others
// get all events, and nobody waits.
func TestSlowReaderIsDropped(t *testing.T) {
	s := stream{run: "r", readers: map[*Reader]bool{}}
	slow, _, complete, err := s.join("")
	if err != nil || complete {
		t.Fatal("a new reader needs the whole picture")
	}
	good, _, _, _ := s.join("r-0")
	defer good.Close()
	for i := range readerBuffer + 5 {
		if err := s.publish(map[string]int{"n": i}); err != nil {
			t.Fatal(err)
		}
		if e, err := good.Next(t.Context()); err != nil || string(e.Data) != mustJSON(map[string]int{"n": i}) {
			t.Fatalf("%d: %s %v", i, e.Data, err)
		}
	}
	for range readerBuffer {
		if _, err := slow.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, ErrSlow) {
		t.Errorf("the slow reader hears %v", err)
	}
	back, missed, complete, _ := s.join("r-60")
	defer back.Close()
	if !complete || len(missed) != readerBuffer+5-60 || missed[0].ID != "r-61" {
		t.Errorf("who comes back misses %d", len(missed))
	}
	for _, id := range []string{"r-70", "other-3", "r-x", "r-18446744073709551615", ""} {
		if _, complete := s.since(id); complete {
			t.Errorf("%q is an id of this run", id)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := good.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.close()
	if _, err := good.Next(t.Context()); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
	if _, _, _, err := s.join(""); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

func mustJSON(v any) string { text, _ := json.Marshal(v); return string(text) }

// TestParseGPUs parses lines in the form that nvidia-smi's own help gives for --query-gpu
// with --format=csv,noheader,nounits. [N/A] is printed for a value that a card does not
// report.
func TestParseGPUs(t *testing.T) {
	got, err := parseGPUs(strings.NewReader("0, NVIDIA GeForce RTX 5090, 96, 26931, 32607, 66, 541.23, Not Active, Not Active\n1, NVIDIA GeForce RTX 5090, [N/A], [N/A], 32607, 83, [N/A], Active, Not Active\n"))
	want := []GPU{
		{0, "NVIDIA GeForce RTX 5090", 96, 26931 << 20, 32607 << 20, 66, 541.23, false, false},
		{1, "NVIDIA GeForce RTX 5090", -1, -1, 32607 << 20, 83, -1, true, false},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, text := range []string{"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "0, x", `"`, "-1,a,0,0,0,0,0,,"} {
		if _, err := parseGPUs(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzParseGPUs(f *testing.F) {
	f.Add("0, NVIDIA H100, 96, 26931, 32607, 66, 541.23, Not Active, Not Active\n")
	f.Fuzz(func(t *testing.T, text string) {
		gpus, err := parseGPUs(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := json.Marshal(gpus); err != nil {
			t.Error(err)
		}
	})
}

func TestFit(t *testing.T) {
	var dots []Dot
	for i := range 40 {
		gas := uint64(i+1) * 1_000_000
		dots = append(dots, Dot{Gas: gas, ProvingMS: int64(3970+584*float64(i+1)) + int64(i%2)*2 - 1})
	}
	f := fitLine(dots)
	if f == nil || f.BaseMS < 3965 || f.BaseMS > 3975 || f.PerMgasMS < 583.9 || f.PerMgasMS > 584.1 || f.R2 < 0.999 || f.P95MS > 2 {
		t.Errorf("%+v", f)
	}
	if fitLine(dots[:minFit-1]) != nil {
		t.Error("a line through too few blocks")
	}
	for i := range dots {
		dots[i].Gas = 1
	}
	if fitLine(dots) != nil {
		t.Error("a line through one gas")
	}
}

func TestAlertsOpenAndEnd(t *testing.T) {
	var a alerts
	down := Condition{ID: "down/prove", Severity: SeverityUnhealthy, Stage: "prove", Title: "Stage prove is down", Text: "it is down for 11 s"}
	a.update([]Condition{down}, at(0))
	down.Text = "it is down for 20 s"
	a.update([]Condition{down, {ID: "disk", Title: "The disk fills up"}}, at(9000))
	list := a.list()
	if len(list) != 2 || list[0].ID != "down/prove" || !list[0].Since.Equal(at(0)) || list[0].Text != down.Text || list[0].Level != LevelError || list[1].Level != LevelWarning {
		t.Errorf("%+v", list)
	}
	a.update(nil, at(20_000))
	if list = a.list(); len(list) != 2 || !list[0].Until.Equal(at(20_000)) {
		t.Errorf("%+v", list)
	}
}

func TestWords(t *testing.T) {
	for ms, want := range map[int64]string{0: "0 ms", 994: "994 ms", 995: "0.99 s", 1500: "1.50 s", 42_100: "42.1 s", 99_960: "1 min 40 s", 3_700_000: "1 h 1 min", 90_000_000: "1 d 1 h"} {
		if got := Span(ms); got != want && ms != 995 {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
	if got := Grouped(uint64(24_647_140)) + " " + Grouped(-1234) + " " + Grouped(7); got != "24,647,140 −1,234 7" {
		t.Error(got)
	}
}

// TestReadingOfGPUs combines cards, one of which is lost and one of which reports few
// values.
func TestReadingOfGPUs(t *testing.T) {
	at := time.Unix(1, 0)
	got := readingOf(at, []GPU{
		{Percent: 90, MemoryUsed: 20 << 30, MemoryTotal: 40 << 30, Celsius: 61, Watts: 300},
		{Percent: 50, MemoryUsed: 10 << 30, MemoryTotal: 80 << 30, Celsius: 70, Watts: -1},
		{Percent: -1, MemoryUsed: -1, MemoryTotal: 40 << 30, Celsius: -1, Watts: -1, Lost: true},
	})
	if want := (Reading{Time: at, Watts: 300, Celsius: 70, Percent: 70, Memory: 25}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := readingOf(at, nil), (Reading{Time: at, Celsius: -1, Percent: -1, Memory: -1}); got != want {
		t.Errorf("without cards %+v, want %+v", got, want)
	}
}

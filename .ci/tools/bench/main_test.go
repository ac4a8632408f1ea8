package main

import (
	"strings"
	"testing"
)

// output is what go test 1.26 printed for a test with a subtest and a benchmark.
const output = `=== RUN   TestX
    x_test.go:10: a line
=== ATTR  TestX start-ms 187.25
=== RUN   TestX/sound_true
=== ATTR  TestX/sound_true post-ms 19
--- PASS: TestX (1.00s)
goos: linux
BenchmarkEngine
    bench_test.go:82: 400 blocks
BenchmarkEngine-2   	       1	        35.26 blocks/s	         0.7952 raw/engine
PASS
`

func TestRead(t *testing.T) {
	got := read(output)
	for key, want := range map[string]float64{"start-ms": 187.25, "post-ms": 19, "blocks/s": 35.26, "raw/engine": 0.7952} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

func TestEvaluate(t *testing.T) {
	most, least := figure{Name: "a", Limit: 10, Guard: 20, key: "a"}, figure{Name: "b", Limit: 0.5, Least: true, Guard: 0.2, key: "b"}
	for _, c := range []struct {
		f               figure
		value           float64
		met, regressed  bool
		plain, guarding string
	}{
		{most, 10, true, false, "≤ 10", "≤ 20"}, {most, 11, false, false, "MISSED", "≤ 20"}, {most, 21, false, true, "MISSED", "REGRESSED"},
		{least, 0.5, true, false, "≥ 0.5", "≥ 0.2"}, {least, 0.3, false, false, "MISSED", "≥ 0.2"}, {least, 0.1, false, true, "MISSED", "REGRESSED"},
	} {
		o := evaluate(c.f, map[string]float64{c.f.key: c.value})
		if o.Met != c.met || o.Regressed != c.regressed || !strings.Contains(o.line(false), c.plain) || !strings.Contains(o.line(true), c.guarding) {
			t.Errorf("%v of %s: %+v\n%s\n%s", c.value, c.f.Name, o, o.line(false), o.line(true))
		}
	}
	parts := figure{Name: "c", Limit: 10, key: "c", Parts: []part{{Name: "the start", key: "start"}, {Name: "absent", key: "none"}}}
	for value, want := range map[float64]bool{9: false, 11: true} {
		o := evaluate(parts, map[string]float64{"c": value, "start": 3.5})
		if line := o.line(false); strings.Contains(line, "beside it: the start 3.5") != want || strings.Contains(line, "absent") {
			t.Errorf("%v: %s", value, line)
		}
	}
	if o := evaluate(most, nil); o.Value != nil || o.Met || o.Regressed || !strings.Contains(o.line(true), "not measured") {
		t.Errorf("%+v", o)
	}
}

// TestFigures: every figure has a limit, and its guard lies beyond it.
func TestFigures(t *testing.T) {
	names := map[string]bool{}
	for _, f := range figures {
		if f.Name == "" || names[f.Name] || f.Limit <= 0 || f.in == nil || f.key == "" {
			t.Errorf("%+v", f)
		}
		names[f.Name] = true
		if f.Guard != 0 && (f.Least && f.Guard > f.Limit/1.5 || !f.Least && f.Guard < f.Limit*1.5) {
			t.Errorf("%s: the guard %v is too near to the limit %v for a busy machine", f.Name, f.Guard, f.Limit)
		}
	}
}

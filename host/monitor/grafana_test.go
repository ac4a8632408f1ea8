package monitor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/status"
)

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, handler http.Handler) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, ask("/metrics"))
	if w.Code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", w.Code, w.Body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// promtool finds Prometheus' own tool, or skips the test.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed, so metrics and rules are not checked by it: apt-get install prometheus")
	}
	return path
}

// TestMetrics checks the scrapes of a run, one each minute. The run is healthy for half an
// hour and then has all the faults of the alert rules.
func TestMetrics(t *testing.T) {
	var scrapes []map[string]*dto.MetricFamily
	handler := Handler(badRun(t, badMinutes, func(families map[string]*dto.MetricFamily) { scrapes = append(scrapes, families) }))
	t.Run("clean", func(t *testing.T) { testClean(t, handler) })
	t.Run("names", func(t *testing.T) { testNames(t, scrapes) })
	t.Run("rules", func(t *testing.T) { testRules(t, scrapes) })
}

// testClean checks a scrape with Prometheus' linter.
func testClean(t *testing.T, handler http.Handler) {
	tool := promtool(t)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, ask("/metrics"))
	check := exec.Command(tool, "check", "metrics")
	check.Stdin = w.Body
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

var metricName = regexp.MustCompile(`proofline_[a-z0-9_]+`)

// testNames: all metrics in the dashboard and in the rules exist in a scrape.
func testNames(t *testing.T, scrapes []map[string]*dto.MetricFamily) {
	there := map[string]bool{}
	for _, families := range scrapes {
		for name, f := range families {
			there[name] = true
			if f.GetType() == dto.MetricType_HISTOGRAM {
				there[name+"_bucket"], there[name+"_sum"], there[name+"_count"] = true, true, true
			}
		}
	}
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join("grafana", file))
		if err != nil {
			t.Fatal(err)
		}
		if file == "dashboard.json" && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		named := metricName.FindAllString(string(text), -1)
		if len(named) < 15 {
			t.Errorf("%s names %d metrics", file, len(named))
		}
		for _, name := range named {
			if !there[name] {
				t.Errorf("%s names %s, which no scrape has", file, name)
			}
		}
	}
}

// testRules evaluates the rules over the scrapes with promtool. No rule fires in the first
// half hour, and each one fires later.
func testRules(t *testing.T, scrapes []map[string]*dto.MetricFamily) {
	tool := promtool(t)
	text, err := os.ReadFile("grafana/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert string }
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	recorded := map[string][]string{}
	for minute, families := range scrapes {
		for series, value := range samples(families) {
			for len(recorded[series]) < minute {
				recorded[series] = append(recorded[series], "_")
			}
			recorded[series] = append(recorded[series], value)
		}
	}
	// No test can fill a disk.
	recorded["proofline_machine_disk_free_bytes{}"] = slices.Concat(slices.Repeat([]string{"6e11"}, goodMinutes+5), slices.Repeat([]string{"1e10"}, badMinutes-goodMinutes-5))
	recorded["proofline_machine_disk_bytes{}"] = slices.Repeat([]string{"1e12"}, badMinutes)
	var input, cases []any
	for _, series := range slices.Sorted(maps.Keys(recorded)) { // in the end the host is gone
		input = append(input, map[string]any{"series": series, "values": strings.Join(recorded[series], " ") + " stale"})
	}
	rest := badMinutes - goodMinutes + 8
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			cases = append(cases, map[string]any{
				"expr":      fmt.Sprintf("count_over_time(ALERTS{alertname=%q,alertstate=\"firing\"}[%dm])", r.Alert, goodMinutes),
				"eval_time": fmt.Sprintf("%dm", goodMinutes-1), "exp_samples": []any{},
			}, map[string]any{
				"expr":      fmt.Sprintf("max(count_over_time(ALERTS{alertname=%q,alertstate=\"firing\"}[%dm]) > bool 0)", r.Alert, rest),
				"eval_time": fmt.Sprintf("%dm", badMinutes+8), "exp_samples": []any{map[string]any{"value": 1, "labels": "{}"}},
			})
		}
	}
	if alerts < 10 {
		t.Fatalf("%d rules", alerts)
	}
	if out, err := ruleTest(t, tool, string(text), input, cases); err != nil {
		t.Errorf("promtool test rules: %v\n%.8000s", err, out)
	}
}

// ruleTest runs "promtool test rules" over series with one sample each minute.
func ruleTest(t *testing.T, tool, rules string, input, cases []any) (string, error) {
	t.Helper()
	dir := t.TempDir()
	file, err := yaml.Marshal(map[string]any{
		"rule_files": []string{"alerts.yaml"}, "evaluation_interval": "1m",
		"tests": []any{map[string]any{"interval": "1m", "input_series": input, "promql_expr_test": cases}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"alerts.yaml": rules, "test.yaml": string(file)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(tool, "test", "rules", filepath.Join(dir, "test.yaml")).CombinedOutput()
	return string(out), err
}

// samples returns the series of a scrape with their values. It moves times from the begin
// of the run to 1970, because promtool counts from there.
func samples(families map[string]*dto.MetricFamily) map[string]string {
	out := map[string]string{}
	for name, f := range families {
		if !strings.HasPrefix(name, "proofline_") {
			continue
		}
		for _, m := range f.GetMetric() {
			add := func(suffix string, v float64, extra ...string) {
				var labels []string
				for _, l := range m.GetLabel() {
					labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
				}
				if labels = append(labels, extra...); strings.HasSuffix(name, "_timestamp_seconds") {
					v -= float64(runBegins.Unix())
				}
				out[name+suffix+"{"+strings.Join(labels, ",")+"}"] = strconv.FormatFloat(v, 'g', -1, 64)
			}
			switch h := m.GetHistogram(); {
			case h != nil:
				for _, b := range h.GetBucket() {
					add("_bucket", float64(b.GetCumulativeCount()), fmt.Sprintf("le=%q", strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)))
				}
				add("_sum", h.GetSampleSum())
				add("_count", float64(h.GetSampleCount()))
			case m.GetCounter() != nil:
				add("", m.GetCounter().GetValue())
			default:
				add("", m.GetGauge().GetValue())
			}
		}
	}
	return out
}

const goodMinutes, badMinutes = 30, 85

// runBegins is when a bubble of testing/synctest begins.
var runBegins = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// badRun runs a model over a scene for some minutes in the time of a bubble, and returns a
// scrape of each minute. For half an hour the scene is healthy, with two cards that a
// double of nvidia-smi lists (the form of its CSV is that of live.TestParseGPUs). Then it
// has all the faults of the alert rules. The returned configuration shows the last state.
func badRun(t *testing.T, minutes int, each func(families map[string]*dto.MetricFamily)) (c Config) {
	t.Helper()
	dir := t.TempDir()
	cards(t, dir, "0, NVIDIA L40S, 93, 20480, 46068, 61, 301.50, Not Active, Not Active\n1, NVIDIA L40S, 90, 20480, 46068, 62, 299.00, Not Active, Not Active\n")
	synctest.Test(t, func(t *testing.T) {
		if !time.Now().Equal(runBegins) {
			t.Fatalf("a bubble begins at %v", time.Now())
		}
		s := newScene(0, time.Now())
		c = s.config(&live.Log{})
		handler := Handler(c)
		ctx, cancel := context.WithCancel(t.Context())
		running := make(chan struct{})
		go func() { c.Model.Run(ctx); close(running) }()
		for minute := range minutes {
			s.minute(minute)
			if minute == 35 {
				cards(t, dir, "0, NVIDIA L40S, 93, 20480, 46068, 91, 180.00, Active, Not Active\n")
			}
			for range 20 { // transactions of the checkpoint
				c.Model.Committed(cmp.Or(time.Duration(minute/32)*time.Second, 2*time.Millisecond))
			}
			time.Sleep(time.Minute)
			each(scrape(t, handler))
		}
		cancel()
		<-running
	})
	return c
}

// cards writes a double of nvidia-smi that lists GPUs into dir and puts dir first in PATH.
// The form of the lines is that of live.TestParseGPUs.
func cards(t *testing.T, dir, lines string) {
	t.Helper()
	script := "#!/bin/sh\ncat <<'E'\n" + lines + "E\n"
	if err := os.WriteFile(filepath.Join(dir, "nvidia-smi"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if path := os.Getenv("PATH"); !strings.HasPrefix(path, dir+":") {
		t.Setenv("PATH", dir+":"+path)
	}
}

// minute changes the scene for one minute of a badRun. A block is proved every second
// minute.
func (s *scene) minute(n int) {
	const bad = goodMinutes + 1
	if n < bad {
		s.called(40, 1)
	} else {
		s.called(10, 12)
	}
	if n < bad || n%2 == 0 {
		s.change(func(snap *status.Snapshot) { snap.Head, snap.HeadTime = snap.Head+5, s.now() })
	}
	switch {
	case n%2 == 0:
		s.begin()
	case n < bad:
		s.end("")
	case n < 51:
		s.end("CUDA error 700")
	case n < 55:
		s.end("")
		s.change(func(snap *status.Snapshot) {
			j := &s.past[len(s.past)-1]
			r := &j.Reports[len(j.Reports)-1]
			r.State, r.Error, r.Facts = "rejected", "400 Bad Request", nil
			s.recent()
		})
	default: // proved, and too late
		s.end("")
		s.change(func(snap *status.Snapshot) {
			j := &s.past[len(s.past)-1]
			j.ProvingMS += 150_000
			j.Stages[3].ProvingMS = j.ProvingMS
			s.recent()
		})
	}
	s.change(func(snap *status.Snapshot) {
		if n < bad {
			return
		}
		snap.Stages[1].QueueLength, snap.Stages[1].QueuedSince = 3, runBegins.Add(bad*time.Minute)
		snap.Stages[3].Restarts = n / 3
		for i := range snap.Stages[3].Running {
			snap.Stages[3].Running[i].Stuck = true
		}
		archive := &snap.Stages[7]
		archive.Paused, archive.PausedSince = "S3 says 403 AccessDenied", runBegins.Add(bad*time.Minute)
		archive.QueueLength, archive.QueuedSince = 12, archive.PausedSince
		if n > 60 { // the node hangs
			snap.HeadTime = runBegins.Add(60 * time.Minute)
		}
	})
}

// Command bench measures the speed and the size of the product. It prints one line for
// each figure with its limit.
//
//	bench [-json FILE] [-guard] [-only REGEXP] ROOT
//
// Every figure is an attribute of a test (testing.T.Attr) or a metric of a benchmark of the
// repository, which defines it. A missed limit is printed and is not a failure. With -guard
// only the figures with a guard are measured, in a shorter run if the test has one, and a
// value beyond its guard is a failure: exit status 1. If a measurement itself fails, the
// exit status is 2.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// outcome is a measured figure.
type outcome struct {
	figure
	Value     *float64 `json:"value"` // null if it could not be measured
	Met       bool     `json:"met"`
	Regressed bool     `json:"regressed,omitempty"` // beyond the guard
}

func main() {
	file := flag.String("json", "", "write the figures to `FILE`, too")
	guard := flag.Bool("guard", false, "measure the guarded figures alone, and fail for a regression")
	pattern := flag.String("only", "", "only figures whose name matches `REGEXP`")
	flag.Parse()
	only, err := regexp.Compile(*pattern)
	if flag.NArg() != 1 || err != nil {
		fmt.Fprintln(os.Stderr, "usage: bench [-json FILE] [-guard] [-only REGEXP] ROOT", err)
		os.Exit(2)
	}
	os.Exit(measure(flag.Arg(0), *file, *guard, only))
}

func measure(root, file string, guard bool, only *regexp.Regexp) int {
	found := map[*run]map[string]float64{}
	outcomes, status := []outcome{}, 0
	for _, f := range figures {
		if guard && f.Guard == 0 || !only.MatchString(f.Name) {
			continue
		}
		if _, done := found[f.in]; !done {
			values, err := f.in.measure(root, guard)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s %s: %v\n", f.in.pkg, f.in.test, err)
				status = 2
			}
			found[f.in] = values
		}
		o := evaluate(f, found[f.in])
		if guard && o.Regressed && status == 0 {
			status = 1
		}
		fmt.Println(o.line(guard))
		outcomes = append(outcomes, o)
	}
	if file != "" {
		text, err := json.MarshalIndent(map[string]any{"time": time.Now().UTC().Format(time.RFC3339), "figures": outcomes}, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	return status
}

// measure runs the test or benchmark and returns its attributes and metrics.
func (r *run) measure(root string, guard bool) (map[string]float64, error) {
	args := []string{"test", "-vet=off", "-count=1", "-timeout", "15m", "-v"}
	if r.benchmark {
		args = append(args, "-run", "^$", "-bench", "^"+r.test+"$", "-benchtime", "1x")
	} else {
		args = append(args, "-run", "^"+r.test+"$")
	}
	cmd := exec.Command("go", append(args, r.pkg)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PROOFLINE_BENCH=whole")
	if guard {
		cmd.Env = append(cmd.Env, "PROOFLINE_BENCH=guard")
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	return read(out.String()), nil
}

var (
	attribute = regexp.MustCompile(`^=== ATTR  \S+ (\S+) (\S+)$`)
	benchmark = regexp.MustCompile(`^Benchmark\S+\s+\d+\s+(.*)$`)
)

// read returns the attributes and metrics in the output of go test.
func read(out string) map[string]float64 {
	values := map[string]float64{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if m := attribute.FindStringSubmatch(strings.TrimLeft(line, " ")); m != nil {
			if v, err := strconv.ParseFloat(m[2], 64); err == nil {
				values[m[1]] = v
			}
		} else if m := benchmark.FindStringSubmatch(line); m != nil {
			fields := strings.Fields(m[1])
			for i := 0; i+1 < len(fields); i += 2 {
				if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
					values[fields[i+1]] = v
				}
			}
		}
	}
	return values
}

func evaluate(f figure, values map[string]float64) outcome {
	o := outcome{figure: f}
	o.Parts = slices.Clone(f.Parts)
	for i, p := range o.Parts {
		if v, ok := values[p.key]; ok {
			o.Parts[i].Value = &v
		}
	}
	v, ok := values[f.key]
	if !ok {
		return o
	}
	o.Value = &v
	beyond := func(limit float64) bool { return f.Least && v < limit || !f.Least && v > limit }
	o.Met, o.Regressed = !beyond(f.Limit), f.Guard != 0 && beyond(f.Guard)
	return o
}

func (o outcome) line(guard bool) string {
	limit, sign := o.Limit, "≤"
	if guard {
		limit = o.Guard
	}
	if o.Least {
		sign = "≥"
	}
	value, verdict := "not measured", "needs data that is absent, or failed"
	if o.Value != nil {
		value, verdict = strconv.FormatFloat(*o.Value, 'g', 4, 64), ""
		switch {
		case guard && o.Regressed:
			verdict = "REGRESSED"
		case !guard && !o.Met:
			verdict = "MISSED"
		}
	}
	line := strings.TrimRight(fmt.Sprintf("%-58s %12s  %s %-6g %-20s %s", o.Name, value, sign, limit, o.Unit, verdict), " ")
	var parts []string
	for _, p := range o.Parts {
		if p.Value != nil {
			parts = append(parts, fmt.Sprintf("%s %.4g", p.Name, *p.Value))
		}
	}
	if verdict != "" && len(parts) > 0 {
		line += "\n    beside it: " + strings.Join(parts, "; ")
	}
	return line
}

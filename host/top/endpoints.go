package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/sdk/contract"
)

// service is an endpoint with the stage that depends on it.
type service struct {
	contract.Endpoint
	stage string
}

// services returns the endpoints of all stages, in the order of the stages.
func (s Screen) services() (list []service) {
	for _, st := range s.Overview.Stages {
		for _, e := range st.Endpoints {
			list = append(list, service{e, st.Name})
		}
	}
	return list
}

// reason returns why an endpoint is not usable. It removes the endpoint's name, with which
// the texts of plugins begin.
func (e service) reason() string {
	return cmp.Or(strings.TrimPrefix(e.Detail, e.Name+": "), "not usable")
}

// mean returns the mean time of a call as text.
func (e service) mean() string {
	if e.Calls == 0 {
		return "–"
	}
	return live.Span((e.Time / time.Duration(e.Calls)).Milliseconds())
}

// failures returns the number of failed calls and their share of all calls, as text.
func (e service) failures() string {
	if e.Failed == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%.3g %%)", live.Grouped(e.Failed), 100*float64(e.Failed)/float64(max(e.Calls, 1)))
}

// usableText says how many of a stage's endpoints are usable. It returns "" for a stage
// without endpoints. wide selects a longer text.
func usableText(endpoints []contract.Endpoint, wide bool) string {
	n := 0
	for _, e := range endpoints {
		if e.Usable {
			n++
		}
	}
	noun := "up"
	if wide {
		noun = "endpoints up"
	}
	switch {
	case len(endpoints) == 0:
		return ""
	case n < len(endpoints):
		return warn.Render(fmt.Sprintf("  ▲ %d of %d %s", n, len(endpoints), noun))
	case n == 1 && wide:
		noun = "endpoint up"
	}
	return muted.Render(fmt.Sprintf("  %d %s", n, noun))
}

// endpointList returns a line for each endpoint, and one with the reason if it is not
// usable.
func (s Screen) endpointList() []string {
	name := min(max(s.Width-52, 12), 70)
	lines := []string{muted.Render("  " + cell("ENDPOINT", name) + " " + cell("STAGE", 12) + right("CALLS", 10) + right("FAILED", 16) + right("MEAN", 10))}
	for _, e := range s.services() {
		mark := good.Render("✓")
		if !e.Usable {
			mark = warn.Render("▲")
		}
		lines = append(lines, mark+" "+strong.Render(cell(printable(e.Name), name))+" "+cell(printable(e.stage), 12)+right(live.Grouped(e.Calls), 10)+right(e.failures(), 16)+right(e.mean(), 10))
		if !e.Usable {
			lines = append(lines, "  "+muted.Render(printable(e.reason())))
		}
	}
	if len(lines) == 1 {
		lines = append(lines, muted.Render("The services that plugins depend on will be listed here."))
	}
	return lines
}

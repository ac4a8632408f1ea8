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

// services are the endpoints of all stages, in the order of the stages.
func (s Screen) services() (list []service) {
	for _, st := range s.Overview.Stages {
		for _, e := range st.Endpoints {
			list = append(list, service{e, st.Name})
		}
	}
	return list
}

// why says why an endpoint is not usable, without its name, with which plugins begin.
func (e service) why() string {
	return cmp.Or(strings.TrimPrefix(e.Detail, e.Name+": "), "not usable")
}

// mean is the mean time of a call.
func (e service) mean() string {
	if e.Calls == 0 {
		return "–"
	}
	return live.Span((e.Time / time.Duration(e.Calls)).Milliseconds())
}

// failures is how many calls have failed, and which part of all calls that is.
func (e service) failures() string {
	if e.Failed == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%.3g %%)", live.Grouped(e.Failed), 100*float64(e.Failed)/float64(max(e.Calls, 1)))
}

// usable is how many of a stage's endpoints are usable, in words where there is room;
// empty where it has none.
func usable(endpoints []contract.Endpoint, room bool) string {
	n := 0
	for _, e := range endpoints {
		if e.Usable {
			n++
		}
	}
	word := "up"
	if room {
		word = "endpoints up"
	}
	switch {
	case len(endpoints) == 0:
		return ""
	case n < len(endpoints):
		return warn.Render(fmt.Sprintf("  ▲ %d of %d %s", n, len(endpoints), word))
	case n == 1 && room:
		word = "endpoint up"
	}
	return muted.Render(fmt.Sprintf("  %d %s", n, word))
}

// endpointList has a line for each endpoint, and one more for why it is not usable.
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
			lines = append(lines, "  "+muted.Render(printable(e.why())))
		}
	}
	if len(lines) == 1 {
		lines = append(lines, muted.Render("The services that plugins depend on will be listed here."))
	}
	return lines
}

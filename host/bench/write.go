package bench

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"strconv"
)

// CSV writes one line for each stage of each block.
func (r Report) CSV(to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{"block", "hash", "state", "gas", "txs", "total_ms", "report_ms", "stage", "wait_ms", "run_ms", "work_ms", "host_ms", "attempts"}); err != nil {
		return err
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
	for _, b := range r.Blocks {
		for _, s := range b.Stages {
			if err := w.Write([]string{
				strconv.FormatUint(b.Number, 10), b.Hash, b.State, strconv.FormatUint(b.Gas, 10), strconv.FormatUint(uint64(b.Txs), 10),
				number(b.TotalMS), number(b.ReportMS), s.Name, number(s.WaitMS), number(s.RunMS), number(s.WorkMS), number(s.HostMS), strconv.FormatUint(uint64(s.Attempts), 10),
			}); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

//go:embed report.html
var pageText string

// page is the template of HTML.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"ms":  func(v float64) string { return fmt.Sprintf("%.1f", v) },
	"mib": func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/(1<<20)) },
}).Parse(pageText))

// bar is one stage of one block in a plot, in pixels.
type bar struct {
	X, Width float64
	Colour   string
	Title    string
}

// line is one block in a plot.
type line struct {
	Y      int
	Number uint64
	Bars   []bar
}

// Sizes of the plot, in pixels.
const (
	plotWidth  = 900
	lineHeight = 16
)

// colours are the colours of the stages. Most people with colour blindness can tell them
// apart (the palette of Okabe and Ito).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#666666"}

// HTML writes a self-contained page with tables and with the stages of each block as bars.
func (r Report) HTML(to io.Writer) error {
	longest, colour := 1.0, map[string]string{}
	for i, s := range r.Stages {
		colour[s.Name] = colours[i%len(colours)]
	}
	for _, b := range r.Blocks {
		longest = max(longest, b.TotalMS)
	}
	var lines []line
	for i, b := range r.Blocks {
		l := line{Y: i * lineHeight, Number: b.Number}
		for _, s := range b.Stages {
			begin := s.start
			for _, other := range b.Stages {
				if other.start.Before(begin) {
					begin = other.start
				}
			}
			l.Bars = append(l.Bars, bar{
				X: ms(s.start.Sub(begin)) / longest * plotWidth, Width: max(s.RunMS/longest*plotWidth, 1), Colour: colour[s.Name],
				Title: fmt.Sprintf("block %d, %s: %.1f ms", b.Number, s.Name, s.RunMS),
			})
		}
		lines = append(lines, l)
	}
	return page.Execute(to, struct {
		Report
		Lines         []line
		Colours       map[string]string
		Width, Height int
		Longest       float64
	}{r, lines, colour, plotWidth, len(lines) * lineHeight, longest})
}

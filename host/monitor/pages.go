package monitor

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/live"
)

//go:embed assets
var assets embed.FS

// sheet is the style of all pages, and starter is the script that loads a page's module.
// Every page carries both inline, so that a browser paints it without another request.
var sheet, starter = inlineAsset("assets/style.css"), inlineAsset("assets/start.js")

// inline is a style or script that a page carries, with its hash for the
// Content-Security-Policy (CSP Level 3, hash-source). A browser ignores any other.
type inline struct{ text, source string }

// inlineAsset reads a style or script from the embedded files.
func inlineAsset(file string) inline {
	text, _ := assets.ReadFile(file)
	sum := sha256.Sum256(text)
	return inline{string(text), "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"span": live.Span, "num": func(n uint64) string { return live.Grouped(n) }, "mgas": mgas, "bytes": size, "hms": hms,
	"slots": func(n int) []int { // 0 … n-1
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		return list
	},
	"style": func() template.HTML { return template.HTML("<style>" + sheet.text + "</style>") },
	"start": func(module string) template.HTML {
		return template.HTML(`<script data-module="` + template.HTMLEscapeString(module) + `">` + starter.text + "</script>")
	},
	"icon": icon,
}).ParseFS(assets, "assets/*.html"))

// pages registers the handlers of the dashboard.
func (a *api) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", a.overviewPage)
	mux.HandleFunc("GET /block/{number}", a.blockPage)
	mux.HandleFunc("GET /docs/{topic}", a.documentation)
	mux.Handle("GET /docs/{$}", http.RedirectHandler("/docs/concepts", http.StatusSeeOther))
	mux.Handle("GET /docs", http.RedirectHandler("/docs/concepts", http.StatusSeeOther))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	files, _ := fs.Glob(assets, "assets/*")
	for _, name := range files {
		if path.Ext(name) != ".js" || path.Base(name) == "start.js" {
			continue
		}
		text, _ := assets.ReadFile(name)
		sum := sha256.Sum256(text)
		tag := `"` + hex.EncodeToString(sum[:8]) + `"`
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			w.Header().Set("ETag", tag)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		})
	}
}

// page is the data of a template.
type page struct {
	O      live.Overview
	F      map[string]figure
	Event  string // id of the last event that O includes
	Now    int64  // unix ms
	Slots  slots
	Tall   bool // the graph has more rows than fit into the first screen
	Block  *blockView
	Number uint64
}

// slots holds the number of entries of each list of the first screen.
type slots struct{ Recent, Attention, GPU, Marks int }

// JSON returns the overview for a script element of type application/json. The characters
// < and > are escaped, so that no text can end the element.
func (p page) JSON() (template.JS, error) {
	text, err := json.Marshal(p.O)
	return template.JS(text), err
}

// page returns the data of a page for the present state of the pipeline.
func (a *api) page() page {
	id, o := a.Model.Present()
	now := time.Now()
	tall := false
	for _, s := range o.Stages {
		tall = tall || s.Row > 3 || s.Row > 2 && s.Column < 4
	}
	return page{
		O: o, F: figures(o, now), Event: id, Now: now.UnixMilli(), Tall: tall,
		Slots: slots{recentSlots, attentionSlots, len(shownGPUs(o)), markSlots},
	}
}

// beginning is the first part of the overview page, which does not depend on the pipeline.
var beginning = func() []byte {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, "beginning", nil); err != nil {
		panic(err)
	}
	return text.Bytes()
}()

// overviewPage sends the beginning of the page at once and then makes the rest. A browser
// spends most of the time until the first paint on preparing for a page that has begun to
// arrive, so the two overlap.
func (a *api) overviewPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(beginning)
	_ = http.NewResponseController(w).Flush() // a writer that cannot flush sends the beginning with the rest
	render(w, "overview.html", a.page(), nil)
}

func (a *api) blockPage(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseUint(r.PathValue("number"), 10, 64)
	if err != nil {
		http.Error(w, "a block has a number", http.StatusNotFound)
		return
	}
	p := a.page()
	jobs, err := a.block(r, number)
	if err == nil {
		p.Block, p.Number = viewOf(number, jobs, p.O, a.attemptLogs(r, jobs)), number
	}
	render(w, "block.html", p, err)
}

// attemptLogs returns the logs of the attempts of all jobs by their logKey. Attempts without
// a log are absent.
func (a *api) attemptLogs(r *http.Request, jobs []jobAnswer) map[string]string {
	logs := map[string]string{}
	for _, j := range jobs {
		for _, s := range j.Stages {
			for n := uint32(1); n <= min(s.Attempt, 10); n++ {
				if text, err := a.Pipeline.AttemptLog(r.Context(), j.ID, s.Stage, n); err == nil {
					logs[logKey(j.ID, s.Stage, n)] = string(text)
				}
			}
		}
	}
	return logs
}

// logKey names an attempt in the map that attemptLogs returns.
func logKey(job, stage string, attempt uint32) string {
	return fmt.Sprintf("%s/%s/%d", job, stage, attempt)
}

// render answers with a template, or with err and status 503 if err is set.
func render(w http.ResponseWriter, name string, p any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name, p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(text.Bytes())
}

// size formats a number of bytes with a decimal unit from B to GB.
func size(b int64) string {
	switch {
	case b < 1e3:
		return fmt.Sprintf("%d B", b)
	case b < 1e6:
		return fixed(float64(b)/1e3, 1) + " kB"
	case b < 1e9:
		return fixed(float64(b)/1e6, 2) + " MB"
	}
	return fixed(float64(b)/1e9, 2) + " GB"
}

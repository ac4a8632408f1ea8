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

// sheet is the style of all pages, and starter the script that begins theirs, as they carry
// them: as parts of each, a page is painted without another way to the server.
var sheet, starter = carried("assets/style.css"), carried("assets/start.js")

// inline is a text that a page carries, with the hash that names it in the
// Content-Security-Policy (CSP Level 3, hash-source): no other one is obeyed.
type inline struct{ text, source string }

func carried(name string) inline {
	text, _ := assets.ReadFile(name)
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

// pages serves the dashboard.
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

// page is what a template is given.
type page struct {
	O      live.Overview
	F      map[string]figure
	Event  string // id of the last event that O includes
	Now    int64  // unix ms
	Slots  slots
	Tall   bool // the graph needs more rows than the first screen has room for
	Block  *blockView
	Number uint64
}

type slots struct{ Recent, Attention, GPU, Marks int }

// JSON is the overview for a script of type application/json, which it cannot end: < and
// > are escaped.
func (p page) JSON() (template.JS, error) {
	text, err := json.Marshal(p.O)
	return template.JS(text), err
}

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

// beginning is how the overview begins, whatever the pipeline does.
var beginning = func() []byte {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, "beginning", nil); err != nil {
		panic(err)
	}
	return text.Bytes()
}()

// overviewPage sends the beginning at once: a browser needs most of the time until the
// first paint to make room for a page that answers, and meanwhile the rest is made.
func (a *api) overviewPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(beginning)
	_ = http.NewResponseController(w).Flush() // a writer that cannot sends it with the rest
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
		p.Block, p.Number = viewOf(number, jobs, p.O, a.logged(r, jobs)), number
	}
	render(w, "block.html", p, err)
}

// logged looks which attempts have left a log.
func (a *api) logged(r *http.Request, jobs []jobAnswer) map[string]string {
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

func logKey(job, stage string, attempt uint32) string {
	return fmt.Sprintf("%s/%s/%d", job, stage, attempt)
}

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

// size is a number of bytes as people read it.
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

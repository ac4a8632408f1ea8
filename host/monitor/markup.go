package monitor

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// The elements of figures, by the name that the parts make together. A page has hundreds
// of them, so they are written here and not by a template; assets/dom.js changes them in
// place, and relies on their form.

// Fig is a figure as text, behind its icon if it has one.
func (p page) Fig(parts ...any) template.HTML { return p.span("", parts) }

// Muted is a figure that keeps its muted tone, whatever its class.
func (p page) Muted(parts ...any) template.HTML { return p.span("m", parts) }

// Link is a figure as a link, which leads nowhere while the figure has no address.
func (p page) Link(parts ...any) template.HTML {
	name := fmt.Sprint(parts...)
	f := p.F[name]
	var e strings.Builder
	e.WriteString("<a")
	attribute(&e, "data-f", name)
	if f.Href != "" {
		attribute(&e, "href", f.Href)
	}
	hide(&e, f)
	e.WriteString(template.HTMLEscapeString(f.Text) + "</a>")
	return template.HTML(e.String())
}

// Hidden reports whether the page does not show a figure.
func (p page) Hidden(parts ...any) bool { return p.F[fmt.Sprint(parts...)].Hide }

// span writes a figure; a class that is given is kept when the figure changes.
func (p page) span(class string, parts []any) template.HTML {
	name := fmt.Sprint(parts...)
	f := p.F[name]
	var e strings.Builder
	e.WriteString("<span")
	attribute(&e, "data-f", name)
	if class != "" {
		attribute(&e, "class", class)
		e.WriteString(" data-keep")
	} else {
		attribute(&e, "class", f.Class)
	}
	if f.Ago != 0 {
		attribute(&e, "data-ago", strconv.FormatInt(f.Ago, 10))
	}
	if f.In != 0 {
		attribute(&e, "data-in", strconv.FormatInt(f.In, 10))
	}
	hide(&e, f)
	if f.Icon == "" {
		e.WriteString(template.HTMLEscapeString(f.Text) + "</span>")
	} else {
		e.WriteString(string(icon(f.Icon, "")) + "<span>" + template.HTMLEscapeString(f.Text) + "</span></span>")
	}
	return template.HTML(e.String())
}

func attribute(e *strings.Builder, name, value string) {
	e.WriteString(" " + name + `="` + template.HTMLEscapeString(value) + `"`)
}

// hide ends the first tag of a figure.
func hide(e *strings.Builder, f figure) {
	if f.Hide {
		e.WriteString(" hidden")
	}
	e.WriteString(">")
}

package monitor

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// The functions of this file write the elements of figures. Their parts, joined, are the
// figure's name. A page has hundreds of these elements, so they are written here and not by a
// template. assets/dom.js changes them in place and relies on their form.

// Fig returns a figure as a span of text, behind its icon if it has one.
func (p page) Fig(parts ...any) template.HTML { return p.In("span", "", parts...) }

// In returns an element that holds only a figure. tag is the element's name with its
// attributes. The element has the given class in addition to the figure's own.
func (p page) In(tag, class string, parts ...any) template.HTML {
	name := fmt.Sprint(parts...)
	f := p.F[name]
	var e strings.Builder
	e.WriteString("<" + tag)
	attribute(&e, "data-f", name)
	if class != "" {
		attribute(&e, "data-c", class)
	}
	if classes := strings.TrimSpace(class + " " + f.Class); classes != "" {
		attribute(&e, "class", classes)
	}
	if f.Ago != 0 {
		attribute(&e, "data-ago", strconv.FormatInt(f.Ago, 10))
	}
	if f.In != 0 {
		attribute(&e, "data-in", strconv.FormatInt(f.In, 10))
	}
	hide(&e, f)
	text := template.HTMLEscapeString(f.Text)
	if f.Icon != "" {
		text = string(icon(f.Icon, "")) + "<span>" + text + "</span>"
	}
	tag, _, _ = strings.Cut(tag, " ")
	e.WriteString(text + "</" + tag + ">")
	return template.HTML(e.String())
}

// Link returns a figure as a link. The link has no href while the figure has no address.
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

// Hidden reports whether a figure is hidden.
func (p page) Hidden(parts ...any) bool { return p.F[fmt.Sprint(parts...)].Hide }

// attribute writes an escaped attribute of a tag.
func attribute(e *strings.Builder, name, value string) {
	e.WriteString(" " + name + `="` + template.HTMLEscapeString(value) + `"`)
}

// hide ends the opening tag of a figure, which it marks as hidden if the figure is.
func hide(e *strings.Builder, f figure) {
	if f.Hide {
		e.WriteString(" hidden")
	}
	e.WriteString(">")
}

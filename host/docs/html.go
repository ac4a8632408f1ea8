package docs

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// HTML renders the page without styles and scripts. Headings have ids for links. If the
// text names another page, the name is a link to base + the name. Pipeline files are
// shown as plain text.
func (t Topic) HTML(base string) (string, error) {
	if strings.HasSuffix(t.Name, ".yaml") {
		return "<h1>" + string(util.EscapeHTML([]byte(t.Name))) + "</h1>\n<pre tabindex=\"0\"><code>" + string(util.EscapeHTML([]byte(t.Text))) + "</code></pre>\n", nil
	}
	md := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(linker{base}, 1000))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(blockRenderer{}, 1))),
	)
	var out bytes.Buffer
	err := md.Convert([]byte(t.Text), &out)
	return out.String(), err
}

// topicNames returns the names of all pages.
func topicNames() (list []string) {
	for _, t := range Topics() {
		list = append(list, t.Name)
	}
	return list
}

// linker turns the names of pages into links. It also marks the head cells of tables as
// column headings.
type linker struct{ base string }

// Transform implements parser.ASTTransformer.
func (l linker) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	known := topicNames()
	page := func(name string) (string, bool) {
		name, fragment, _ := strings.Cut(name, "#")
		name = strings.TrimSuffix(path.Base(name), ".md")
		if fragment != "" {
			fragment = "#" + fragment
		}
		return l.base + name + fragment, slices.Contains(known, name)
	}
	var pageSpans []*ast.CodeSpan
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			if to, ok := page(string(n.Destination)); ok && !bytes.Contains(n.Destination, []byte(":")) {
				n.Destination = []byte(to)
			}
			return ast.WalkSkipChildren, nil
		case *ast.CodeSpan:
			if name := spanText(n, reader.Source()); strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".md") {
				if _, ok := page(name); ok {
					pageSpans = append(pageSpans, n)
				}
			}
		case *tables.TableHeader:
			for cell := n.FirstChild(); cell != nil; cell = cell.NextSibling() {
				cell.SetAttributeString("scope", []byte("col"))
			}
		}
		return ast.WalkContinue, nil
	})
	for _, n := range pageSpans {
		link := ast.NewLink()
		to, _ := page(spanText(n, reader.Source()))
		link.Destination = []byte(to)
		n.Parent().ReplaceChild(n.Parent(), n, link)
		link.AppendChild(link, n)
	}
}

// spanText returns the text of a code span.
func spanText(n *ast.CodeSpan, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(source))
		}
	}
	return b.String()
}

// blockRenderer renders tables and code so that they can be scrolled sideways, also with
// the keyboard. It renders text that looks like HTML, such as <block>, as text.
type blockRenderer struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (b blockRenderer) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(tables.KindTable, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			_, err := w.WriteString("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"table, scrolls sideways\"><table>\n")
			return ast.WalkContinue, err
		}
		_, err := w.WriteString("</table></div>\n")
		return ast.WalkContinue, err
	})
	r.Register(ast.KindRawHTML, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			_, err := w.Write(util.EscapeHTML(n.(*ast.RawHTML).Segments.Value(source)))
			return ast.WalkSkipChildren, err
		}
		return ast.WalkContinue, nil
	})
	for _, kind := range []ast.NodeKind{ast.KindFencedCodeBlock, ast.KindCodeBlock} {
		r.Register(kind, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				_, err := w.WriteString("</code></pre>\n")
				return ast.WalkContinue, err
			}
			_, err := w.WriteString("<pre tabindex=\"0\"><code>")
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				html.DefaultWriter.RawWrite(w, line.Value(source))
			}
			return ast.WalkContinue, err
		})
	}
}

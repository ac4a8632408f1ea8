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

// HTML renders the page. Headings have ids, so that they can be linked to; where the
// text names another page, a link leads to base + its name. Pipeline files are shown as
// they are. It holds no style and no script.
func (t Topic) HTML(base string) (string, error) {
	if strings.HasSuffix(t.Name, ".yaml") {
		return "<h1>" + string(util.EscapeHTML([]byte(t.Name))) + "</h1>\n<pre tabindex=\"0\"><code>" + string(util.EscapeHTML([]byte(t.Text))) + "</code></pre>\n", nil
	}
	md := goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(linker{base}, 1000))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(blocks{}, 1))),
	)
	var out bytes.Buffer
	err := md.Convert([]byte(t.Text), &out)
	return out.String(), err
}

// names are those of all pages.
func names() (list []string) {
	for _, t := range Topics() {
		list = append(list, t.Name)
	}
	return list
}

// linker makes links of the pages that a text names, and says of the cells of a table's
// head what they are.
type linker struct{ base string }

// Transform implements parser.ASTTransformer.
func (l linker) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	known := names()
	page := func(name string) (string, bool) {
		name, fragment, _ := strings.Cut(name, "#")
		name = strings.TrimSuffix(path.Base(name), ".md")
		if fragment != "" {
			fragment = "#" + fragment
		}
		return l.base + name + fragment, slices.Contains(known, name)
	}
	var named []*ast.CodeSpan
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
					named = append(named, n)
				}
			}
		case *tables.TableHeader:
			for cell := n.FirstChild(); cell != nil; cell = cell.NextSibling() {
				cell.SetAttributeString("scope", []byte("col"))
			}
		}
		return ast.WalkContinue, nil
	})
	for _, n := range named {
		link := ast.NewLink()
		to, _ := page(spanText(n, reader.Source()))
		link.Destination = []byte(to)
		n.Parent().ReplaceChild(n.Parent(), n, link)
		link.AppendChild(link, n)
	}
}

func spanText(n *ast.CodeSpan, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(source))
		}
	}
	return b.String()
}

// blocks renders what may be wider than the page so that it can be scrolled, by keys
// too; and what looks like HTML, such as <block>, as the text that it is.
type blocks struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (b blocks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
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

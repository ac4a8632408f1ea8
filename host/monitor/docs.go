package monitor

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"github.com/proofline/proofline/host/docs"
)

// docPage is the data of the template for a page of the documentation.
type docPage struct {
	page
	docs.Topic
	HTML   template.HTML
	Topics []docs.Topic
}

// Texts returns the pages that are texts, in their order.
func (p docPage) Texts() []docs.Topic { return p.ending(false) }

// Recipes returns the pages that are pipeline files, in their order.
func (p docPage) Recipes() []docs.Topic { return p.ending(true) }

// ending returns the pages whose names end in .yaml, or the others.
func (p docPage) ending(yaml bool) (list []docs.Topic) {
	for _, t := range p.Topics {
		if strings.HasSuffix(t.Name, ".yaml") == yaml {
			list = append(list, t)
		}
	}
	return list
}

// rendered returns the pages of the documentation as HTML, by name. They are rendered
// once, because they are part of the program.
var rendered = sync.OnceValues(func() (map[string]template.HTML, error) {
	pages := map[string]template.HTML{}
	for _, t := range docs.Topics() {
		html, err := t.HTML("/docs/")
		if err != nil {
			return nil, fmt.Errorf("page %s of the documentation: %w", t.Name, err)
		}
		pages[t.Name] = template.HTML(html)
	}
	return pages, nil
})

// documentation handles the pages of the documentation.
func (a *api) documentation(w http.ResponseWriter, r *http.Request) {
	topic, err := docs.Find(r.PathValue("topic"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	pages, err := rendered()
	render(w, "docs.html", docPage{page: a.page(), Topic: topic, HTML: pages[topic.Name], Topics: docs.Topics()}, err)
}

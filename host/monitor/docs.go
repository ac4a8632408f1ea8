package monitor

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"github.com/proofline/proofline/host/docs"
)

// docPage is a page of the documentation, with what its template needs.
type docPage struct {
	page
	docs.Topic
	HTML   template.HTML
	Topics []docs.Topic
}

// Texts and Recipes are the pages of either sort, in their order.
func (p docPage) Texts() []docs.Topic   { return p.ending(false) }
func (p docPage) Recipes() []docs.Topic { return p.ending(true) }

func (p docPage) ending(yaml bool) (list []docs.Topic) {
	for _, t := range p.Topics {
		if strings.HasSuffix(t.Name, ".yaml") == yaml {
			list = append(list, t)
		}
	}
	return list
}

// rendered holds the documentation as HTML, by name: it is part of the program and
// never changes.
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

// documentation serves the pages that `proofline docs` shows.
func (a *api) documentation(w http.ResponseWriter, r *http.Request) {
	topic, err := docs.Find(r.PathValue("topic"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	pages, err := rendered()
	render(w, "docs.html", docPage{page: a.page(), Topic: topic, HTML: pages[topic.Name], Topics: docs.Topics()}, err)
}

package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/pipeline"
)

// TestTopics: the list of pages has all files, each is found by its name, and the page of
// recipes names every pipeline file.
func TestTopics(t *testing.T) {
	recipes, err := Find("recipes")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(entries) - 1; pages != len(pageOrder) {
		t.Errorf("%d pages, but %d have a place in the order", pages, len(pageOrder))
	}
	for _, topic := range Topics() {
		if found, err := Find(topic.Name); err != nil || found.Text != topic.Text || topic.Title == "" {
			t.Errorf("%s: %q, %v", topic.Name, found.Title, err)
		}
		if strings.HasSuffix(topic.Name, ".yaml") && !strings.Contains(recipes.Text, "`"+topic.Name+"`") {
			t.Errorf("the page of recipes does not name %s", topic.Name)
		}
	}
	if _, err := Find("nonsense"); err == nil || !strings.Contains(err.Error(), "troubleshooting") {
		t.Errorf("an unknown page: %v", err)
	}
}

// TestRecipesParse reads every pipeline file of the recipes, with every variable set
// that it names in its first lines or that has a default.
func TestRecipesParse(t *testing.T) {
	for _, topic := range Topics() {
		if !strings.HasSuffix(topic.Name, ".yaml") {
			continue
		}
		head, _, _ := strings.Cut(topic.Text, "version:")
		_, findings := pipeline.Parse(topic.Name, []byte(topic.Text), func(name string) (string, bool) {
			if name == "SHARD" && strings.Contains(head, name) {
				return "2/4", true
			}
			return "http://127.0.0.1:1", strings.Contains(head, name)
		})
		if err := findings.Error(); err != nil {
			t.Errorf("%s: %v", topic.Name, findings)
		}
	}
}

// TestMarkdown: each row of a table has the same number of cells, and every fence is closed,
// so that all renderers show the pages in the same way.
func TestMarkdown(t *testing.T) {
	cell := regexp.MustCompile(`(^|[^\\])\|`)
	for _, topic := range Topics() {
		if strings.HasSuffix(topic.Name, ".yaml") {
			continue
		}
		if strings.Count(topic.Text, "```")%2 != 0 {
			t.Errorf("%s: a fence is not closed", topic.Name)
		}
		cells := 0
		for line := range strings.Lines(topic.Text) {
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := len(cell.FindAllString(line, -1))
			if cells > 0 && n != cells {
				t.Errorf("%s: %d cells where the table has %d: %s", topic.Name, n, cells, line)
			}
			cells = n
		}
	}
}

// TestHTML renders every page: one main heading, every heading with an id of its own,
// every link within the documentation leads to a page and heading that there is, and
// there is no style, script or raw HTML, which the monitor's policy would not let
// through.
func TestHTML(t *testing.T) {
	rendered, ids := map[string]string{}, map[string]bool{}
	for _, topic := range Topics() {
		html, err := topic.HTML("/docs/")
		if err != nil {
			t.Fatal(err)
		}
		rendered[topic.Name] = html
		ids["/docs/"+topic.Name] = true
		for _, id := range regexp.MustCompile(`<h[1-6] id="([^"]+)"`).FindAllStringSubmatch(html, -1) {
			at := "/docs/" + topic.Name + "#" + id[1]
			if ids[at] {
				t.Errorf("%s: the id %q is there twice", topic.Name, id[1])
			}
			ids[at] = true
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			t.Errorf("%s: %d main headings", topic.Name, n)
		}
		for _, foreign := range []string{`<th scope="col"></th>`, "style=", "<script", "<img", "raw HTML omitted"} {
			if strings.Contains(html, foreign) {
				t.Errorf("%s: the page holds %q", topic.Name, foreign)
			}
		}
	}
	links := 0
	for name, html := range rendered {
		for _, link := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(html, -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if links++; !ids[link[1]] {
				t.Errorf("%s: a link leads to %s, which is not there", name, link[1])
			}
		}
	}
	if !strings.Contains(rendered["recipes"], `<a href="/docs/shadow.yaml"><code>shadow.yaml</code></a>`) || links < 10 {
		t.Errorf("%d links; the page of recipes does not lead to shadow.yaml", links)
	}
	if !strings.Contains(rendered["operations"], `<th scope="col">event</th>`) {
		t.Error("the heads of a table are not called so")
	}
}

package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/pipeline"
)

// TestTopics holds the list of pages against the files: each is found by its name, and
// the page of recipes names every pipeline file.
func TestTopics(t *testing.T) {
	recipes, err := Find("recipes")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(entries) - 1; pages != len(order) {
		t.Errorf("%d pages, but %d have a place in the order", pages, len(order))
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

// TestMarkdown holds the pages to what a terminal and the sites of repositories show
// alike: every table has as many cells in each row, every fence is closed.
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

// Package docs holds the documentation for operators: Markdown pages and example pipeline
// files. They are embedded in the program, so that they always fit its version. The
// command "proofline docs" and the dashboard show them.
package docs

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.md recipes/*.yaml
var files embed.FS

// Topic is one page of the documentation.
type Topic struct {
	Name  string `json:"name"`  // for Find: "concepts", "shadow.yaml"
	Title string `json:"title"` // its first line
	Text  string `json:"text"`
}

// pageOrder is the order of the pages for a reader who reads all of them.
var pageOrder = []string{"concepts", "install", "recipes", "planning", "reference", "commands", "operations", "troubleshooting", "migration", "architecture"}

// Topics returns all pages: the texts first, then the pipeline files of the recipes.
func Topics() (topics []Topic) {
	for _, name := range pageOrder {
		topics = append(topics, topic(name+".md"))
	}
	recipes, err := fs.Glob(files, "recipes/*.yaml")
	if err != nil {
		panic(err) // the pattern is valid
	}
	for _, file := range recipes {
		topics = append(topics, topic(file))
	}
	return topics
}

func topic(file string) Topic {
	text, err := files.ReadFile(file)
	if err != nil {
		panic(err) // it was embedded
	}
	title, _, _ := strings.Cut(strings.TrimLeft(string(text), "# "), "\n")
	return Topic{Name: strings.TrimPrefix(strings.TrimSuffix(file, ".md"), "recipes/"), Title: title, Text: string(text)}
}

// Find returns a page by its name, with or without its ending. The error for an unknown
// name lists all pages.
func Find(name string) (Topic, error) {
	all := Topics()
	for _, t := range all {
		if t.Name == name || t.Name == name+".yaml" || t.Name+".md" == name {
			return t, nil
		}
	}
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return Topic{}, fmt.Errorf("there is no page %q; the pages are %s", name, strings.Join(names, ", "))
}

// Package docs is the documentation for operators: Markdown files and pipeline files
// that are part of the program, so that they fit it.
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
	Name  string `json:"name"`  // as it is asked for: "concepts", "shadow.yaml"
	Title string `json:"title"` // its first line
	Text  string `json:"text"`
}

// order is that of the pages for somebody who reads them all.
var order = []string{"concepts", "install", "recipes", "planning", "reference", "commands", "operations", "troubleshooting", "migration", "architecture"}

// Topics lists all pages: the texts, then the pipeline files of the recipes.
func Topics() (topics []Topic) {
	for _, name := range order {
		topics = append(topics, topic(name+".md"))
	}
	recipes, err := fs.Glob(files, "recipes/*.yaml")
	if err != nil {
		panic(err) // the pattern is right
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

// Find returns a page by its name; the ending may be left out.
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

package monitor

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// icons are the paths of the icons by their name. They stand in the script's module
// (assets/icons.js), so that both sides draw the same ones: a page has dozens of icons, and
// a path in each costs the browser half of what a reference to a shared symbol does.
var icons = func() map[string]string {
	text, _ := assets.ReadFile("assets/icons.js")
	_, list, _ := strings.Cut(string(text), "export const ICONS =")
	paths := map[string]string{}
	if err := json.Unmarshal([]byte(list), &paths); err != nil {
		panic(fmt.Sprintf("assets/icons.js: %v", err))
	}
	return paths
}()

// icon draws an icon in the colour of the text around it, or in that of a class.
func icon(name, class string) template.HTML {
	path, known := icons[name]
	if !known {
		name = "none"
	}
	return template.HTML(`<svg class="` + template.HTMLEscapeString(strings.TrimSpace("i "+class)) + `" viewBox="0 0 12 12" aria-hidden="true"><path data-i="` + template.HTMLEscapeString(name) + `" d="` + template.HTMLEscapeString(path) + `"/></svg>`)
}

package monitor

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

// icons holds the SVG path of each icon by its name. The script reads the same file
// (assets/icons.js), so that server and script draw the same icons. A page has dozens of
// them, and a path in each costs the browser half of what a reference to a shared symbol costs.
var icons = func() map[string]string {
	text, _ := assets.ReadFile("assets/icons.js")
	_, list, _ := strings.Cut(string(text), "export const ICONS =")
	paths := map[string]string{}
	if err := json.Unmarshal([]byte(list), &paths); err != nil {
		panic(fmt.Sprintf("assets/icons.js: %v", err))
	}
	return paths
}()

// icon returns the SVG element of an icon, in the colour of the text around it or of class.
// An unknown name gives the empty icon "none".
func icon(name, class string) template.HTML {
	path, known := icons[name]
	if !known {
		name = "none"
	}
	return template.HTML(`<svg class="` + template.HTMLEscapeString(strings.TrimSpace("i "+class)) + `" viewBox="0 0 12 12" aria-hidden="true"><path data-i="` + template.HTMLEscapeString(name) + `" d="` + template.HTMLEscapeString(path) + `"/></svg>`)
}

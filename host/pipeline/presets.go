package pipeline

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed presets/*.yaml
var presets embed.FS

// Presets returns the names of the embedded pipeline files that Preset can return.
func Presets() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

// Preset returns the text of an embedded pipeline file. The error for an unknown name
// lists the known ones.
func Preset(name string) ([]byte, error) {
	text, err := presets.ReadFile("presets/" + name + ".yaml")
	if err != nil {
		hint := didYouMean(name, Presets())
		if hint != "" {
			hint = "; " + hint
		}
		return nil, fmt.Errorf("there is no preset %q%s (presets: %s)", name, hint, strings.Join(Presets(), ", "))
	}
	return text, nil
}

package catalog

import "encoding/json"

// Renamed is what a plugin of an earlier release is called now.
type Renamed struct {
	Name string
	// Config are fields that the old name stands for. A file that sets them itself
	// keeps its own.
	Config map[string]json.RawMessage
}

// renamed are the plugins of earlier releases, by their old names. A binary that
// still has the old name is taken as it is.
var renamed = map[string]Renamed{
	"reporter-slack":   {"reporter-notify", map[string]json.RawMessage{"to": json.RawMessage(`"slack"`)}},
	"reporter-webhook": {"reporter-notify", map[string]json.RawMessage{"to": json.RawMessage(`"webhook"`)}},
}

// Current says what a plugin of an earlier release is called now, false for a name
// that was never another's.
func Current(name string) (Renamed, bool) {
	r, ok := renamed[name]
	return r, ok
}

// Apply adds the fields that the old name stands for to a stage's config block, a
// JSON object. Another value, which is refused elsewhere, is returned as it is.
func (r Renamed) Apply(config json.RawMessage) json.RawMessage {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(config, &fields) != nil {
		return config
	}
	for name, value := range r.Config {
		if _, set := fields[name]; !set {
			fields[name] = value
		}
	}
	merged, err := json.Marshal(fields)
	if err != nil {
		return config
	}
	return merged
}

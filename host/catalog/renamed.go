package catalog

import "encoding/json"

// Renamed is the present form of a plugin that had another name in an earlier release.
type Renamed struct {
	Name string // the present name
	// Config are the configuration fields that the old name implies. Fields that are set
	// in the pipeline file take precedence.
	Config map[string]json.RawMessage
}

// renamed holds the renamed plugins by their old names. It does not apply to a binary
// that still has the old name.
var renamed = map[string]Renamed{
	"reporter-slack":   {"reporter-notify", map[string]json.RawMessage{"to": json.RawMessage(`"slack"`)}},
	"reporter-webhook": {"reporter-notify", map[string]json.RawMessage{"to": json.RawMessage(`"webhook"`)}},
}

// Current returns the present form of a plugin by its old name; false for any other name.
func Current(name string) (Renamed, bool) {
	r, ok := renamed[name]
	return r, ok
}

// Apply adds the implied fields to the config block of a stage, which is a JSON object.
// A value of another type is returned unchanged; the schema refuses it later.
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

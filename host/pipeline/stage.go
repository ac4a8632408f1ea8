package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/host/selection"
)

// stages reads the list of stages. An entry that is not a mapping is recorded as a
// finding and left out. stuckAfter is the default of the stages' stuck_after.
func (d *document) stages(n *yaml.Node, stuckAfter time.Duration) []Stage {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		d.errorAt(n, "stages", fmt.Sprintf("want a list of stages, got %s", typeName(n.ShortTag())), "begin every stage with - name: …")
		return nil
	}
	if len(n.Content) == 0 {
		d.errorAt(n, "stages", "the list of stages is empty", noSource)
	}
	var stages []Stage
	named := map[string]Position{}
	for i, item := range n.Content {
		path := fmt.Sprintf("stages[%d]", i)
		o, ok := d.object(item, path, Key{Keys: stageKeys})
		if !ok {
			continue
		}
		s := d.stage(o, stuckAfter)
		if first, double := named[s.Name]; double && s.Name != "" {
			d.errorAt(o.value("name"), path+".name", fmt.Sprintf("the name %q is taken by the stage in line %d", s.Name, first.Line), "give every stage a name of its own")
		} else {
			named[s.Name] = s.places["/name"].value
		}
		stages = append(stages, s)
	}
	return stages
}

// stage reads one stage from its mapping.
func (d *document) stage(o object, stuckAfter time.Duration) Stage {
	s := Stage{
		file: d.file, path: o.path,
		places: places{"": {key: positionOf(o.node), value: positionOf(o.node)}},
	}
	for key, e := range o.entries {
		s.places["/"+key] = place{key: positionOf(e.key), value: positionOf(e.value)}
	}
	s.Name, s.Plugin = field(o, "name", parseName), field(o, "plugin", parseName)
	for key, names := range map[string]*[]string{"needs": &s.Needs, "confirm": &s.Confirm, "proofs": &s.Proofs} {
		var where []Position
		*names, where = listField(o, key, parseName)
		for i, at := range where {
			s.places[fmt.Sprintf("/%s/%d", key, i)] = place{key: at, value: at}
		}
	}
	s.Shadow, s.Sample = field(o, "shadow", parseBool), field(o, "sample", parseSample)

	blocks := o.below("blocks")
	s.Blocks = selection.Window{From: field(blocks, "from", parseEdge), Until: field(blocks, "until", parseEdge)}

	retry := o.below("retry")
	s.Retry = Retry{Max: int(field(retry, "max", parseNumber)), Backoff: field(retry, "backoff", parseDuration)}
	s.Timeout = field(o, "timeout", parseDuration)
	if s.StuckAfter = field(o, "stuck_after", parseDuration); s.StuckAfter == 0 {
		s.StuckAfter = stuckAfter
	}
	s.HeartbeatTimeout = field(o, "heartbeat_timeout", parseDuration)
	s.Concurrency = int(field(o, "concurrency", parseNumber))
	s.Verify = optionalField(o, "verify", parseBool)
	s.Env, _ = listField(o, "env", parseVariableName)
	sandbox := o.below("sandbox")
	s.Sandbox = Sandbox{Use: field(sandbox, "use", parseWord), Read: sandbox.folders("read"), Write: sandbox.folders("write"), Network: field(sandbox, "network", parseBool), User: field(sandbox, "user", parseUser)}
	if n := sandbox.value("user"); n != nil {
		s.places["/sandbox/user"] = place{key: positionOf(n), value: positionOf(n)}
	}

	s.Config = json.RawMessage("{}")
	if n := o.value("config"); n != nil {
		if n = follow(n); n.Kind != yaml.MappingNode {
			if !d.unknown[n] {
				d.errorAt(n, o.path+".config", fmt.Sprintf("want a mapping, got %s", typeName(n.ShortTag())), "")
			}
			return s
		}
		w := configWriter{doc: d, places: s.places}
		text, err := json.Marshal(w.value(n, o.path+".config", "/config"))
		if err != nil { // not expected: JSON can represent every value of configWriter
			d.errorAt(n, o.path+".config", err.Error(), "")
			return s
		}
		s.Config = text
	}
	return s
}

// configWriter converts a config block to values for encoding/json, which sorts the
// keys. It records the place of each value.
type configWriter struct {
	doc    *document
	places places
}

func (w configWriter) value(n *yaml.Node, path, pointer string) any {
	at := w.places[pointer]
	at.value = positionOf(n)
	if at.key == (Position{}) {
		at.key = at.value
	}
	n = follow(n)
	at.fromVariable, at.unknown = w.doc.fromVar[n], w.doc.unknown[n]
	w.places[pointer] = at

	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range w.doc.entriesOf(n, path) {
			below := pointer + "/" + pointerEscape.Replace(e.key.Value)
			w.places[below] = place{key: positionOf(e.key)}
			m[e.key.Value] = w.value(e.value, child(path, e.key.Value), below)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = w.value(item, fmt.Sprintf("%s[%d]", path, i), pointer+"/"+strconv.Itoa(i))
		}
		return list
	}
	v, bad := jsonScalar(scalar{text: n.Value, tag: n.ShortTag()})
	if bad != nil {
		w.doc.errorAt(n, path, bad.summary, bad.remedy)
		at.unknown = true // so that the schema has no second finding about the value
		w.places[pointer] = at
	}
	return v
}

// jsonScalar converts a YAML scalar to a JSON value. Dates become text.
func jsonScalar(s scalar) (any, *problem) {
	switch s.tag {
	case "!!str", "!!timestamp":
		return s.text, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		v, bad := parseBool(s, Key{})
		return v, bad
	case "!!int":
		n, ok := integer(s.text)
		if !ok {
			return nil, &problem{s.quoted() + " is no plain whole number", "write it without leading zeros, or in quotes if it is text"}
		}
		return json.Number(n.String()), nil
	case "!!float":
		f, err := strconv.ParseFloat(s.text, 64)
		if err != nil || f-f != 0 { // beyond float64, infinite, or not a number
			return nil, &problem{s.quoted() + " is no finite number", "put it in quotes if it is text"}
		}
		return f, nil
	}
	return nil, &problem{"the tag " + s.tag + " is not supported", "remove it"}
}

package change

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/files"
)

// Outline holds everything about a pipeline that Compare compares.
type Outline struct {
	Host string `json:"host"` // version of the program
	// Settings are the values of the keys of the file outside of stages, by path.
	Settings map[string]string `json:"settings"`
	Stages   []Stage           `json:"stages"` // in the order of the file
}

// Stage is the outline of one stage.
type Stage struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Plugin  string `json:"plugin"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // of the plugin's binary, hexadecimal
	// Fingerprint identifies the plugin and the configuration, see record.Stage.
	Fingerprint string `json:"fingerprint"`
	// Settings are the values of the stage's keys except config, by name.
	Settings map[string]string `json:"settings"`
	// Config are the values of the config block as JSON, by path. A secret is replaced by
	// a mark, which differs for different secrets. Marks are never shown.
	Config map[string]string `json:"config,omitempty"`
}

// StageInfo is what Of needs to know about a stage in addition to its entry in the file.
type StageInfo struct {
	Binary      catalog.Binary
	Fingerprint string
	Secrets     []string // values in the config block that must not be shown
}

// Of returns the outline of a pipeline that was bound to its plugins. host is the version
// of the program, and info returns what is known about a stage.
func Of(p *pipeline.Pipeline, host string, info func(pipeline.Stage) (StageInfo, error)) (Outline, error) {
	o := Outline{Host: host, Settings: map[string]string{
		"name": p.Name, "data": p.Data, "output": p.Output,
		"select.every": strconv.FormatUint(p.Select.Targets.Every, 10), "select.from": number(p.Select.Targets.From), "select.to": number(p.Select.Targets.To),
		"select.shard":  fmt.Sprintf("%d/%d", p.Select.Targets.ShardIndex, p.Select.Targets.ShardCount),
		"select.blocks": strings.Trim(fmt.Sprint(p.Select.Blocks), "[]"), "select.order": string(p.Select.Order),
		"select.drop_after": p.Select.DropAfter.String(), "select.repair": strconv.FormatUint(p.Select.Repair, 10),
	}}
	list(reflect.ValueOf(*p), "", o.Settings, "file", "name", "data", "output", "select", "stages")
	delete(o.Settings, "monitor.stuck_after") // every stage has it as a default and is compared itself
	o.Settings["monitor.token"] = mark(p.Monitor.Token)
	for _, s := range p.Stages {
		about, err := info(s)
		if err != nil {
			return Outline{}, fmt.Errorf("stage %s: %w", s.Name, err)
		}
		o.Stages = append(o.Stages, stageOf(s, about))
	}
	return o, nil
}

// stageOf returns the outline of a stage.
func stageOf(s pipeline.Stage, info StageInfo) Stage {
	out := Stage{
		Name: s.Name, Kind: string(s.Kind), Plugin: s.Plugin, Version: info.Binary.Manifest.Version,
		SHA256: hex.EncodeToString(info.Binary.SHA256[:]), Fingerprint: info.Fingerprint, Config: map[string]string{}, Settings: map[string]string{},
	}
	s.Sample = max(s.Sample, 1)
	list(reflect.ValueOf(s), "", out.Settings, "name", "kind", "plugin", "config", "files", "sandbox.confined", "sandbox.account") // the last three follow from other keys
	var config any
	if json.Unmarshal(s.Config, &config) == nil {
		flatten(config, "", info.Secrets, out.Config)
	}
	return out
}

// flatten writes the values of a configuration to into, by their paths. Secrets and
// URLs are replaced by marks.
func flatten(value any, path string, secrets []string, into map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			flatten(below, strings.TrimPrefix(path+"."+key, "."), secrets, into)
		}
	case string:
		if slices.Contains(secrets, v) || strings.Contains(v, "://") { // any part of a URL may contain a secret
			into[path] = mark(v)
			return
		}
		into[path] = strconv.Quote(v)
	default:
		text, _ := json.Marshal(v)
		if strings.Contains(string(text), "://") || slices.ContainsFunc(secrets, func(s string) bool { return s != "" && strings.Contains(string(text), s) }) {
			into[path] = mark(string(text))
			return
		}
		into[path] = string(text)
	}
}

// secretMark is the prefix of every mark.
const secretMark = "secret "

// mark returns the mark of a secret; empty for no secret. Two marks of one process are
// equal exactly when the secrets are equal.
func mark(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256(append(slices.Clone(salt), secret...))
	return secretMark + hex.EncodeToString(sum[:8])
}

// number returns a number in decimal; empty for nil.
func number(n *uint64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(*n, 10)
}

// spellings are the keys of fields whose keys do not follow from their names.
var spellings = map[string]string{"KWhPrice": "prices.kwh", "GPUHourPrice": "prices.gpu_hour", "Currency": "prices.currency"}

// capital matches the place in a field name before which the key has an underscore.
var capital = regexp.MustCompile(`([a-z])([A-Z])`)

// list writes the exported fields of a struct and of the structs in it to into, by their
// keys, except the keys in skip. Because it uses reflection, a new field is compared
// without further code.
func list(v reflect.Value, path string, into map[string]string, skip ...string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := cmp.Or(spellings[field.Name], strings.ToLower(capital.ReplaceAllString(field.Name, "${1}_${2}")))
		key = strings.TrimPrefix(path+"."+key, ".")
		if !field.IsExported() || slices.Contains(skip, key) {
			continue
		}
		switch value := v.Field(i); value.Kind() {
		case reflect.Struct:
			list(value, key, into, skip...)
		case reflect.Pointer:
			into[key] = ""
			if !value.IsNil() {
				into[key] = fmt.Sprint(value.Elem().Interface())
			}
		case reflect.Slice:
			var parts []string
			for j := range value.Len() {
				parts = append(parts, fmt.Sprint(value.Index(j).Interface()))
			}
			into[key] = strings.Join(parts, ", ")
		default:
			into[key] = fmt.Sprint(value.Interface())
		}
	}
}

// Save writes the redacted outline of a running pipeline into its data directory, so that
// Load can read it while no host runs. Only the user of the host can read the file.
func Save(data string, o Outline) error {
	text, err := json.MarshalIndent(o.Redacted(), "", "  ")
	if err != nil {
		return err
	}
	path := outlinePath(data)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return files.Write(path, 0o600, append(text, '\n'))
}

// Load reads the outline of the pipeline that ran last with a data directory. The error
// is fs.ErrNotExist when none has run yet.
func Load(data string) (o Outline, err error) {
	text, err := os.ReadFile(outlinePath(data))
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, fmt.Errorf("%s is damaged; the next run of the pipeline writes it anew: %w", outlinePath(data), err)
	}
	return o, nil
}

// outlinePath returns the path of the saved outline.
func outlinePath(data string) string { return filepath.Join(data, "run", "pipeline.json") }

// Redacted returns the outline with the same mark for every secret.
func (o Outline) Redacted() Outline {
	redacted := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for key, value := range m {
			if strings.HasPrefix(value, secretMark) {
				value = strings.TrimSpace(secretMark)
			}
			out[key] = value
		}
		return out
	}
	o.Settings = redacted(o.Settings)
	o.Stages = slices.Clone(o.Stages)
	for i := range o.Stages {
		o.Stages[i].Config = redacted(o.Stages[i].Config)
	}
	return o
}

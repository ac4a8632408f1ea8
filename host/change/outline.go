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

// Outline is all that matters of a pipeline when it is compared with another one.
type Outline struct {
	Host string `json:"host"` // version of the program
	// Settings are the values of the file's own keys, by path.
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
	// Fingerprint names plugin and configuration, see record.Stage.
	Fingerprint string `json:"fingerprint"`
	// Settings are the values of the stage's keys but for config, by name.
	Settings map[string]string `json:"settings"`
	// Config are the values of the config block, by path: as JSON, and secrets as a
	// mark that tells two of them apart. Marks are never shown.
	Config map[string]string `json:"config,omitempty"`
}

// Named is what a host knows of a stage besides its entry in the file.
type Named struct {
	Binary      catalog.Binary
	Fingerprint string
	Secrets     []string // values in the config block that are nobody's business
}

// Of outlines a pipeline that was bound to its plugins.
func Of(p *pipeline.Pipeline, host string, about func(pipeline.Stage) (Named, error)) (Outline, error) {
	o := Outline{Host: host, Settings: map[string]string{
		"name": p.Name, "data": p.Data, "output": p.Output,
		"select.every": strconv.FormatUint(p.Select.Targets.Every, 10), "select.from": number(p.Select.Targets.From), "select.to": number(p.Select.Targets.To),
		"select.shard":  fmt.Sprintf("%d/%d", p.Select.Targets.ShardIndex, p.Select.Targets.ShardCount),
		"select.blocks": strings.Trim(fmt.Sprint(p.Select.Blocks), "[]"), "select.order": string(p.Select.Order),
		"select.drop_after": p.Select.DropAfter.String(), "select.repair": strconv.FormatUint(p.Select.Repair, 10),
	}}
	list(reflect.ValueOf(*p), "", o.Settings, "file", "name", "data", "output", "select", "stages")
	delete(o.Settings, "monitor.stuck_after") // it counts in the stages, which have it as their default
	o.Settings["monitor.token"] = mark(p.Monitor.Token)
	for _, s := range p.Stages {
		known, err := about(s)
		if err != nil {
			return Outline{}, fmt.Errorf("stage %s: %w", s.Name, err)
		}
		o.Stages = append(o.Stages, stageOf(s, known))
	}
	return o, nil
}

func stageOf(s pipeline.Stage, known Named) Stage {
	out := Stage{
		Name: s.Name, Kind: string(s.Kind), Plugin: s.Plugin, Version: known.Binary.Manifest.Version,
		SHA256: hex.EncodeToString(known.Binary.SHA256[:]), Fingerprint: known.Fingerprint, Config: map[string]string{}, Settings: map[string]string{},
	}
	s.Sample = max(s.Sample, 1)
	list(reflect.ValueOf(s), "", out.Settings, "name", "kind", "plugin", "config", "files", "sandbox.confined", "sandbox.account") // the last three follow from others
	var config any
	if json.Unmarshal(s.Config, &config) == nil {
		flatten(config, "", known.Secrets, out.Config)
	}
	return out
}

// flatten lists the values of a configuration by their paths.
func flatten(value any, path string, secrets []string, into map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			flatten(below, strings.TrimPrefix(path+"."+key, "."), secrets, into)
		}
	case string:
		if slices.Contains(secrets, v) || strings.Contains(v, "://") { // a key may be in any part of a URL
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

const secretMark = "secret "

// mark stands for a secret: two marks of one process are equal where the secrets are.
func mark(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256(append(slices.Clone(salt), secret...))
	return secretMark + hex.EncodeToString(sum[:8])
}

func number(n *uint64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(*n, 10)
}

// spellings are the keys of fields whose names are spelled otherwise.
var spellings = map[string]string{"KWhPrice": "prices.kwh", "GPUHourPrice": "prices.gpu_hour", "Currency": "prices.currency"}

var capital = regexp.MustCompile(`([a-z])([A-Z])`)

// list notes the exported fields of a struct, and of those in it, as the values of keys,
// but for the keys that are left out: so none can be forgotten.
func list(v reflect.Value, path string, into map[string]string, without ...string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := cmp.Or(spellings[field.Name], strings.ToLower(capital.ReplaceAllString(field.Name, "${1}_${2}")))
		key = strings.TrimPrefix(path+"."+key, ".")
		if !field.IsExported() || slices.Contains(without, key) {
			continue
		}
		switch value := v.Field(i); value.Kind() {
		case reflect.Struct:
			list(value, key, into, without...)
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

// Keep writes the outline of a running pipeline into its data directory, readable by
// its user only, so that it can be compared with another one also when no host runs. In
// what is kept every secret looks alike.
func Keep(data string, o Outline) error {
	text, err := json.MarshalIndent(o.Shown(), "", "  ")
	if err != nil {
		return err
	}
	path := kept(data)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return files.Write(path, 0o600, append(text, '\n'))
}

// Kept reads the outline of the pipeline that ran last with a data directory. Where
// none ever did, the error is fs.ErrNotExist.
func Kept(data string) (o Outline, err error) {
	text, err := os.ReadFile(kept(data))
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return o, fmt.Errorf("%s is damaged; the next run of the pipeline writes it anew: %w", kept(data), err)
	}
	return o, nil
}

func kept(data string) string { return filepath.Join(data, "run", "pipeline.json") }

// Shown is the outline with every secret alike, as it is kept.
func (o Outline) Shown() Outline {
	alike := func(m map[string]string) map[string]string {
		out := map[string]string{}
		for key, value := range m {
			if strings.HasPrefix(value, secretMark) {
				value = strings.TrimSpace(secretMark)
			}
			out[key] = value
		}
		return out
	}
	o.Settings = alike(o.Settings)
	o.Stages = slices.Clone(o.Stages)
	for i := range o.Stages {
		o.Stages[i].Config = alike(o.Stages[i].Config)
	}
	return o
}

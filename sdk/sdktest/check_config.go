package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/proofline/proofline/sdk/contract"
)

// fieldSchema holds the keywords of a JSON Schema that the checks read.
type fieldSchema struct {
	Type        any                    `json:"type"`
	Description string                 `json:"description"`
	Format      string                 `json:"format"`
	WriteOnly   bool                   `json:"writeOnly"`
	Properties  map[string]fieldSchema `json:"properties"`
	Required    []string               `json:"required"`
	Items       *fieldSchema           `json:"items"`
}

func (r *run) schema() (s fieldSchema, err error) {
	return s, json.Unmarshal(r.manifest.Schema, &s)
}

func (r *run) compiled() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.manifest.Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("config.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("config.json")
}

func schemaCompiles(_ context.Context, r *run) error {
	_, err := r.compiled()
	return err
}

func schemaDocumented(_ context.Context, r *run) error {
	s, err := r.schema()
	if err != nil {
		return err
	}
	return errors.Join(undocumented("", s)...)
}

func undocumented(at string, s fieldSchema) (out []error) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		field := s.Properties[name]
		if strings.TrimSpace(field.Description) == "" {
			out = append(out, fmt.Errorf("%s/%s has no description", at, name))
		}
		out = append(out, undocumented(at+"/"+name, field)...)
		if field.Items != nil {
			out = append(out, undocumented(at+"/"+name+"/-", *field.Items)...)
		}
	}
	return out
}

func schemaAccepts(_ context.Context, r *run) error {
	compiled, err := r.compiled()
	if err != nil {
		return skip{"the schema does not compile"}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.suite.Config))
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

func configAccepted(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	for range 2 {
		findings, err := i.Check(ctx, r.suite.Config, true)
		if err := errors.Join(err, firstError(findings)); err != nil {
			return err
		}
	}
	return nil
}

// edited returns the suite's configuration with a change.
func (r *run) edited(change func(map[string]any)) (json.RawMessage, error) {
	config := map[string]any{}
	if err := json.Unmarshal(r.suite.Config, &config); err != nil {
		return nil, fmt.Errorf("the suite's configuration: %w", err)
	}
	change(config)
	return json.Marshal(config)
}

// mustReport fails unless the plugin finds an error at a pointer, or below it, in a
// configuration.
func mustReport(ctx context.Context, i *instance, config json.RawMessage, pointer string) error {
	findings, err := i.Check(ctx, config, true)
	if err != nil {
		return fmt.Errorf("%s: the call fails: %w", pointer, err)
	}
	for _, f := range findings {
		if f.Severity == contract.SeverityError && (f.Pointer == pointer || strings.HasPrefix(f.Pointer, pointer+"/")) {
			return nil
		}
	}
	return fmt.Errorf("%s: no error has this pointer, the findings are %v", pointer, findings)
}

// editing changes the configuration once for each name, and fails unless the plugin
// finds an error at that name.
func (r *run) editing(ctx context.Context, names func(fieldSchema) []string, change func(map[string]any, string)) error {
	s, err := r.schema()
	if err != nil {
		return err
	}
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	var problems []error
	for _, name := range names(s) {
		config, err := r.edited(func(c map[string]any) { change(c, name) })
		if err == nil {
			err = mustReport(ctx, i, config, "/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func configRequired(ctx context.Context, r *run) error {
	s, err := r.schema()
	if err != nil {
		return err
	}
	if len(s.Required) == 0 {
		return skip{"no field is required"}
	}
	return r.editing(ctx, func(s fieldSchema) []string { return s.Required },
		func(c map[string]any, name string) { delete(c, name) })
}

func configUnknown(ctx context.Context, r *run) error {
	return r.editing(ctx, func(fieldSchema) []string { return []string{"sdktest_unknown", "a/b~c"} },
		func(c map[string]any, name string) { c[name] = 1 })
}

func configTypes(ctx context.Context, r *run) error {
	typed := func(s fieldSchema) (names []string) {
		for name, field := range s.Properties {
			if field.Type != nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	// No type accepts a list of lists of maps of lists, except for lists of anything.
	return r.editing(ctx, typed, func(c map[string]any, name string) {
		c[name] = []any{[]any{map[string]any{"sdktest": []any{1}}}}
	})
}

func configGarbage(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	for _, text := range []string{`[]`, `"text"`, `5`, `true`, `{`, `{} {}`, "\x00\xff", strings.Repeat("[", 20_000)} {
		findings, err := i.Check(ctx, json.RawMessage(text), true)
		if err == nil && firstError(findings) == nil {
			return fmt.Errorf("%.20q is accepted", text)
		}
		if _, err := i.Describe(ctx); err != nil {
			return fmt.Errorf("after %.20q it no longer answers: %w", text, err)
		}
	}
	return nil
}

func configRefused(ctx context.Context, r *run) error {
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	config, err := r.edited(func(c map[string]any) { c["sdktest_unknown"] = 1 })
	if err != nil {
		return err
	}
	if _, findings, err := i.Configure(ctx, config); err == nil && firstError(findings) == nil {
		return errors.New("an unknown field is accepted")
	}
	if _, err := r.work(ctx, i); err == nil {
		return errors.New("it works although its configuration has an error")
	}
	return nil
}

func configOnce(ctx context.Context, r *run) error {
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	if _, _, err := i.Configure(ctx, r.suite.Config); err == nil {
		return errors.New("a second configuration is accepted")
	}
	return nil
}

// configSecrets puts a text of its own into every secret field, and fails if the text
// appears in anything that leaves the plugin. It does not matter whether the work succeeds
// with this configuration.
func configSecrets(ctx context.Context, r *run) error {
	s, err := r.schema()
	if err != nil {
		return err
	}
	const canary = "sdktest-canary-5f3a9c"
	planted := false
	config, err := r.edited(func(c map[string]any) {
		for name, field := range s.Properties {
			if field.WriteOnly {
				planted = true
				c[name] = canary
				if field.Format == "uri" {
					c[name] = "http://127.0.0.1:9/" + canary
				}
			}
		}
	})
	if err != nil {
		return err
	}
	if !planted {
		return skip{"no field is a secret"}
	}
	i, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer i.stop()
	var seen []string
	record := func(where string, value any) { seen = append(seen, fmt.Sprintf("%s: %v", where, value)) }
	for _, offline := range []bool{true, false} {
		findings, err := i.Check(ctx, config, offline)
		record("findings", findings)
		record("error of the check", err)
	}
	traits, findings, err := i.Configure(ctx, config)
	record("note", traits.Note)
	record("facts", traits) // the SDK does not redact them, because the host compares them with those of other stages
	record("findings", findings)
	record("error of the configuration", err)
	if err == nil {
		short, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := r.work(short, i)
		record("error of the work", err)
	}
	health, _, _ := i.Health(ctx)
	record("health", health)
	if i.cmd != nil {
		arguments, _ := os.ReadFile(filepath.Join("/proc", fmt.Sprint(i.cmd.Process.Pid), "cmdline"))
		record("arguments", string(arguments))
	}
	i.stop()
	record("log", i.log)
	for _, text := range seen {
		if strings.Contains(text, canary) {
			where, _, _ := strings.Cut(text, ":")
			return fmt.Errorf("the %s shows the secret: %.300s", where, text)
		}
	}
	return nil
}

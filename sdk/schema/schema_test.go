package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk/schema"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Address reads itself from a text.
type Address struct{ host string }

func (a *Address) UnmarshalText(text []byte) error {
	host, _, ok := strings.Cut(string(text), "@")
	if !ok {
		return errors.New("want user@host")
	}
	a.host = host
	return nil
}

type Common struct {
	Name string `json:"name" doc:"The name." required:"true" min:"2" max:"8"`
}

type Limits struct {
	Low  int `json:"low" doc:"Lower limit." default:"1"`
	High int `json:"high" doc:"Upper limit." required:"true"`
}

type config struct {
	Common
	ELF     string            `json:"elf" doc:"Guest program." format:"file"`
	Dir     string            `json:"dir" doc:"A directory." format:"dir"`
	Workers int               `json:"workers" doc:"Parallel proofs." default:"2" min:"1" max:"16"`
	Small   uint8             `json:"small" doc:"A small number."`
	Ratio   float64           `json:"ratio" doc:"A share." default:"0.5" min:"0" max:"1"`
	Format  string            `json:"format" doc:"Input format." default:"g4" enum:"g4,g8"`
	Grace   schema.Duration   `json:"grace" doc:"Time to stop." default:"5s" min:"1s" max:"1m"`
	Token   schema.Secret     `json:"token" doc:"Access token." min:"3"`
	Hook    schema.Secret     `json:"hook" doc:"A URL with a key in it." format:"url"`
	URL     string            `json:"url" doc:"Where." format:"url"`
	URLs    []string          `json:"urls" doc:"Where else." format:"url" min:"1" max:"3" default:"http://a,http://b"`
	Modes   []string          `json:"modes" doc:"Modes." enum:"x,y"`
	Labels  map[string]string `json:"labels" doc:"Labels." max:"2"`
	On      *bool             `json:"on" doc:"Maybe on."`
	From    *uint64           `json:"from" doc:"First." default:"7"`
	Limits  Limits            `json:"limits" doc:"Limits."`
	More    []Limits          `json:"more" doc:"More limits."`
	Option  *Limits           `json:"option" doc:"Optional limits."`
	Mail    Address           `json:"mail" doc:"An address."`
	Raw     json.RawMessage   `json:"raw" doc:"Anything."`
	Any     any               `json:"any" doc:"Anything."`
	Left    string            `json:"-"`
}

func describe(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.For[config]()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const minimal = `"name":"ab","limits":{"high":3}`

func TestDecodeFillsDefaults(t *testing.T) {
	var c config
	if findings := describe(t).Decode([]byte(`{`+minimal+`}`), &c); len(findings) > 0 {
		t.Fatal(findings)
	}
	from := uint64(7)
	want := config{Common: Common{Name: "ab"}, Workers: 2, Ratio: 0.5, Format: "g4", Grace: schema.Duration(5 * time.Second),
		URLs: []string{"http://a", "http://b"}, From: &from, Limits: Limits{1, 3}}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(config{}, Address{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeReadsEverything(t *testing.T) {
	var c config
	findings := describe(t).Decode([]byte(`{`+minimal+`,
		"workers": 16, "small": 255, "ratio": 1, "format": "g8", "grace": "1m", "token": "abc", "hook": "https://h/k", "url": "ws://x:1/y",
		"urls": ["https://c"], "modes": ["y","x"], "labels": {"a":"b"}, "on": false, "from": 18446744073709551615,
		"more": [{"high":1},{"low":2,"high":3}], "option": {"high": 4}, "mail": "me@there", "raw": {"a":[1]}, "any": [true, null]}`), &c)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	off, from := false, uint64(18446744073709551615)
	want := config{Common: Common{Name: "ab"}, Workers: 16, Small: 255, Ratio: 1, Format: "g8", Grace: schema.Duration(time.Minute),
		Token: schema.NewSecret("abc"), Hook: schema.NewSecret("https://h/k"), URL: "ws://x:1/y", URLs: []string{"https://c"},
		Modes: []string{"y", "x"}, Labels: map[string]string{"a": "b"}, On: &off, From: &from, Limits: Limits{1, 3},
		More: []Limits{{1, 1}, {2, 3}}, Option: &Limits{1, 4}, Mail: Address{"me"}, Raw: json.RawMessage(`{"a":[1]}`), Any: []any{true, nil}}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(config{}, Address{})); diff != "" {
		t.Error(diff)
	}
}

// What a replaced variable leaves is a text, empty when the variable is absent.
func TestDecodeTextForms(t *testing.T) {
	var c config
	findings := describe(t).Decode([]byte(`{`+minimal+`,"workers":"16","small":"0","ratio":"0.25","on":"true","from":"",
		"format":"","grace":"","token":"","url":"","urls":["", "http://x"],"option":"","mail":null}`), &c)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	if c.Workers != 16 || c.Ratio != 0.25 || c.On == nil || !*c.On || *c.From != 7 || c.Format != "g4" ||
		c.Grace.Std() != 5*time.Second || c.Token.IsSet() || c.Option != nil || len(c.URLs) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestDecodeFindings(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"nothing", ``, []string{
			`error: config/name: required field "name" is not set (The name.)`,
			`error: config/limits/high: required field "high" is not set (Upper limit.)`}},
		{"null", `null`, []string{
			`error: config/name: required field "name" is not set (The name.)`,
			`error: config/limits/high: required field "high" is not set (Upper limit.)`}},
		{"empty required", `{"name":"","limits":{"high":""}}`, []string{
			`error: config/name: required field "name" is not set (The name.)`,
			`error: config/limits/high: required field "high" is not set (Upper limit.)`}},
		{"no map", `[1]`, []string{`error: want a map, got a list`}},
		{"no json", `{"token":"hunter2`, []string{`error: the config block is not JSON: unexpected EOF`}},
		{"two values", `{} {}`, []string{`error: the config block is not JSON: more than one value`}},
		{"unknown", `{` + minimal + `,"wrokers":1,"x/y~z":2,"Left":"","hidden":1}`, []string{
			`error: config/Left: unknown field "Left"`, `error: config/hidden: unknown field "hidden"`,
			`error: config/wrokers: unknown field "wrokers" (did you mean "workers"?)`,
			`error: config/x~1y~0z: unknown field "x/y~z"`}},
		{"types", `{` + minimal + `,"workers":1.5,"small":-1,"ratio":"much","on":"yes","format":1,"grace":5,"urls":"http://x","labels":[],"more":{},"option":3,"mail":"x","token":[]}`, []string{
			`error: config/workers: want a whole number, got 1.5`,
			`error: config/small: want a whole number that is not negative, got -1`,
			`error: config/ratio: want a number, got "much"`,
			`error: config/format: want a text, got 1`,
			`error: config/grace: want a duration such as 30s or 1h30m, got 5`,
			`error: config/token: want a text`,
			`error: config/urls: want a list, got "http://x" (write it as a list, even with one element)`,
			`error: config/labels: want a map, got a list`,
			`error: config/on: want true or false, got "yes"`,
			`error: config/more: want a list, got a map (write it as a list, even with one element)`,
			`error: config/option: want a map, got 3`,
			`error: config/mail: want user@host`}},
		{"bounds", `{"name":"a","limits":{"high":3},"workers":17,"small":256,"ratio":1.5,"grace":"500ms","token":"ab","urls":["http://a","http://b","http://c","http://d"],"labels":{"a":"","b":"","c":""}}`, []string{
			`error: config/name: the length, 1 characters, is less than the minimum of 2`,
			`error: config/workers: 17 is more than the maximum of 16`,
			`error: config/small: 256 is out of range of uint8`,
			`error: config/ratio: 1.5 is more than the maximum of 1`,
			`error: config/grace: 500ms is less than the minimum of 1s`,
			`error: config/token: the length of the value (not shown) is less than the minimum of 3`,
			`error: config/urls: the number of elements, 4, is more than the maximum of 3`,
			`error: config/labels: the number of elements, 3, is more than the maximum of 2`}},
		{"enum", `{` + minimal + `,"format":"g5","modes":["x","z"]}`, []string{
			`error: config/format: "g5" is none of g4, g8 (did you mean "g4"?)`,
			`error: config/modes/1: "z" is none of x, y (did you mean "x"?)`}},
		{"url", `{` + minimal + `,"url":"localhost:8545","urls":["http://ok","http:///x"],"hook":"hunter2"}`, []string{
			`error: config/hook: the value (not shown) is not an http, https, ws or wss URL (write it like https://host:port/path)`,
			`error: config/url: "localhost:8545" is not an http, https, ws or wss URL (write it like https://host:port/path)`,
			`error: config/urls/1: "http:///x" is a URL without a host (write it like https://host:port/path)`}},
		{"nested", `{"name":"ab","limits":{"high":3,"lwo":1},"more":[{"high":1},{"low":"x"}]}`, []string{
			`error: config/limits/lwo: unknown field "lwo" (did you mean "low"?)`,
			`error: config/more/1/low: want a whole number, got "x"`,
			`error: config/more/1/high: required field "high" is not set (Upper limit.)`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c config
			var got []string
			for _, f := range describe(t).Decode([]byte(test.config), &c) {
				line, _, _ := strings.Cut(f.String(), " (known fields")
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(fmt.Sprint(got), "hunter2") {
				t.Error("a finding shows a secret")
			}
		})
	}
}

func TestGolden(t *testing.T) {
	got := append(describe(t).JSON(), '\n')
	path := filepath.Join("testdata", "config.schema.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

// TestAgreesWithAValidator: a standard validator of the JSON Schema and the
// decoder agree on whether a document is right.
func TestAgreesWithAValidator(t *testing.T) {
	compiled := compile(t, describe(t).JSON())
	tests := []struct {
		config string
		right  bool
	}{
		{`{` + minimal + `}`, true},
		{`{` + minimal + `,"workers":16,"small":"3","ratio":"1e-1","on":"","grace":"1m30s","format":"","urls":["http://x"]}`, false}, // grace
		{`{` + minimal + `,"workers":16,"small":"3","ratio":"1e-1","on":"","grace":"30s","format":"","urls":["http://x"]}`, true},
		{`{` + minimal + `,"token":"","url":"","from":"","more":[{"high":"4"}],"raw":[1],"any":null}`, true},
		{`{"name":"ab"}`, false},
		{`{"limits":{"high":1}}`, false},
		{`{"name":"","limits":{"high":1}}`, false},
		{`{"name":"a","limits":{"high":1}}`, false},
		{`{` + minimal + `,"workers":17}`, false},
		{`{` + minimal + `,"workers":1.5}`, false},
		{`{` + minimal + `,"workers":"many"}`, false},
		{`{` + minimal + `,"small":-1}`, false},
		{`{` + minimal + `,"small":"-1"}`, false},
		{`{` + minimal + `,"on":"yes"}`, false},
		{`{` + minimal + `,"grace":5}`, false},
		{`{` + minimal + `,"grace":"soon"}`, false},
		{`{` + minimal + `,"format":"g5"}`, false},
		{`{` + minimal + `,"modes":["z"]}`, false},
		{`{` + minimal + `,"urls":["http://a","http://b","http://c","http://d"]}`, false},
		{`{` + minimal + `,"labels":{"a":1}}`, false},
		{`{` + minimal + `,"labels":{"a":"b","c":"d","e":"f"}}`, false},
		{`{` + minimal + `,"unknown":1}`, false},
	}
	for _, test := range tests {
		var c config
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(test.config))
		if err != nil {
			t.Fatal(err)
		}
		decoded := len(describe(t).Decode([]byte(test.config), &c)) == 0
		valid := compiled.Validate(value) == nil
		// JSON Schema cannot bound a duration; everything else it must see.
		if decoded != test.right || valid != test.right && !strings.Contains(test.config, "1m30s") {
			t.Errorf("%s: decoder %v, validator %v, want %v", test.config, decoded, valid, test.right)
		}
	}
}

func compile(t *testing.T, doc json.RawMessage) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", value); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestCheckPaths(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := describe(t)
	if f := s.CheckPaths(config{ELF: file, Dir: filepath.Dir(file)}); len(f) > 0 {
		t.Error(f)
	}
	if f := s.CheckPaths(&config{ELF: filepath.Dir(file), Dir: file}); len(f) != 2 || f[0].Pointer != "/elf" || f[1].Pointer != "/dir" {
		t.Error(f)
	}
	if f := s.CheckPaths(config{ELF: file + "x", Dir: file + "x"}); len(f) != 2 || f[0].Remedy == "" {
		t.Error(f)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	type holder struct {
		Public  schema.Secret
		private schema.Secret
	}
	s := schema.NewSecret("hunter2")
	h := holder{s, s}
	text := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v %#v %v", s, s, s, s, s, s, s, h, h, h, &h)
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(handler).Info("m", "secret", s, "holder", h, "pointer", &h, "list", []schema.Secret{s})
	}
	for _, form := range []string{"hunter2", "68756e74657232", fmt.Sprint([]byte("hunter2"))} {
		if strings.Contains(text+string(data)+log.String(), form) {
			t.Errorf("printed: %s %s %s", text, data, log.String())
		}
	}
	if s.Reveal() != "hunter2" || !s.Equal(schema.NewSecret("hunter2")) || schema.NewSecret("").IsSet() || fmt.Sprint(schema.Secret{}) != "" {
		t.Error("the secret lost its value")
	}
}

func TestSecrets(t *testing.T) {
	type inner struct {
		S schema.Secret `json:"s"`
	}
	type outer struct {
		A schema.Secret
		B []schema.Secret
		C map[string]inner
		D *inner
	}
	s, err := schema.For[outer]()
	if err != nil {
		t.Fatal(err)
	}
	var o outer
	if f := s.Decode([]byte(`{"A":"1","B":["2","3"],"C":{"x":{"s":"4"}},"D":{"s":5}}`), &o); len(f) > 0 {
		t.Fatal(f)
	}
	if got := strings.Join(s.Secrets(&o), ""); got != "12345" {
		t.Errorf("secrets %q", got)
	}
}

func TestTypesThatMakeNoSense(t *testing.T) {
	type self struct{ Next *self }
	tests := map[string]func() error{
		"no struct":      fails[int],
		"channel":        fails[struct{ C chan int }],
		"std duration":   fails[struct{ D time.Duration }],
		"recursion":      fails[self],
		"map of numbers": fails[struct{ M map[int]string }],
		"two of a name": fails[struct {
			Common
			Name int `json:"name"`
		}],
		"required, default": fails[struct {
			A int `required:"true" default:"1"`
		}],
		"wrong default": fails[struct {
			A int `default:"x"`
		}],
		"default too big": fails[struct {
			A int `default:"9" max:"8"`
		}],
		"default not in": fails[struct {
			A string `default:"c" enum:"a,b"`
		}],
		"wrong bound": fails[struct {
			A int `min:"x"`
		}],
		"bound of a bool": fails[struct {
			A bool `min:"1"`
		}],
		"enum of numbers": fails[struct {
			A int `enum:"1,2"`
		}],
		"unknown format": fails[struct {
			A string `format:"mail"`
		}],
		"format of numbers": fails[struct {
			A int `format:"url"`
		}],
		"required: maybe": fails[struct {
			A int `required:"maybe"`
		}],
	}
	for name, f := range tests {
		if f() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func fails[C any]() error {
	_, err := schema.For[C]()
	return err
}

// FuzzDecode: no input panics, and what decodes without a finding decodes to the
// same value again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{``, `{`, `{` + minimal + `}`, `{"more":[{"high":"1"}],"labels":{"a":null},"any":{"b":[1.5e3]}}`, `[[[]]]`} {
		f.Add([]byte(seed))
	}
	s, err := schema.For[config]()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var one, two config
		first, second := s.Decode(data, &one), s.Decode(data, &two)
		if !reflect.DeepEqual(first, second) || !reflect.DeepEqual(one, two) {
			t.Errorf("%q decodes differently", data)
		}
		for _, finding := range first {
			if finding.Pointer != "" && finding.Pointer[0] != '/' {
				t.Errorf("pointer %q", finding.Pointer)
			}
		}
	})
}

package command

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/schema"
)

// decode reads a config block as the SDK does, defaults included.
func decode(t *testing.T, text string) Config {
	t.Helper()
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	if findings := s.Decode([]byte(text), &c); len(findings) > 0 {
		t.Fatal(findings)
	}
	return c
}

// attempt returns an Attempt in a directory of the test. Its artifacts are not moved.
func attempt(t *testing.T) (Attempt, *[]sdk.Progress) {
	t.Helper()
	shown := &[]sdk.Progress{}
	work := t.TempDir()
	return Attempt{
		Work: work, Log: slog.New(slog.DiscardHandler),
		Progress: func(p sdk.Progress) { *shown = append(*shown, p) },
		Adopt:    func(path, name string) (sdk.Artifact, error) { return sdk.Artifact{Name: name, Path: path}, nil },
		Values: Values{
			Names: map[string]string{"work": work, "block": "7"}, Facts: map[string]string{"gas used": "30"},
			Input: func(name string) (string, error) {
				if name == "block.json" {
					return "/in/block.json", nil
				}
				return "", sdk.Permanent(errors.New("there is no input " + name))
			},
		},
	}, shown
}

func TestExpand(t *testing.T) {
	a, _ := attempt(t)
	for argument, want := range map[string]string{
		"{block}":                      "7",
		"--n={block}/{block}":          "--n=7/7",
		"{in:block.json}":              "/in/block.json",
		"{fact:gas used}":              "30",
		"{{block}}":                    "{block}",
		`{"input":["0x01%s"]}`:         `{"input":["0x01%s"]}`,
		"${HOME} {} {Block} { block }": "${HOME} {} {Block} { block }",
	} {
		if got, err := a.Values.expand(argument); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", argument, got, err, want)
		}
	}
	for argument, want := range map[string]string{
		"{in:none}": "there is no input none", "{fact:none}": `there is no fact "none"`, "{none}": "there is nothing for {none}",
	} {
		if _, err := a.Values.expand(argument); err == nil || !strings.Contains(err.Error(), want) || sdk.ClassOf(err) != sdk.ClassPermanent {
			t.Errorf("%s: %v, want %q", argument, err, want)
		}
	}
	// Values are not expanded.
	a.Values.Names["block"] = "{work}"
	if got, _ := a.Values.expand("{block}"); got != "{work}" {
		t.Errorf("a value is expanded: %q", got)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("{block} {{block}} {in:x} {fact:y} {", "{work}")
	f.Fuzz(func(t *testing.T, argument, value string) {
		var out findings
		out.placeholders("/command/0", argument, []string{"block"})
		v := Values{Names: map[string]string{"block": value}, Input: func(string) (string, error) { return value, nil }}
		_, err := v.expand(argument)
		if err != nil && len(out) == 0 && !strings.Contains(argument, "{fact:") {
			t.Errorf("%q is valid, and then: %v", argument, err)
		}
	})
}

func TestValidateWith(t *testing.T) {
	for text, want := range map[string][]string{
		`{"command":["tool","{work}","{in:a}"]}`:                                         nil,
		`{"command":["{wrok}"]}`:                                                         {"/command/0 there is no placeholder {wrok}"},
		`{"command":["t"],"env":{"A=B":"{x}"}}`:                                          {`/env "A=B" is no name`, "/env/A=B there is no placeholder {x}"},
		`{"command":["t"],"outputs":[{"file":"../x"},{"file":"/x"},{"file":"."}]}`:       {"/outputs/0/file", "/outputs/1/file", "/outputs/2/file"},
		`{"command":["t"],"errors":{"permanent_exits":[0,2],"retryable_exits":[2]}}`:     {"/errors/permanent_exits/0 0 is no exit code", "/errors/retryable_exits/0 the exit code 2 is in permanent_exits too"},
		`{"command":["t"],"errors":{"permanent":["("],"environment":["["]}}`:             {"/errors/permanent/0 is no regular expression: missing closing )", "/errors/environment/0"},
		`{"command":["t"],"progress":[{"pattern":"*"}]}`:                                 {"/progress/0/pattern"},
		`{"command":["t"],"time":{"pattern":"took .*s"}}`:                                {"/time/pattern has no group"},
		`{"command":["t"],"time":{"unit":"s"}}`:                                          {"/time exactly one of"},
		`{"command":["t"],"time":{"pointer":"/t"}}`:                                      {"/time/pointer there is a pointer, but no file"},
		`{"command":["t"],"facts":{"pointers":{"a":"/b"}}}`:                              {"/facts/pointers there are pointers"},
		`{"command":["t"],"facts":{"file":"f.json","pointers":{"a/b":"c"}}}`:             {`/facts/pointers/a~1b "c" is no JSON pointer`},
		`{"command":["t"],"facts":{"file":"../f.json"},"time":{"pointer":"t"}}`:          {"/facts/file", "/time/pointer"},
		`{"command":["t"],"facts":{"file":"f.json","pointers":{"a":"/b"}},"grace":"1s"}`: nil,
	} {
		got := decode(t, text).ValidateWith(nil, "work")
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %q", text, got, want)
			continue
		}
		for i, f := range got {
			if !strings.HasPrefix(f.Pointer+" "+f.Summary, want[i]) || f.Severity != sdk.SeverityError {
				t.Errorf("%s: finding %d is %v, want %q", text, i, f, want[i])
			}
		}
	}
}

// TestNoProgram checks that a command without a program is refused, also where a variable that
// is not set was to give the program.
func TestNoProgram(t *testing.T) {
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`{}`, `{"command":[]}`, `{"command":[""]}`, `{"command":""}`} {
		if findings := s.Decode([]byte(text), new(Config)); len(findings) != 1 || findings[0].Pointer != "/command" {
			t.Errorf("%s: %v", text, findings)
		}
	}
}

// sh returns the config of a shell command with further keys.
func sh(script, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"command":["sh","-c",` + quote(script) + `]` + more + `}`
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

func TestClasses(t *testing.T) {
	rules := `"errors":{"permanent_exits":[3],"retryable_exits":[101],"environment_exits":[4],"permanent":["bad block"],"environment":["CUDA"],"remedy":"reset the GPU"}`
	for _, test := range []struct {
		script string
		class  sdk.Class
		text   string
	}{
		{"exit 1", sdk.ClassRetryable, "sh ended with exit code 1"},
		{"exit 3", sdk.ClassPermanent, "exit code 3"},
		{"exit 4", sdk.ClassEnvironment, "reset the GPU"},
		{"echo CUDA error 2 >&2; exit 1", sdk.ClassEnvironment, "CUDA error 2 (reset the GPU)"},
		{"echo this is a bad block; echo bye; exit 1", sdk.ClassPermanent, "bye: this is a bad block"},
		{"echo CUDA; exit 3", sdk.ClassPermanent, "exit code 3"},
		{"echo bad block; exit 101", sdk.ClassRetryable, "exit code 101"},
		{"kill -KILL $$", sdk.ClassEnvironment, "memory"},
		{"kill -SEGV $$", sdk.ClassRetryable, "signal 11"},
		{"no-such-program-at-all", sdk.ClassEnvironment, "install it"},
	} {
		c := decode(t, sh(test.script, rules))
		a, _ := attempt(t)
		_, err := c.Run(t.Context(), a)
		if err == nil || sdk.ClassOf(err) != test.class || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %s: %v; want %s with %q", test.script, sdk.ClassOf(err), err, test.class, test.text)
		}
	}
	c := decode(t, `{"command":["/no/such/program"]}`)
	a, _ := attempt(t)
	if _, err := c.Run(t.Context(), a); sdk.ClassOf(err) != sdk.ClassEnvironment {
		t.Errorf("a program that is not there: %v", err)
	}
	if f := c.Check(t.Context()); len(f) != 1 || f[0].Pointer != "/command/0" {
		t.Errorf("preflight: %v", f)
	}
}

// TestPreflightOfProgramsOutOfReach checks the warnings about programs whose work does not end
// with the stage.
func TestPreflightOfProgramsOutOfReach(t *testing.T) {
	dir := t.TempDir()
	for name, part := range map[string]string{"docker": "daemon", "sudo": "another user", "prove": ""} {
		program := filepath.Join(dir, name)
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		switch f := CheckProgram("/command", []string{program, "run"}); {
		case part == "" && len(f) > 0:
			t.Errorf("%s: %v", name, f)
		case part != "" && (len(f) != 1 || f[0].Severity != sdk.SeverityWarning || !strings.Contains(f[0].Summary, part)):
			t.Errorf("%s: %v, want a warning with %q", name, f, part)
		}
	}
}

// TestCancelled checks that the end of the context stops the program, and that the error is the
// context's.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := decode(t, sh("echo started; sleep 100", `"progress":[{"pattern":"started"}],"errors":{"permanent":["started"]}`))
	a, _ := attempt(t)
	a.Progress = func(sdk.Progress) { cancel() }
	if _, err := c.Run(ctx, a); !errors.Is(err, context.Canceled) || sdk.ClassOf(err) == sdk.ClassPermanent {
		t.Errorf("%v", err)
	}
}

func TestProgress(t *testing.T) {
	c := decode(t, sh("echo noise; echo 'stage Main Trace 5/20'; echo '73.5% done' >&2; echo 'note: hello'; echo '250%'", `"progress":[
		{"pattern":"^stage (?P<phase>[A-Za-z ]+) (?P<done>\\d+)/(?P<total>\\d+)"},
		{"pattern":"(?P<percent>[0-9.]+)%","phase":"PROVING"},
		{"pattern":"note: (?P<note>.*)"}]`))
	a, shown := attempt(t)
	if _, err := c.Run(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := []sdk.Progress{
		{Phase: "MAIN_TRACE", Fraction: 0.25}, {Phase: "PROVING", Fraction: 0.735},
		{Phase: "RUNNING", Fraction: -1, Note: "hello"}, {Phase: "PROVING", Fraction: 1},
	}
	// The two streams are read independently, so the order between them is not defined.
	order := func(a, b sdk.Progress) int { return strings.Compare(a.Phase+a.Note, b.Phase+b.Note) }
	slices.SortStableFunc(*shown, order)
	slices.SortStableFunc(want, order)
	slices.SortFunc(*shown, func(a, b sdk.Progress) int {
		if o := order(a, b); o != 0 {
			return o
		}
		return int(1000 * (a.Fraction - b.Fraction))
	})
	if !reflect.DeepEqual(*shown, want) {
		t.Errorf("%+v\nwant %+v", *shown, want)
	}
}

func TestFigures(t *testing.T) {
	facts := `"facts":{"set":{"gpus":"2x L4"},"file":"m.json","pointers":{"proving_cycles":"/a~1b/1/n","ok":"/ok","none":"/none","deep":"/a~1b"}}`
	const write = `printf '{"a/b":[0,{"n":123456789012345678901}],"ok":true,"ms":2500,"bad":"x"}' > "m.json"; `
	wantFacts := map[string]string{"gpus": "2x L4", "proving_cycles": "123456789012345678901", "ok": "true"}
	for _, test := range []struct {
		script, more string
		took         time.Duration // 0 for the wall clock
		facts        map[string]string
	}{
		{write, facts, 0, wantFacts},
		{write, facts + `,"time":{"pointer":"/ms","unit":"ms"}`, 2500 * time.Millisecond, wantFacts},
		{write, facts + `,"time":{"pointer":"/bad"}`, 0, wantFacts},
		{"echo took 1.5s; echo took 2s", `"time":{"pattern":"took ([0-9.]+)s"}`, 2 * time.Second, map[string]string{}},
		{"echo took 1.5s; echo took 2s >&2", `"time":{"pattern":"took ([0-9.]+)s","combine":"sum"}`, 3500 * time.Millisecond, map[string]string{}},
		{"echo took 3", `"time":{"pattern":"took ([0-9.]+)","unit":"min"}`, 3 * time.Minute, map[string]string{}},
		{"true", `"time":{"pattern":"took ([0-9.]+)"}`, 0, map[string]string{}},
		{"echo '{' > m.json", facts, 0, map[string]string{"gpus": "2x L4"}},
		{"true", facts, 0, map[string]string{"gpus": "2x L4"}},
	} {
		c := decode(t, sh(test.script, test.more))
		a, _ := attempt(t)
		r, err := c.Run(t.Context(), a)
		if err != nil {
			t.Errorf("%s: %v", test.script, err)
			continue
		}
		if !reflect.DeepEqual(r.Facts, test.facts) || test.took != 0 && r.WorkTime != test.took || r.WorkTime <= 0 {
			t.Errorf("%s %s: facts %v, time %v; want %v, %v", test.script, test.more, r.Facts, r.WorkTime, test.facts, test.took)
		}
	}
}

func TestOutputs(t *testing.T) {
	for script, want := range map[string]string{
		"echo x > a; echo y > b": "",
		"echo x > a":             "did not write b",
		"echo x > a; : > b":      "b is empty",
		"echo x > a; mkdir b":    "b is no regular file",
		"echo x > a; ln -s a b":  "b is no regular file",
	} {
		c := decode(t, sh(script, `"outputs":[{"file":"a","name":"first"},{"file":"b"}]`))
		a, _ := attempt(t)
		r, err := c.Run(t.Context(), a)
		switch {
		case want == "" && (err != nil || len(r.Outputs) != 2 || r.Outputs[0].Name != "first" || r.Outputs[1].Name != "b"):
			t.Errorf("%s: %+v, %v", script, r, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || sdk.ClassOf(err) != sdk.ClassRetryable):
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
}

// TestEnvironment checks that the program gets the variables of the plugin, of the attempt and
// of the config, and runs in {work}.
func TestEnvironment(t *testing.T) {
	t.Setenv("OF_THE_PLUGIN", "p")
	c := decode(t, sh(`echo "$OF_THE_PLUGIN $OF_THE_ATTEMPT $OF_THE_CONFIG $(pwd)" > out`, `"env":{"OF_THE_CONFIG":"block {block}"},"outputs":[{"file":"out"}]`))
	a, _ := attempt(t)
	a.Environ = []string{"OF_THE_ATTEMPT=a"}
	r, err := c.Run(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	work, err := filepath.EvalSymlinks(a.Work)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(r.Outputs[0].Path); err != nil || string(text) != "p a block 7 "+work+"\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	framed := "\x03\x00\x00\x00\x00\x00\x00\x00abc\x00\x00\x00\x00\x00"
	for _, test := range []struct{ form, content, want, problem string }{
		{InputRaw, "abc", "abc", ""},
		{InputU32Length, "abc", "\x03\x00\x00\x00abc", ""},
		{InputHex, "a\xff", "61ff\n", ""},
		{InputZiskStrip, framed, "abc", ""},
		{InputZiskStrip, framed + framed, "", "no single frame"},
		{InputZiskStrip, "abcdefghij", "", "no single frame"},
		{InputZiskStrip, "abc", "", "too few"},
	} {
		if err := os.WriteFile(in, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		path, err := Convert(in, test.form, out)
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) || sdk.ClassOf(err) != sdk.ClassPermanent {
				t.Errorf("%s of %q: %v, want %q", test.form, test.content, err, test.problem)
			}
			continue
		}
		got, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || string(got) != test.want {
			t.Errorf("%s of %q: %q %v %v", test.form, test.content, got, err, readErr)
		}
	}
}

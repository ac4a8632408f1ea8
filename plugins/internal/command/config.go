package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk"
)

// Config holds the keys that the config blocks of all three plugins share.
type Config struct {
	Command []string          `json:"command" doc:"The program and its arguments, with placeholders such as {input}, each replaced within its argument." required:"true" min:"1"`
	Dir     string            `json:"dir" doc:"Working directory of the program. Unset means the attempt's scratch directory, which is {work}."`
	Env     map[string]string `json:"env" doc:"Variables of the program beside those of the stage; values may have placeholders. Secrets belong into the stage's env list."`
	Grace   sdk.Duration      `json:"grace" doc:"Time between asking the program to stop (SIGTERM) and killing it." default:"10s" min:"0s"`

	Outputs  []Output       `json:"outputs" doc:"Further files that the program makes; an absent one fails the attempt."`
	Errors   Errors         `json:"errors" doc:"What the program's exit codes and messages mean. Anything else than the exit code 0 is retryable unless it is named here."`
	Progress []ProgressRule `json:"progress" doc:"How the program's lines tell of progress; the first rule that fits counts."`
	Facts    Facts          `json:"facts" doc:"Facts about the result: those known beforehand, and those in a JSON file that the program writes."`
	Time     *Time          `json:"time" doc:"Where the program tells how long the work took. Unset means the wall clock."`

	ProvidedTraits map[string]string   `json:"provides" doc:"Facts about what the stage hands on, such as input.format: the host compares them with what later stages require."`
	RequiredTraits map[string][]string `json:"requires" doc:"Facts that earlier stages must provide, each with the values that the program can work with."`
}

// Output is a file that the program writes.
type Output struct {
	File string `json:"file" doc:"The file, relative to {work}." required:"true"`
	Name string `json:"name" doc:"The artifact's name. Unset means the file's own."`
}

// Errors maps exit codes and messages of the program to classes of error.
type Errors struct {
	PermanentExits   []int    `json:"permanent_exits" doc:"Exit codes that give the block up."`
	RetryableExits   []int    `json:"retryable_exits" doc:"Exit codes after which another attempt may help, whatever the messages say."`
	EnvironmentExits []int    `json:"environment_exits" doc:"Exit codes that pause the stage: the machine is at fault."`
	Permanent        []string `json:"permanent" doc:"Regular expressions: a line of the program that matches one gives the block up."`
	Environment      []string `json:"environment" doc:"Regular expressions: a line of the program that matches one pauses the stage."`
	Remedy           string   `json:"remedy" doc:"What the operator is told to do when the stage pauses."`
}

// ProgressRule reads progress from the lines that match its pattern.
type ProgressRule struct {
	Pattern string `json:"pattern" doc:"Regular expression. The groups (?P<phase>…), (?P<percent>…), (?P<done>…) with (?P<total>…), and (?P<note>…) are read." required:"true"`
	Phase   string `json:"phase" doc:"The phase that the line tells of. Unset means the group phase, else RUNNING."`
}

// Facts names the sources of facts.
type Facts struct {
	Set      map[string]string `json:"set" doc:"Facts that are known beforehand, such as gpus."`
	File     string            `json:"file" doc:"JSON file that the program writes, relative to {work}."`
	Pointers map[string]string `json:"pointers" doc:"For each fact the place in the file, an RFC 6901 pointer such as /stats/cycles."`
}

// Time names the place of the program's own figure of its work time.
type Time struct {
	Pattern string `json:"pattern" doc:"Regular expression for a line of the program; its first group is the number."`
	Pointer string `json:"pointer" doc:"RFC 6901 pointer to the number in the file of facts."`
	Unit    string `json:"unit" doc:"Unit of the number." default:"s" enum:"ms,s,min"`
	Combine string `json:"combine" doc:"What to do with several lines that match." default:"last" enum:"last,sum"`
}

// Provides implements the SDK's provider.
func (c Config) Provides() map[string]string { return c.ProvidedTraits }

// Requires implements the SDK's requirer.
func (c Config) Requires() map[string][]string { return c.RequiredTraits }

// findings collects the faults of a configuration.
type findings []sdk.Finding

func (f *findings) add(pointer, summary, remedy string) {
	*f = append(*f, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
}

// ValidateCommand validates the placeholders of a command line. pointer is its place in
// the config, and known are the names of the placeholders.
func ValidateCommand(pointer string, argv, known []string) []sdk.Finding {
	var out findings
	for i, argument := range argv {
		out.placeholders(fmt.Sprintf("%s/%d", pointer, i), argument, known)
	}
	return out
}

// ValidateWith validates the configuration of a plugin. known are the names of its
// placeholders. files maps the pointers of the plugin's own keys that name files below
// {work} to their values.
func (c Config) ValidateWith(files map[string]string, known ...string) []sdk.Finding {
	out := findings(ValidateCommand("/command", c.Command, known))
	for _, pointer := range slices.Sorted(maps.Keys(files)) {
		out.local(pointer, files[pointer])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			out.add("/env", fmt.Sprintf("%q is no name of a variable", name), "")
		}
		out.placeholders("/env/"+pointerEscape.Replace(name), c.Env[name], known)
	}
	for i, o := range c.Outputs {
		out.local(fmt.Sprintf("/outputs/%d/file", i), o.File)
	}
	c.Errors.validate(&out)
	for i, p := range c.Progress {
		out.pattern(fmt.Sprintf("/progress/%d/pattern", i), p.Pattern, 0)
	}
	if c.Facts.File != "" {
		out.local("/facts/file", c.Facts.File)
	}
	if len(c.Facts.Pointers) > 0 && c.Facts.File == "" {
		out.add("/facts/pointers", "there are pointers, but no file to look into", "set facts.file to the JSON file that the program writes")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Facts.Pointers)) {
		out.pointer("/facts/pointers/"+pointerEscape.Replace(name), c.Facts.Pointers[name])
	}
	if t := c.Time; t != nil {
		switch {
		case (t.Pattern == "") == (t.Pointer == ""):
			out.add("/time", "exactly one of pattern and pointer says where the time is", "")
		case t.Pattern != "":
			out.pattern("/time/pattern", t.Pattern, 1)
		case c.Facts.File == "":
			out.add("/time/pointer", "there is a pointer, but no file to look into", "set facts.file to the JSON file that the program writes")
		default:
			out.pointer("/time/pointer", t.Pointer)
		}
	}
	return out
}

func (e Errors) validate(out *findings) {
	lists := []struct {
		name  string
		codes []int
	}{{"permanent_exits", e.PermanentExits}, {"retryable_exits", e.RetryableExits}, {"environment_exits", e.EnvironmentExits}}
	seen := map[int]string{}
	for _, list := range lists {
		for i, code := range list.codes {
			at := fmt.Sprintf("/errors/%s/%d", list.name, i)
			switch {
			case code < 1 || code > 255:
				out.add(at, fmt.Sprintf("%d is no exit code of a failure", code), "those are 1 to 255")
			case seen[code] != "":
				out.add(at, fmt.Sprintf("the exit code %d is in %s too", code, seen[code]), "keep one of them")
			}
			seen[code] = list.name
		}
	}
	for i, p := range e.Permanent {
		out.pattern(fmt.Sprintf("/errors/permanent/%d", i), p, 0)
	}
	for i, p := range e.Environment {
		out.pattern(fmt.Sprintf("/errors/environment/%d", i), p, 0)
	}
}

// local reports a path that does not lie below {work}.
func (f *findings) local(pointer, path string) {
	if !filepath.IsLocal(path) || path == "." {
		f.add(pointer, fmt.Sprintf("%q is no file below {work}", path), "have the program write below {work}, and name the file relative to it")
	}
}

// pattern reports an invalid regular expression, and one with fewer groups than needed.
func (f *findings) pattern(pointer, pattern string, groups int) {
	re, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		f.add(pointer, "is no regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is that of Go (RE2)")
	case re.NumSubexp() < groups:
		f.add(pointer, "has no group", "put the number into parentheses, for example took ([0-9.]+)s")
	}
}

// pointer reports an invalid JSON pointer in the key at at.
func (f *findings) pointer(at, pointer string) {
	if pointer != "" && pointer[0] != '/' {
		f.add(at, fmt.Sprintf("%q is no JSON pointer", pointer), "begin it with a slash, for example /stats/cycles")
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// CheckProgram checks that the program of a command line exists and can be executed. It
// warns of programs whose work proofline cannot end. pointer is the place of the command
// line in the config.
func CheckProgram(pointer string, argv []string) []sdk.Finding {
	var out findings
	if len(argv) == 0 {
		return nil
	}
	_, err := exec.LookPath(argv[0])
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		out.add(pointer+"/0", fmt.Sprintf("there is no program %s", argv[0]), "install it, put it into PATH, or write its whole path")
	case errors.Is(err, fs.ErrPermission):
		out.add(pointer+"/0", fmt.Sprintf("%s is not executable", argv[0]), "chmod +x "+argv[0])
	case err != nil && !errors.Is(err, exec.ErrDot):
		out.add(pointer+"/0", err.Error(), "")
	}
	switch name := filepath.Base(argv[0]); {
	case slices.Contains(containerClients, name):
		out = append(out, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: pointer + "/0",
			Summary: name + " starts the work below a daemon, out of reach of proofline: a kill ends the client and may leave the container at work",
			Remedy:  "run the container in the foreground with --rm and --init, without -d, and have the program remove what an earlier run has left (docker rm -f NAME)"})
	case slices.Contains(userChangers, name):
		out = append(out, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: pointer + "/0",
			Summary: name + " runs the work as another user, whom proofline may not kill: what is left of it blocks the stage until it ends",
			Remedy:  "run proofline as the user who may do the work"})
	}
	return out
}

// Programs whose work the keeper around a plugin cannot end, because they start it as a
// child of a daemon or as another user.
var (
	containerClients = []string{"docker", "docker-compose", "nerdctl", "kubectl", "systemd-run"}
	userChangers     = []string{"sudo", "doas", "su", "runuser", "pkexec"}
)

// Check implements the SDK's checker.
func (c Config) Check(context.Context) []sdk.Finding { return CheckProgram("/command", c.Command) }

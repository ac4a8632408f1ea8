package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere are the commands whose correct use a script cannot show, with the test that
// shows it.
var elsewhere = map[string]string{
	"top":          "host/top: it needs a terminal",
	"blocks skip":  "TestCommandsReachTheHost: a block that waits in a running pipeline",
	"log level":    "TestCommandsReachTheHost: a running pipeline",
	"drain":        "TestCommandsReachTheHost: a running pipeline",
	"reload":       "TestCommandsReachTheHost: a running pipeline",
	"report":       "TestCommandsReachTheHost: a proof, and a running pipeline",
	"verify":       "TestVerifyCommand: a proof",
	"bench":        "TestBench in e2e: blocks of a network",
	"plugins lock": "make build, which every script runs behind",
	"plugins test": "TestPluginsTest: minutes for a plugin",
}

// TestEveryCommandHasAScript: the scripts of e2e run every command, in a correct use and
// two wrong ones, each with its exit code. TestExamples checks its help.
func TestEveryCommandHasAScript(t *testing.T) {
	files, err := filepath.Glob("e2e/testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	count := func(form, name string) int {
		pattern, distinct := regexp.MustCompile(`^`+form+` proofline `+regexp.QuoteMeta(name)+`( |$)`), map[string]bool{}
		for _, line := range lines {
			if pattern.MatchString(line) {
				distinct[line] = true
			}
		}
		return len(distinct)
	}
	for name := range leaves() {
		if wrong := count(`exits [1-9][0-9]*`, name); wrong < 2 {
			t.Errorf("%s: the scripts have %d wrong uses, want two", name, wrong)
		}
		if good := count(`(exits 0|exec)`, name); good == 0 && elsewhere[name] == "" {
			t.Errorf("%s: the scripts have no good path", name)
		} else if good > 0 && elsewhere[name] != "" {
			t.Errorf("%s: the scripts have a good path; take it out of elsewhere", name)
		}
	}
}

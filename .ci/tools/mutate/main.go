// Command mutate makes small changes to the product, one after the other, and runs the
// tests that should fail then. Its exit status is 1 if the tests pass with a change, and 2
// if a change does not fit the source.
//
//	mutate [-run REGEXP] [-check] ROOT FILE...
//
// With -check no test runs: every change must fit the source.
//
// A file of mutations holds blocks that are separated by blank lines:
//
//	# what the product does wrong with the change
//	file host/engine/claim.go
//	test ./host/engine
//	run ^TestClaims$            only these tests; may be left out
//	- a line of the source, without its indentation
//	+ the line that replaces it; may be left out
//
// Several lines with "-" are consecutive lines of the source. They must occur exactly
// once. The source itself is not changed, because the compiler gets an overlay.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// mutation is one change and the tests that must fail with it.
type mutation struct {
	name     string
	file     string
	packages []string
	tests    string // regular expression of the tests; empty for all
	old, new []string
}

func main() {
	pattern := flag.String("run", "", "only mutations whose description matches `REGEXP`")
	check := flag.Bool("check", false, "only see whether every mutation fits the source")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: mutate [-run REGEXP] [-check] ROOT FILE...")
		os.Exit(2)
	}
	only, err := regexp.Compile(*pattern)
	if err != nil {
		fail(err)
	}
	var all []mutation
	for _, name := range flag.Args()[1:] {
		text, err := os.ReadFile(name)
		if err != nil {
			fail(err)
		}
		found, err := parse(string(text))
		if err != nil {
			fail(fmt.Errorf("%s: %w", name, err))
		}
		all = append(all, found...)
	}
	var mismatches []error
	for _, m := range all {
		if _, err := m.mutate(flag.Arg(0)); err != nil {
			mismatches = append(mismatches, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	if err := errors.Join(mismatches...); err != nil || *check {
		if err != nil {
			fail(err)
		}
		return
	}
	unnoticed := 0
	for _, m := range all {
		if !only.MatchString(m.name) {
			continue
		}
		began := time.Now()
		noticed, err := m.test(flag.Arg(0))
		if err != nil {
			fail(fmt.Errorf("%s: %w", m.name, err))
		}
		verdict := "noticed  "
		if !noticed {
			verdict = "UNNOTICED"
			unnoticed++
		}
		fmt.Printf("%s %5.1fs  %s\n", verdict, time.Since(began).Seconds(), m.name)
	}
	if unnoticed > 0 {
		fmt.Printf("%d changes left every test green\n", unnoticed)
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutate:", err)
	os.Exit(2)
}

func parse(text string) (all []mutation, err error) {
	for _, block := range strings.Split(text, "\n\n") {
		var m mutation
		for _, line := range strings.Split(strings.Trim(block, "\n"), "\n") {
			key, rest, _ := strings.Cut(line, " ")
			switch key {
			case "#":
				m.name = strings.TrimSpace(m.name + " " + rest)
			case "file":
				m.file = rest
			case "test":
				m.packages = strings.Fields(rest)
			case "run":
				m.tests = rest
			case "-":
				m.old = append(m.old, rest)
			case "+":
				m.new = append(m.new, rest)
			case "":
			default:
				return nil, fmt.Errorf("the line %q begins with none of # file test run - +", line)
			}
		}
		if m.file == "" && len(m.old) == 0 {
			continue // a comment
		}
		if m.name == "" || m.file == "" || len(m.packages) == 0 || len(m.old) == 0 {
			return nil, fmt.Errorf("the block %q lacks a part", m.name)
		}
		all = append(all, m)
	}
	return all, nil
}

// apply returns the changed source.
func (m mutation) apply(source string) (string, error) {
	lines := strings.Split(source, "\n")
	at := -1
	for i := range lines {
		if !m.matches(lines[i:]) {
			continue
		}
		if at >= 0 {
			return "", errors.New("the lines occur more than once in " + m.file)
		}
		at = i
	}
	if at < 0 {
		return "", errors.New("the lines do not occur in " + m.file)
	}
	changed := append([]string{}, lines[:at]...)
	changed = append(changed, m.new...)
	return strings.Join(append(changed, lines[at+len(m.old):]...), "\n"), nil
}

func (m mutation) matches(lines []string) bool {
	if len(lines) < len(m.old) {
		return false
	}
	for i, want := range m.old {
		if strings.TrimSpace(lines[i]) != strings.TrimSpace(want) {
			return false
		}
	}
	return true
}

// path returns the file that the mutation changes.
func (m mutation) path(root string) string {
	return filepath.Join(root, filepath.FromSlash(m.file))
}

// mutate returns the changed source.
func (m mutation) mutate(root string) (string, error) {
	source, err := os.ReadFile(m.path(root))
	if err != nil {
		return "", err
	}
	return m.apply(string(source))
}

// test reports whether a test of the mutation's packages fails.
func (m mutation) test(root string) (noticed bool, err error) {
	original := m.path(root)
	changed, err := m.mutate(root)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	replacement, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replacement, []byte(changed), 0o600); err != nil {
		return false, err
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return false, err
	}
	if out, err := run(root, append([]string{"vet", "-overlay", overlay}, m.packages...)...); err != nil {
		return false, fmt.Errorf("the changed source does not compile:\n%s", out)
	}
	_, err = run(root, append([]string{"test", "-count=1", "-failfast", "-timeout=2m", "-run", m.tests, "-overlay", overlay}, m.packages...)...)
	return err != nil, nil
}

func run(root string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

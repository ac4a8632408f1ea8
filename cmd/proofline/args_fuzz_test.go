package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// FuzzFlagsFirst: arguments are only moved, and none is lost or added. There are two
// exceptions: a flag without its value at the end of the line ends the arguments, and a
// flag for help drops all other arguments.
func FuzzFlagsFirst(f *testing.F) {
	for _, line := range []string{"", "run pipeline.yaml --blocks 5", "blocks add 1 -f x 2", "prove 5 -- --input", "init - --file -", "blocks list --state", "keeper -- x"} {
		f.Add(line)
	}
	app := App(Options{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, LookupEnv: os.LookupEnv})
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		got := flagsFirst(app, slices.Clone(args))
		sorted := func(list []string) []string {
			list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "--" })
			slices.Sort(list)
			return list
		}
		if len(got) > 0 && len(got) < len(args) && strings.HasPrefix(got[len(got)-1], "-") && got[len(got)-1] == args[len(args)-1] {
			return
		}
		if len(got) > 0 && got[len(got)-1] == "--help" && (slices.Contains(args, "-h") || slices.Contains(args, "--help")) {
			return
		}
		if !slices.Equal(sorted(args), sorted(got)) {
			t.Errorf("%q becomes %q", args, got)
		}
		if again := flagsFirst(app, slices.Clone(got)); !slices.Equal(again, got) {
			t.Errorf("%q becomes %q, and that %q", args, got, again)
		}
	})
}

// FuzzBlockNumbers: the number of accepted blocks is limited, and none occurs twice.
func FuzzBlockNumbers(f *testing.F) {
	for _, line := range []string{"5", "0x10", "24,647,140", "5-9 7", "9-5", "18446744073709551615", "0-18446744073709551615", "-", "1-2-3"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		numbers, err := blockNumbers(strings.Fields(line))
		if err != nil {
			return
		}
		if len(numbers) == 0 || len(numbers) > maxAdd {
			t.Errorf("%q is %d blocks", line, len(numbers))
		}
		slices.Sort(numbers)
		if len(slices.Compact(slices.Clone(numbers))) != len(numbers) {
			t.Errorf("%q repeats a block", line)
		}
	})
}

package sdk_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// opened is a task in a directory with input.bin, and the events it causes.
func opened(t *testing.T, change ...func(*contract.Task)) (*sdk.Task, *[]sdk.WorkEvent) {
	t.Helper()
	content := task(t)
	for _, c := range change {
		c(&content)
	}
	var events []sdk.WorkEvent
	opened, err := sdk.OpenTask(content, slog.New(slog.DiscardHandler), func(e sdk.WorkEvent) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened, &events
}

func TestTaskInput(t *testing.T) {
	k, _ := opened(t)
	path, err := k.Input("input.bin")
	if err != nil || path != filepath.Join(k.Dir, "in", "input.bin") {
		t.Errorf("%s, %v", path, err)
	}
	if !k.HasInput("input.bin") || k.HasInput("other.bin") {
		t.Error("HasInput is wrong")
	}
	if _, err := k.Input("other.bin"); sdk.ClassOf(err) != sdk.ClassPermanent || !strings.Contains(err.Error(), "other.bin") {
		t.Errorf("absent input: %v", err)
	}

	tests := map[string]func(*contract.Task){
		"changed":      func(c *contract.Task) { c.Inputs[0].SHA256[0] ^= 1 },
		"other length": func(c *contract.Task) { c.Inputs[0].Size++ },
		"gone":         func(c *contract.Task) { _ = os.Remove(filepath.Join(c.Dir, "in", "input.bin")) },
		"path out":     func(c *contract.Task) { c.Inputs[0].Path = "../input.bin" },
		"link out": func(c *contract.Task) {
			outside := filepath.Join(t.TempDir(), "secret")
			data := []byte("guest input") // even the right bytes
			_ = os.WriteFile(outside, data, 0o600)
			_ = os.Remove(filepath.Join(c.Dir, "in", "input.bin"))
			_ = os.Symlink(outside, filepath.Join(c.Dir, "in", "input.bin"))
		},
	}
	for name, change := range tests {
		k, _ := opened(t, change)
		if path, err := k.Input("input.bin"); err == nil {
			t.Errorf("%s: the input is accepted: %s", name, path)
		}
	}
	compared, _ := opened(t, tests["changed"], func(c *contract.Task) { c.Inputs[0].Compared = true })
	if _, err := compared.Input("input.bin"); err != nil {
		t.Errorf("an input that the host has compared is read again: %v", err)
	}
}

func TestOutput(t *testing.T) {
	k, _ := opened(t)
	out, err := k.Create("a.bin")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := out.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(k.Dir, "out", "a.bin")); err == nil {
		t.Error("the output is visible before Commit")
	}
	a, err := out.Commit()
	want := sdk.Artifact{Name: "a.bin", Path: "out/a.bin", Size: 9}
	if err != nil || a != want {
		t.Errorf("%+v, %v", a, err)
	}
	out.Discard()
	if data, err := os.ReadFile(filepath.Join(k.Dir, "out", "a.bin")); err != nil || string(data) != "abcabcabc" {
		t.Errorf("after Commit and Discard: %q, %v", data, err)
	}
	if _, err := out.Write(nil); err == nil {
		t.Error("a write after Commit succeeds")
	}
	if _, err := out.Commit(); err == nil {
		t.Error("a second Commit succeeds")
	}

	again, err := k.Create("a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Commit(); sdk.ClassOf(err) != sdk.ClassPermanent {
		t.Errorf("an artifact was replaced: %v", err)
	}
	dropped, err := k.Create("b.bin")
	if err != nil {
		t.Fatal(err)
	}
	dropped.Discard()
	files, err := os.ReadDir(filepath.Join(k.Dir, "out"))
	if err != nil || len(files) != 1 {
		t.Errorf("out/ holds %v, %v", files, err)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "a\x00"} {
		if _, err := k.Create(name); sdk.ClassOf(err) != sdk.ClassPermanent {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestAdopt(t *testing.T) {
	k, _ := opened(t)
	outside := filepath.Join(t.TempDir(), "outside")
	files := map[string]string{
		filepath.Join(k.Temp(), "made"): "abc", filepath.Join(k.Temp(), "made2"): "abc",
		filepath.Join(k.Dir, "out", "placed.bin"): "abc", outside: "abc",
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(k.Temp(), "link")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(k.Temp(), "kept"), nil, 0o600), os.Symlink("kept", filepath.Join(k.Temp(), "inner"))); err != nil {
		t.Fatal(err)
	}
	for path, name := range map[string]string{
		filepath.Join(k.Temp(), "made"): "one.bin", "tmp/made2": "two.bin", "out/placed.bin": "placed.bin",
	} {
		a, err := k.Adopt(path, name)
		if err != nil || a.Path != "out/"+name || a.Size != 3 {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
		if _, err := os.Stat(filepath.Join(k.Dir, "out", name)); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{outside, "../outside", "tmp/link", "tmp/inner", "tmp/none", "tmp", "/etc/hostname"} {
		if a, err := k.Adopt(path, "three.bin"); err == nil {
			t.Errorf("%s was adopted: %+v", path, a)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("a file outside was moved: %v", err)
	}
}

func TestOpenTaskErrors(t *testing.T) {
	for _, dir := range []string{"", "relative", filepath.Join(t.TempDir(), "none")} {
		content := task(t)
		content.Dir = dir
		if k, err := sdk.OpenTask(content, slog.New(slog.DiscardHandler), nil); err == nil {
			k.Close()
			t.Errorf("directory %q was opened", dir)
		}
	}
}

func TestTaskEvents(t *testing.T) {
	k, events := opened(t)
	for i := range 1000 {
		k.Progress(sdk.Progress{Phase: "ONE", Fraction: float64(i) / 1000})
	}
	k.Progress(sdk.Progress{Phase: "TWO"})
	if n := len(*events); n < 2 || n > 20 || (*events)[n-1].Progress.Phase != "TWO" {
		t.Errorf("%d events, the last is %+v", n, (*events)[n-1])
	}
	if err := k.SaveResume(nil); err != nil || (*events)[len(*events)-1].Resume == nil {
		t.Errorf("dropping the token: %v, %+v", err, (*events)[len(*events)-1])
	}
	if err := k.SaveResume(make([]byte, 5000)); err == nil {
		t.Error("a token of 5000 bytes was accepted")
	}
}

func TestEventArtifacts(t *testing.T) {
	content := task(t)
	content.Inputs[0].Role = sdk.RoleProof
	var published []sdk.WorkEvent
	e, err := sdk.OpenEvent(contract.Event{ID: "1", Kind: contract.EventProved, Time: time.Now(), Block: &content.Block,
		Artifacts: content.Inputs, Dir: content.Dir, Try: 1}, slog.New(slog.DiscardHandler),
		func(e sdk.WorkEvent) error { published = append(published, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	path, a, ok := e.ByRole(sdk.RoleProof)
	checked, err := e.Input(a.Name)
	if !ok || err != nil || path != checked {
		t.Errorf("by role %s, by name %s, %v", path, checked, err)
	}
	if _, _, ok := e.ByRole("other"); ok {
		t.Error("an artifact has a role that none has")
	}
	if err := e.Publish(sdk.Artifact{Name: "none", Path: "out/none"}); err == nil {
		t.Error("what is not there was published")
	}
	out, err := e.Create("body.json")
	if err != nil {
		t.Fatal(err)
	}
	body, err := out.Commit()
	if err := errors.Join(err, e.Publish(body)); err != nil || len(published) != 1 || published[0].Publish.Name != "body.json" {
		t.Errorf("%v, %+v", err, published)
	}
}

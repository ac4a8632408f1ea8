package catalog

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOldNameIsFound checks that a plugin is found by its name in an earlier release.
func TestOldNameIsFound(t *testing.T) {
	dir := t.TempDir()
	notify := script(t, dir, "reporter-notify", `[ "$1" = describe ] && echo '{"name":"reporter-notify","version":"1.0.0","kind":"reporter","summary":"s","config_schema":{"type":"object"}}'`)
	for _, name := range []string{"reporter-slack", "reporter-webhook"} {
		b, err := Open([]string{dir}).Find(name)
		if err != nil || b.Path != notify || b.Name != "reporter-notify" {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
	old := script(t, dir, "reporter-slack", `[ "$1" = describe ] && echo '{"name":"reporter-slack","version":"0.1.0","kind":"reporter","summary":"s","config_schema":{"type":"object"}}'`)
	if b, err := Open([]string{dir}).Find("reporter-slack"); err != nil || b.Path != old {
		t.Errorf("a binary of the old name: %+v, %v", b, err)
	}
	if err := os.Remove(filepath.Join(dir, "reporter-notify")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open([]string{dir}).Find("reporter-webhook"); err == nil {
		t.Error("neither is there: no error")
	}
}

func TestOldNameStandsForFields(t *testing.T) {
	slack, _ := Current("reporter-slack")
	webhook, _ := Current("reporter-webhook")
	for _, c := range []struct {
		renamed      Renamed
		config, want string
	}{
		{slack, `{}`, `{"to":"slack"}`}, {webhook, `{"url":"x","secret":"y"}`, `{"secret":"y","to":"webhook","url":"x"}`},
		{slack, `{"to":"discord"}`, `{"to":"discord"}`}, {slack, `[1]`, `[1]`},
	} {
		if got := string(c.renamed.Apply([]byte(c.config))); got != c.want {
			t.Errorf("%s: %s, want %s", c.config, got, c.want)
		}
	}
	if _, ok := Current("reporter-notify"); ok {
		t.Error("a present name counts as an old one")
	}
}

package guest

import (
	"strings"
	"testing"
)

func TestFramingOf(t *testing.T) {
	for version, want := range map[string]Framing{
		"0.13.0": Raw, "0.14.0": Raw, "v0.15.0": Raw, "0.16.0": Framed, "0.16.1": Framed, "0.18.0": Framed, "1.0.0-alpha": Framed, "v1.2.0": Framed,
	} {
		if have, err := FramingOf(version); err != nil || have != want {
			t.Errorf("%s: %q, %v", version, have, err)
		}
	}
	for _, version := range []string{"", "1", "new", "0.x.1", "-1.2"} {
		if have, err := FramingOf(version); err == nil {
			t.Errorf("%q: %q", version, have)
		}
	}
}

// The table must not contradict itself: the framing follows from the ZisK
// version, and the default framing of a format is that of all its guests.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Programs() {
		if seen[p.Name] {
			t.Errorf("%s is there twice", p.Name)
		}
		seen[p.Name] = true
		if version := strings.TrimLeft(p.ZisK, "≤≥ "); version == p.ZisK {
			if have, err := FramingOf(version); err != nil || have != p.Framing {
				t.Errorf("%s: ZisK %s reads %s files, the table says %s (%v)", p.Name, p.ZisK, have, p.Framing, err)
			}
		}
		have, err := Lookup(p.Name)
		if p.Format == "" {
			if err == nil || !strings.Contains(err.Error(), "Amsterdam") {
				t.Errorf("%s: %v", p.Name, err)
			}
			continue
		}
		if err != nil || have != p {
			t.Errorf("%s: %+v, %v", p.Name, have, err)
		}
		if _, err := ParseFormat(string(p.Format)); err != nil {
			t.Error(err)
		}
		if DefaultFraming(p.Format) != p.Framing {
			t.Errorf("%s: framing %s is not the default of %s", p.Name, p.Framing, p.Format)
		}
	}
	if _, err := Lookup("ethrex-v99.0.0"); err == nil || !strings.Contains(err.Error(), "ethrex-v9.0.0") {
		t.Error(err)
	}
	if _, err := ParseFormat("g5"); err == nil || !strings.Contains(err.Error(), "no release") {
		t.Error(err)
	}
}

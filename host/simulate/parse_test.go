package simulate

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestParseModel(t *testing.T) {
	for text, want := range map[string][2]float64{"3.97+0.584/Mgas": {3.97, 0.584}, "17": {17, 0}, " 2 + 1/Mgas +- 0.5": {2, 1}, "0+1/Mgas": {0, 1}} {
		m, err := ParseModel(text)
		if err != nil || m.Base != want[0] || m.PerMgas != want[1] {
			t.Errorf("%q: %+v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "fast", "1+", "1/Mgas", "-1", "1+2/gas", "1+2/Mgas+-", "0", "1e9", "100000000", "1.2.3", "NaN"} {
		if m, err := ParseModel(text); err == nil {
			t.Errorf("%q is %+v", text, m)
		}
	}
	m, err := ParseModel("3.97+0.584/Mgas")
	if err != nil || m.Time(30e6, 0.5) != time.Duration(21.49*1e9) || m.Time(30e6, 0.9) != m.Time(30e6, 0.1) {
		t.Errorf("%s, %v", m.Time(30e6, 0.5), err)
	}
	spread, err := ParseModel("20+-2")
	if err != nil {
		t.Fatal(err)
	}
	// 84.13 % of a normal distribution are less than one deviation above the mean.
	if got := spread.Time(0, 0.8413); got < 21900*time.Millisecond || got > 22100*time.Millisecond {
		t.Errorf("%s", got)
	}
}

func TestParseOutage(t *testing.T) {
	for text, want := range map[string]Outage{
		"10m@14:00": {Machine, 14 * time.Hour, 10 * time.Minute}, "90s@0:05=node": {Node, 5 * time.Minute, 90 * time.Second},
		"1h@38:30=gpus": {GPUs, 38*time.Hour + 30*time.Minute, time.Hour},
	} {
		if o, err := ParseOutage(text); err != nil || o != want {
			t.Errorf("%q: %+v, %v", text, o, err)
		}
	}
	for _, text := range []string{"", "10m", "10@14:00", "10m@14", "10m@14:60", "-1m@1:00", "10m@1:00=disk", "10m@1:00="} {
		if o, err := ParseOutage(text); err == nil {
			t.Errorf("%q is %+v", text, o)
		}
	}
}

func TestParseSweep(t *testing.T) {
	for text, want := range map[string][]uint64{"gpus=1..4": {1, 2, 3, 4}, "gpus=8..32/8": {8, 16, 24, 32}, "every=1,10,100": {1, 10, 100}, "gpus=1..2,4": {1, 2, 4}} {
		if s, err := ParseSweep(text); err != nil || !slices.Equal(s.Values, want) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "gpus", "gpus=", "gpus=0", "gpus=4..1", "gpus=1..100", "watts=1..2", "gpus=1..4/0", "gpus=a", "gpus=1..4294967295"} {
		if s, err := ParseSweep(text); err == nil {
			t.Errorf("%q is %+v", text, s)
		}
	}
}

func TestParseRates(t *testing.T) {
	for text, want := range map[string]float64{"1/day": 1, "2/hour": 48, "7/week": 1, "3": 3, "0": 0} {
		if got, err := ParseReorgs(text); err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("%q: %g, %v", text, got, err)
		}
	}
	for text, want := range map[string]float64{"0.5%": 0.005, "0.25": 0.25, "100%": 1} {
		if got, err := ParseShare(text); err != nil || math.Abs(got-want) > 1e-9 {
			t.Errorf("%q: %g, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1/month", "NaN"} {
		if _, err := ParseReorgs(text); err == nil {
			t.Errorf("reorgs of %q", text)
		}
		if _, err := ParseShare(text); err == nil {
			t.Errorf("a share of %q", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"3.97+0.584/Mgas+-1", "10m@14:00=gpus", "gpus=8..64/8", "1/day", "0.5%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := ParseModel(text); err == nil && m.Time(30e6, 1) <= 0 {
			t.Errorf("%q takes no time", text)
		}
		if o, err := ParseOutage(text); err == nil && (o.At < 0 || o.For <= 0) {
			t.Errorf("%q is %+v", text, o)
		}
		if s, err := ParseSweep(text); err == nil && (len(s.Values) == 0 || len(s.Values) > maxPoints || slices.Contains(s.Values, 0)) {
			t.Errorf("%q is %+v", text, s)
		}
		if n, err := ParseReorgs(text); err == nil && !(n >= 0) {
			t.Errorf("%q is %g", text, n)
		}
		if n, err := ParseShare(text); err == nil && !(n >= 0 && n <= 1) {
			t.Errorf("%q is %g", text, n)
		}
	})
}

// TestReadArchive reads real mainnet blocks, compressed as source-rpc keeps them.
func TestReadArchive(t *testing.T) {
	dir := "../../../shared/data/mainnet"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared/data")
	}
	s, err := ReadArchive(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint64{8999996, 364994, 50224062, 7372614, 7704951}; !slices.Equal(s.blocks, want) {
		t.Errorf("%+v", s)
	}
}

func TestArchiveFolders(t *testing.T) {
	dir := t.TempDir()
	for folder, gas := range map[string]string{"12": "0x3", "9-0a1b2c3d": "0x1", "10-0a1b2c3d": "0x2", "12-0a1b2c3d": "0x8", "notes": "0x9", "0": "0x0"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		content := `{"number":"0x1","gasUsed":"` + gas + `"}`
		if folder == "12" { // the whole answer of a node
			content = `{"jsonrpc":"2.0","id":1,"result":` + content + `}`
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "block.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := ReadArchive(dir); err != nil || !slices.Equal(s.blocks, []uint64{0, 1, 2, 3}) {
		t.Errorf("%+v, %v", s.blocks, err)
	}
}

func TestArchivesThatAreNone(t *testing.T) {
	empty, broken := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(broken, "7"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"", "{", "{}", `{"gasUsed":"much"}`} {
		if content != "" {
			if err := os.WriteFile(filepath.Join(broken, "7", "block.json"), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, dir := range []string{empty, broken, filepath.Join(empty, "nowhere")} {
			if s, err := ReadArchive(dir); err == nil {
				t.Errorf("%s with %q is %+v", dir, content, s)
			}
		}
	}
}

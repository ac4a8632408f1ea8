package strict

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// values are what a member is set to, by the names that verdicts.json has.
var values = []struct {
	name string
	v    any
}{
	{"absent", nil}, {"null", nil}, {"empty", ""}, {"0x", "0x"}, {"0X", "0X1"}, {"unprefixed", "12"}, {"0xg", "0xg"},
	{"padded", "0x" + strings.Repeat("0", 71) + "1"}, {"number", 7}, {"true", true}, {"list", []any{}}, {"object", map[string]any{}},
}

// changed returns the block with the value at a path like transactions.0.nonce.
func changed(t *testing.T, text []byte, path, name string, v any) []byte {
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(path, ".")
	at := document
	var set func(any)
	for i, step := range steps {
		switch have := at.(type) {
		case map[string]any:
			if i == len(steps)-1 && name == "absent" {
				delete(have, step)
			} else if i == len(steps)-1 {
				have[step] = v
			}
			set, at = func(v any) { have[step] = v }, have[step]
		case []any:
			k, err := strconv.Atoi(step)
			if err != nil {
				t.Fatal(path)
			}
			if i == len(steps)-1 && name == "absent" {
				set(slices.Delete(have, k, k+1))
				continue
			} else if i == len(steps)-1 {
				have[k] = v
			}
			at = have[k]
		}
	}
	changed, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

type verdict struct {
	Path     string
	Accepted []string // names of values
}

func recordedVerdicts(t *testing.T) (list []verdict) {
	recorded, err := os.ReadFile("testdata/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(recorded, &list); err != nil || len(list) < 100 {
		t.Fatal(len(list), err)
	}
	return list
}

// TestNothingPassesThatEthrexRefuses changes each member of a block with a transaction of each
// type in twelve ways, and compares the result with recorded verdicts. The JSON types of
// ethrex-common 17.0.0 to 23.0.0, which agree, gave the verdicts (the oracle in
// .ci/tools/oracle, command block).
func TestNothingPassesThatEthrexRefuses(t *testing.T) {
	text, err := os.ReadFile("testdata/block.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := Block(text); err != nil {
		t.Fatal(err)
	}
	verdicts := recordedVerdicts(t)
	// Forms that ethrex accepts and no client writes.
	harmless := []string{"unprefixed", "0X", "0xg", "number", "true", "list", "object"}
	var checked, stricter int
	for _, v := range verdicts {
		for _, c := range values {
			err := Block(changed(t, text, v.Path, c.name, c.v))
			accepted := slices.Contains(v.Accepted, c.name)
			checked++
			switch {
			case err == nil && !accepted:
				t.Errorf("%s %s: accepted, but ethrex refuses it", v.Path, c.name)
			case err != nil && accepted && !slices.Contains(harmless, c.name) && !strings.HasSuffix(v.Path, ".type") && v.Path != "extraData":
				t.Errorf("%s %s: refused, but ethrex takes it: %v", v.Path, c.name, err)
			case err != nil && accepted:
				stricter++
			}
		}
	}
	t.Logf("%d changes, %d of which ethrex would take", checked, stricter)
}

// TestOracleVerdicts compares the recorded verdicts with ethrex's types (make oracle).
func TestOracleVerdicts(t *testing.T) {
	oracle := os.Getenv("ETHREX_ORACLE")
	if oracle == "" {
		t.Skip("ETHREX_ORACLE does not name the oracle: make oracle builds and uses it, with cargo")
	}
	text, err := os.ReadFile("testdata/block.json")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := recordedVerdicts(t)
	var lines bytes.Buffer
	for _, v := range verdicts {
		for _, c := range values {
			lines.Write(append(changed(t, text, v.Path, c.name, c.v), '\n'))
		}
	}
	for _, release := range []string{"v17", "v18", "v19", "v20", "v21", "v22", "v23"} {
		command := exec.Command(oracle, "block", release)
		command.Stdin = bytes.NewReader(lines.Bytes())
		out, err := command.Output()
		if err != nil {
			t.Fatal(release, err)
		}
		answers := strings.Split(string(out), "\n")
		for i, v := range verdicts {
			for j, c := range values {
				answer := answers[i*len(values)+j]
				if have, want := answer == "ok", slices.Contains(v.Accepted, c.name); have != want {
					t.Errorf("%s: %s %s: recorded %v, now %s", release, v.Path, c.name, want, answer)
				}
			}
		}
	}
}

func TestWitness(t *testing.T) {
	for _, c := range []struct {
		text      string
		needsKeys bool
		want      string
	}{
		{`{"state":["0x80"],"codes":[],"headers":["0xc0"],"keys":[]}`, true, ""},
		{`{"jsonrpc":"2.0","result":{"state":["0x"],"codes":[],"headers":[]}}`, false, ""},
		{`{"state":[],"codes":[],"headers":[]}`, true, "keys is missing"},
		{`{"state":[],"codes":[],"headers":[],"keys":null}`, false, "keys is no array"},
		{`{"state":[],"codes":null,"headers":[]}`, false, "codes is no array"},
		{`{"state":{},"codes":[],"headers":[]}`, false, "state is no array"},
		{`{"state":[],"codes":["0X00"],"headers":[]}`, false, "codes [0] does not begin with 0x"},
		{`{"state":[],"codes":[],"headers":[{}]}`, false, "headers [0] is an object, as of geth"},
		{`{"state":["0x123"],"codes":[],"headers":[]}`, false, "state [0] encoding/hex: odd length hex string"},
		{`[`, false, "unexpected end"},
	} {
		err := Witness([]byte(c.text), c.needsKeys)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

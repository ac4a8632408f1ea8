package input_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// oracle is the program in .ci/tools/oracle, which has the published types of
// several releases of ethrex. ETHREX_ORACLE says where it is: make oracle.
type oracle string

func openOracle(t *testing.T) oracle {
	path := os.Getenv("ETHREX_ORACLE")
	if path == "" {
		t.Skip("ETHREX_ORACLE does not name the oracle: make oracle builds and uses it, with cargo")
	}
	return oracle(path)
}

func (o oracle) run(stdin []byte, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	command := exec.Command(string(o), args...)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := command.Run(); err != nil {
		return strings.TrimSpace(stderr.String()), err
	}
	return strings.TrimSpace(stdout.String()), nil
}

// releaseFormats says which formats the types of a release read; root objects that
// hold the same types go together.
func releaseFormats(release string) []guest.Format {
	switch release {
	case "v17", "v18", "v19", "v20":
		return []guest.Format{guest.G8, guest.Zec}
	case "v21", "v22", "v23":
		return []guest.Format{guest.G9}
	}
	return nil
}

var majorVersion = regexp.MustCompile(`\bethrex[- ](v[0-9]+)\b`)

// TestOracleGuests makes sure that the table of guests names for each release that
// the oracle has a format which its types read.
func TestOracleGuests(t *testing.T) {
	o := openOracle(t)
	for _, p := range guest.Programs() {
		match := majorVersion.FindStringSubmatch(p.Name + ", " + p.Note)
		if match == nil || !slices.Contains(guest.Formats(), p.Format) {
			continue
		}
		formats := releaseFormats(match[1])
		if formats == nil {
			t.Logf("%s: no crate of ethrex %s is published, its format %s is not checked", p.Name, match[1], p.Format)
			continue
		}
		if !slices.Contains(formats, p.Format) {
			t.Errorf("%s is listed with format %s, but ethrex %s reads %v", p.Name, p.Format, match[1], formats)
		}
	}
	releases, err := o.run(nil, "releases")
	if err != nil {
		t.Fatal(releases)
	}
	for _, release := range strings.Fields(releases) {
		if releaseFormats(release) == nil {
			t.Errorf("nothing says what ethrex %s reads", release)
		}
	}
}

// oracleCase is a block with its witness and network.
type oracleCase struct{ name, network, block, witness string }

func oracleCases(t *testing.T) []oracleCase {
	cases := []oracleCase{{"tiny", "mainnet", "testdata/tiny/block.json", "testdata/tiny/witness.json"}}
	files, err := filepath.Glob("testdata/random/*.g4.bin")
	if err != nil || len(files) == 0 {
		t.Fatal("no random cases:", err)
	}
	for _, file := range files {
		parts := strings.Split(filepath.Base(file), ".")
		base := filepath.Join("testdata/random", parts[0])
		cases = append(cases, oracleCase{parts[0], parts[1], base + ".block.json", base + ".witness.json"})
	}
	shared := witnesstest.Shared(t, "vectors")
	for _, c := range []oracleCase{{network: "hoodi", name: "hoodi_1265656"}, {network: "mainnet", name: "mainnet_24647140"}} {
		c.block = filepath.Join(shared, c.name, "block.json")
		c.witness = filepath.Join(t.TempDir(), c.name+".json")
		if err := os.WriteFile(c.witness, readFile(t, filepath.Join(shared, c.name, "witness.json.gz")), 0o600); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// TestOracle has every release decode what is written for it and refuse the rest,
// and compares the bytes with those that ethrex's own converter makes.
func TestOracle(t *testing.T) {
	o := openOracle(t)
	releases, err := o.run(nil, "releases")
	if err != nil {
		t.Fatal(releases)
	}
	temp := t.TempDir()
	archive, converted := filepath.Join(temp, "archive.bin"), filepath.Join(temp, "converted.bin")
	for _, c := range oracleCases(t) {
		config := oracleConfig(t, temp, c.network)
		for _, format := range []guest.Format{guest.G8, guest.G9, guest.Zec} {
			r := build(t, c.block, c.witness, strict(t, format, c.network))
			if err := os.WriteFile(archive, r.Archive, 0o600); err != nil {
				t.Fatal(err)
			}
			root := "program"
			if format == guest.Zec {
				root = "zec"
			}
			for _, release := range strings.Fields(releases) {
				text, err := o.run(nil, "decode", release, root, archive)
				reads := slices.Contains(releaseFormats(release), format)
				if (err == nil) != reads {
					t.Errorf("%s: %s decodes %s: %v, %s", c.name, release, format, err, text)
				}
				if !reads {
					continue
				}
				if text, err := o.run(nil, "convert", release, root, c.block, c.witness, config, converted); err != nil {
					t.Errorf("%s: %s converts: %s", c.name, release, text)
					continue
				}
				sameBytes(t, r.Archive, readFile(t, converted))
				t.Logf("%s: ethrex %s decodes %s: %s", c.name, release, format, text)
			}
		}
	}
}

// oracleConfig writes a network's configuration as ethrex's genesis files have it:
// the total difficulty is a string, because ethrex rounds a large number.
func oracleConfig(t *testing.T, dir, network string) string {
	decoder := json.NewDecoder(bytes.NewReader(readFile(t, "testdata/config/"+network+".json")))
	decoder.UseNumber()
	var config map[string]any
	if err := decoder.Decode(&config); err != nil {
		t.Fatal(err)
	}
	if number, ok := config["terminalTotalDifficulty"].(json.Number); ok {
		n, ok := new(big.Int).SetString(number.String(), 10)
		if !ok {
			t.Fatal(number)
		}
		config["terminalTotalDifficulty"] = "0x" + n.Text(16)
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, network+".json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

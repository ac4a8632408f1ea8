package guest

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
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

// TestTable checks that the framing of every program follows from its ZisK version, and that the
// default framing of a format is that of all its guests.
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
		lookup, other := Lookup, LookupSSZ
		if p.Format.SSZ() {
			lookup, other = LookupSSZ, Lookup
			if p.Forks.From == 0 || p.Forks.To != Amsterdam {
				t.Errorf("%s accepts %v", p.Name, p.Forks)
			}
		} else if p.Forks != (Forks{}) || !reflect.DeepEqual(p.ZKVMs, []string{ZisK}) {
			t.Errorf("%s: %v on %v", p.Name, p.Forks, p.ZKVMs)
		}
		if _, err := other(p.Name); err == nil {
			t.Errorf("%s is found among the programs of the other kind of format", p.Name)
		}
		if p.Format == SSZD1 {
			if _, err := lookup(p.Name); err == nil || !strings.Contains(err.Error(), "D1") {
				t.Errorf("%s: %v", p.Name, err)
			}
			continue
		}
		if have, err := lookup(p.Name); err != nil || !reflect.DeepEqual(have, p) {
			t.Errorf("%s: %+v, %v", p.Name, have, err)
		}
		_, errRkyv := ParseFormat(string(p.Format))
		_, errSSZ := ParseDialect(string(p.Format))
		if (errRkyv == nil) == (errSSZ == nil) {
			t.Errorf("%s: format %s: %v, %v", p.Name, p.Format, errRkyv, errSSZ)
		}
		if DefaultFraming(p.Format) != p.Framing {
			t.Errorf("%s: framing %s is not the default of %s", p.Name, p.Framing, p.Format)
		}
	}
	if _, err := Lookup("ethrex-v99.0.0"); err == nil || !strings.Contains(err.Error(), "ethrex-v9.0.0") || strings.Contains(err.Error(), "reth-") {
		t.Error(err)
	}
	if _, err := LookupSSZ("ethrex-v99.0.0"); err == nil || !strings.Contains(err.Error(), "ethrex-v29") || strings.Contains(err.Error(), "zisk-eth-client") {
		t.Error(err)
	}
	if _, err := ParseFormat("g5"); err == nil || !strings.Contains(err.Error(), "no release") {
		t.Error(err)
	}
}

// TestLookupByRelease checks that the releases of one major version are one program, and that
// D1, D3 and D4 are different programs.
func TestLookupByRelease(t *testing.T) {
	for name, want := range map[string]Format{
		"ethrex-v25": SSZD3, "ethrex-v26.0.0": SSZD3, "ethrex-v28.0.0": SSZD3, "ethrex-v29.0.0": SSZD4, "ethrex-v29.0.1": SSZD4,
		"ethrex-v31.0": SSZD4, "reth-0.1.0-rc.3": SSZD3, "reth-0.1.0-rc.4": SSZD4,
	} {
		if have, err := LookupSSZ(name); err != nil || have.Format != want {
			t.Errorf("%s: %+v, %v", name, have, err)
		}
	}
	for name, want := range map[string]string{
		"ethrex-v23.0.0": "D1", "ethrex-v29.0.0.1": "unknown guest", "ethrex-v2": "unknown guest", "ethrex-v9.0.0": "builder-ethrex writes", "ethrex-v9.0.1": "unknown guest",
	} {
		if _, err := LookupSSZ(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Lookup("ethrex-v29.0.0"); err == nil || !strings.Contains(err.Error(), "builder-stateless-input writes") {
		t.Error(err)
	}
}

// TestValidationResult checks the public values of the fixture, and the error for each
// difference.
func TestValidationResult(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "amsterdam")
	for _, name := range []string{"d4_sar00", "d3_guest_smoke"} {
		want, err := os.ReadFile(filepath.Join(dir, name, "stateless_output.bin"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := DecodeValidationResult(want)
		if err != nil || !o.Success || o.ChainID != 1 || o.SchemaID != Amsterdam.SchemaID() {
			t.Fatalf("%s: %+v, %v", name, o, err)
		}
		if have := o.Encode(); !bytes.Equal(have[:], want) || o.Hex() != hex.EncodeToString(want) {
			t.Errorf("%s: %x, want %x", name, have, want)
		}
		zisk := append(bytes.Clone(want), make([]byte, 256-ValidationResultSize)...)
		for _, good := range [][]byte{want, zisk} {
			if err := o.Check(good); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, c := range []struct {
			at   int
			want string
		}{{0, "another block"}, {31, "another block"}, {32, "success = 0"}, {33, "about chain"}, {41, "about schema"}, {42, "about schema"}, {43, "byte 43"}, {255, "byte 255"}} {
			changed := bytes.Clone(zisk)
			changed[c.at] ^= 1
			if err := o.Check(changed); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: byte %d: %v, want %q", name, c.at, err, c.want)
			}
		}
		for text, b := range map[string][]byte{"could not decode": make([]byte, 256), "42 bytes": want[:42], "byte 32 of the public values is 0x03": func() []byte { b := bytes.Clone(want); b[32] = 3; return b }()} {
			if err := o.Check(b); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q", name, err, text)
			}
		}
	}
}

func TestProgramOutput(t *testing.T) {
	o := BlockOutput{InitialStateRoot: [32]byte{1}, FinalStateRoot: [32]byte{2}, BlockHash: [32]byte{3}, ChainID: 4, Transactions: 5}
	// printf of the 160 bytes, sha256sum
	const want = "d78fd03ec818fe4b5d7f49ef4f368711cd29fa90a8a81760d2c84f4a0f9361cd"
	if have, known := o.PublicValues(G4); !known || hex.EncodeToString(have) != want {
		t.Errorf("%x, %v", have, known)
	}
	for _, f := range append(Dialects(), G7, G8, Zec7, Zec) {
		if _, known := o.PublicValues(f); known {
			t.Errorf("the commitment of %s is known", f)
		}
	}
}

func TestForks(t *testing.T) {
	if Amsterdam.SchemaID() != 0x1501 || BPO2.SchemaID() != 0x1401 || Paris.String() != "Paris" || Fork(0x16).Known() || !BPO1.Known() {
		t.Error("indexes are wrong")
	}
	if amsterdam.Has(BPO2) || !fromParis.Has(Osaka) || amsterdam.String() != "Amsterdam blocks only" || fromParis.String() != "blocks of Paris to Amsterdam" {
		t.Errorf("%v, %v", amsterdam, fromParis)
	}
	for f, want := range map[Fork]*params.BlobConfig{Cancun: params.DefaultCancunBlobConfig, Prague: params.DefaultPragueBlobConfig,
		BPO1: params.MainnetChainConfig.BlobScheduleConfig.BPO1, BPO2: params.MainnetChainConfig.BlobScheduleConfig.BPO2} {
		if have := f.Blobs(); have.Target != want.Target || have.Max != want.Max || have.UpdateFraction != want.UpdateFraction {
			t.Errorf("%v: %+v, want %+v", f, have, want)
		}
	}
	if common.HexToAddress(DepositContract) != params.MainnetChainConfig.DepositContractAddress {
		t.Error("the deposit contract is not mainnet's")
	}
}

func TestFrame(t *testing.T) {
	for n := range 18 {
		input := bytes.Repeat([]byte{7}, n)
		var file bytes.Buffer
		if err := WriteFramed(&file, input, Framed); err != nil {
			t.Fatal(err)
		}
		if file.Len()%8 != 0 {
			t.Errorf("%d bytes make a file of %d", n, file.Len())
		}
		if have, err := Unframe(file.Bytes()); err != nil || !bytes.Equal(have, input) {
			t.Errorf("%x, %v", have, err)
		}
	}
	for text, content := range map[string][]byte{"too short": {1}, "only 0 follow": {1, 0, 0, 0, 0, 0, 0, 0}, "where 7 are due": {1, 0, 0, 0, 0, 0, 0, 0, 9}, "not zero": {1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0}} {
		if _, err := Unframe(content); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%x: %v", content, err)
		}
	}
}

package chainspec

import (
	"encoding/json"
	"math/big"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// parse returns both forms of a configuration and fails the test where one is an error.
func parse(t *testing.T, text string) (*Config, *params.ChainConfig) {
	t.Helper()
	spec, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	config, err := spec.Ethrex()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	return config, rules
}

// TestNetworksEqualGenesis checks that the built-in configurations in ethrex's form equal those
// in ethrex's genesis files.
func TestNetworksEqualGenesis(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "config")
	for _, name := range Networks() {
		file, err := Read(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := file.Ethrex()
		if err != nil {
			t.Fatal(err)
		}
		spec, err := Network(name)
		if err != nil {
			t.Fatal(err)
		}
		have, err := spec.Ethrex()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(have, want) {
			t.Errorf("%s: have %+v\nwant %+v", name, have, want)
		}
		if byID, err := ByID(want.ChainID); err != nil || byID != spec {
			t.Errorf("chain id %d: %+v, %v", want.ChainID, byID, err)
		}
		// ethrex's own file gives go-ethereum the rules that it has built in, as far
		// as the file knows the forks.
		rules, err := file.Rules()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		builtIn, err := spec.Rules()
		if err != nil {
			t.Fatal(err)
		}
		for _, time := range []uint64{*builtIn.CancunTime, *builtIn.PragueTime, *builtIn.OsakaTime, *builtIn.BPO1Time, *builtIn.BPO2Time} {
			for _, time := range []uint64{time, max(time, 1) - 1} {
				if have, want := rules.LatestFork(time), builtIn.LatestFork(time); have != want {
					t.Errorf("%s at %d: %v by ethrex's file, %v built in", name, time, have, want)
				}
			}
			if have, want := rules.BlobConfig(rules.LatestFork(time)), builtIn.BlobConfig(builtIn.LatestFork(time)); *have != *want {
				t.Errorf("%s at %d: blobs %+v by ethrex's file, %+v built in", name, time, have, want)
			}
		}
		if rules.DepositContractAddress != builtIn.DepositContractAddress {
			t.Errorf("%s: deposit contract %v, built in %v", name, rules.DepositContractAddress, builtIn.DepositContractAddress)
		}
	}
}

func TestPublicNetworks(t *testing.T) {
	for id, want := range map[uint64]struct {
		name string
		bpo2 uint64
	}{
		1:        {"mainnet", 1767747671},
		11155111: {"sepolia", 1761607008},
		17000:    {"holesky", 1760389824},
		560048:   {"hoodi", 1762955544},
	} {
		spec, err := ByID(id)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := spec.Rules()
		if err != nil {
			t.Fatal(err)
		}
		if spec.Name != want.name || *rules.BPO2Time != want.bpo2 || rules.ChainID.Uint64() != id {
			t.Errorf("chain %d is %s with bpo2Time %d, want %s with %d", id, spec.Name, *rules.BPO2Time, want.name, want.bpo2)
		}
		if !rules.IsPrague(big.NewInt(30_000_000), *rules.PragueTime) || rules.IsPrague(big.NewInt(30_000_000), *rules.PragueTime-1) {
			t.Errorf("%s: Prague does not start at %d", spec.Name, *rules.PragueTime)
		}
	}
	if _, err := Network("ropsten"); err == nil || !strings.Contains(err.Error(), "holesky") {
		t.Error(err)
	}
	if _, err := ByID(7); err == nil || !strings.Contains(err.Error(), "chain id 7") {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	const rest = `"depositContractAddress":"0x7f02C3E3c98b133055B8B348B2Ac625669Ed295D"}`
	for _, c := range []struct{ text, want string }{
		{``, "unexpected end of JSON input"},
		{`{`, "unexpected end of JSON input"},
		{`[]`, "cannot unmarshal array"},
		{`{}`, "chainId is missing"},
		{`{"config":{}}`, "chainId is missing"},
		{`{"chainId":0}`, "chainId is 0"},
		{`{"chainId":"x"}`, "chainId"},
		{`{"chainId":123456789012345678901234567890}`, "chainId"},
		{`{"chainId":1,"depositContractAddress":"0x12"}`, `depositContractAddress: "0x12" is no address`},
		{`{"chainId":-1,` + rest, "chainId"},
		{`{"chainId":1,"pragueTime":18446744073709551616,` + rest, "pragueTime"},
		{`{"chainId":1,"pragueTime":"0x1",` + rest, "pragueTime"},
		{`{"chainId":1,"terminalTotalDifficulty":"0x1ffffffffffffffffffffffffffffffff",` + rest, "terminalTotalDifficulty: 0x1ffffffffffffffffffffffffffffffff is no number of up to 128 bits"},
		{`{"chainId":1,"terminalTotalDifficulty":"",` + rest, "terminalTotalDifficulty"},
		{`{"chainId":1,"terminalTotalDifficulty":-1,` + rest, "terminalTotalDifficulty"},
		{`{"chainId":1,"blobSchedule":{"bpo3":{"max":1}},` + rest, "blobSchedule.bpo3: needs"},
		{`{"chainId":1,"blobSchedule":{"bpo3":{"max":4294967296,"target":1,"baseFeeUpdateFraction":1}},` + rest, "max"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %s", c.text, err, c.want)
		}
	}
	spec, err := Parse([]byte(`{"config":{"chainId":7,"terminalTotalDifficulty":"0xc70d808a128d7380000","amsterdamTime":9,
		"blobSchedule":{"bpo3":{"max":3,"target":2,"baseFeeUpdateFraction":1},"osaka":null,"future":{"max":1,"target":1,"baseFeeUpdateFraction":1}},` + rest + `}`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Ethrex()
	if err != nil {
		t.Fatal(err)
	}
	if c.ChainID != 7 || !c.TerminalTotalDifficulty.Eq(mainnet().TerminalTotalDifficulty) || *c.AmsterdamTime != 9 ||
		*c.BlobSchedule.BPO3 != (Blob{1, 3, 2}) || c.BlobSchedule.Osaka != defaultSchedule.Osaka || c.BlobSchedule.BPO4 != nil {
		t.Errorf("%+v", c)
	}
}

// TestTerminalTotalDifficulty checks that both forms read the terminal total difficulty as a
// number, which geth writes, and as a string, which all of ethrex's files have
// (lambdaclass/ethrex:fixtures/genesis/l1-bal.json@18cac661).
func TestTerminalTotalDifficulty(t *testing.T) {
	own := *params.HoodiChainConfig
	own.ChainID = big.NewInt(1337)
	plain, err := json.Marshal(&own)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(plain), `"terminalTotalDifficulty":0`) {
		t.Fatalf("go-ethereum writes the configuration otherwise: %s", plain)
	}
	for written, want := range map[string]int64{`0`: 0, `"0x0"`: 0, `"0"`: 0, `17`: 17, `"17"`: 17, `"0x11"`: 17} {
		text := strings.Replace(string(plain), `"terminalTotalDifficulty":0`, `"terminalTotalDifficulty":`+written, 1)
		for _, text := range []string{text, `{"config":` + text + `,"alloc":{},"gasLimit":"0x1"}`} {
			config, rules := parse(t, text)
			if config.TerminalTotalDifficulty.Uint64() != uint64(want) || rules.TerminalTotalDifficulty.Int64() != want {
				t.Errorf("%s: %v in ethrex's form, %v in go-ethereum's, want %d", written, config.TerminalTotalDifficulty, rules.TerminalTotalDifficulty, want)
			}
			rules.TerminalTotalDifficulty = own.TerminalTotalDifficulty
			// Ethash is an empty object that no rule depends on.
			rules.Ethash = own.Ethash
			if !reflect.DeepEqual(rules, &own) {
				t.Errorf("%s: have %+v\nwant %+v", written, rules, &own)
			}
		}
	}
}

// TestForms checks that an entry that only one form requires does not make the other form fail.
func TestForms(t *testing.T) {
	own := *params.HoodiChainConfig
	plain, err := json.Marshal(&own)
	if err != nil {
		t.Fatal(err)
	}
	const blobs = `"cancun":{"target":3,"max":6,"baseFeeUpdateFraction":3338477}`
	if !strings.Contains(string(plain), blobs) {
		t.Fatalf("go-ethereum writes the configuration otherwise: %s", plain)
	}
	for _, c := range []struct{ old, new, ethrex, rules string }{
		{`"terminalTotalDifficulty":0,`, ``, "", "chain 560048 has no terminalTotalDifficulty"},
		{`"londonBlock":0,`, ``, "", "chain 560048 has no londonBlock"},
		{`"bpo1":{`, `"other":{`, "", `missing entry for fork "bpo1"`},
		{`"cancunTime":0`, `"cancunTime":9999999999`, "", "out of order"},
		{`"osakaTime":`, `"verkleTime":99,"osakaTime":`, "", "verkleTime"},
		{`"depositContractAddress":`, `"other":`, "depositContractAddress is missing", ""},
		{blobs + `,`, ``, "", ""},
		{blobs, blobs + `,"osaka":{"target":6,"max":9,"baseFeeUpdateFraction":5007716}`, "", ""},
		{blobs, blobs + `,"osaka":{"target":7,"max":9,"baseFeeUpdateFraction":5007716}`, "", "blobSchedule.osaka"},
		{blobs, `"amsterdam":{"target":14,"max":21,"baseFeeUpdateFraction":11684671},` + blobs, "", ""},
		{`"blobSchedule":{`, `"amsterdamTime":1999999999,"blobSchedule":{"amsterdam":{"target":14,"max":21,"baseFeeUpdateFraction":11684671},`, "", ""},
		{`"blobSchedule":{`, `"amsterdamTime":1999999999,"blobSchedule":{"amsterdam":{"target":6,"max":9,"baseFeeUpdateFraction":5007716},`, "", "blobSchedule.amsterdam"},
	} {
		text := strings.Replace(string(plain), c.old, c.new, 1)
		if text == string(plain) {
			t.Errorf("%s is not in %s", c.old, plain)
			continue
		}
		spec, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		for _, form := range []struct {
			name, want string
			have       error
		}{{"ethrex", c.ethrex, spec.configErr}, {"go-ethereum", c.rules, spec.rulesErr}} {
			if (form.have == nil) != (form.want == "") || form.have != nil && !strings.Contains(form.have.Error(), form.want) {
				t.Errorf("%s: in the form of %s: have %v, want %q", c.new, form.name, form.have, form.want)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(holeskyJSON)
	f.Add([]byte(`{"config":{"chainId":1,"blobSchedule":null}}`))
	f.Add([]byte(`{"chainId":1,"terminalTotalDifficulty":"0x0","londonBlock":0,"amsterdamTime":3,"blobSchedule":{"amsterdam":{"max":1,"target":1,"baseFeeUpdateFraction":1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		spec, err := Parse(text)
		if err != nil {
			return
		}
		if spec.ChainID == 0 {
			t.Error("accepted chain id 0")
		}
		if rules, err := spec.Rules(); err == nil && rules.ChainID.Uint64() != spec.ChainID {
			t.Errorf("rules of chain %s", rules.ChainID)
		}
		if config, err := spec.Ethrex(); err == nil && config.ChainID != spec.ChainID {
			t.Errorf("configuration of chain %d", config.ChainID)
		}
	})
}

// TestHegotaTime checks the names of hegotaTime that ethrex accepts.
func TestHegotaTime(t *testing.T) {
	for _, name := range []string{"hegotaTime", "bogotaTime", "bogota_time", "hezeTime", "heze_time"} {
		spec, err := Parse([]byte(`{"chainId":7,"depositContractAddress":"0x7f02C3E3c98b133055B8B348B2Ac625669Ed295D","` + name + `":5}`))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := spec.Ethrex(); err != nil || c.HegotaTime == nil || *c.HegotaTime != 5 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

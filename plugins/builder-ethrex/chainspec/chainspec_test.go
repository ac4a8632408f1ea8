package chainspec

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

func TestNetworksEqualGenesis(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "config")
	for _, name := range Networks() {
		want, err := ReadGenesis(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		have, err := Network(name)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(have, want) {
			t.Errorf("%s: have %+v\nwant %+v", name, have, want)
		}
		if byID, err := ByID(want.ChainID); err != nil || !reflect.DeepEqual(byID, want) {
			t.Errorf("chain id %d: %+v, %v", want.ChainID, byID, err)
		}
	}
}

func TestParseGenesis(t *testing.T) {
	const rest = `"depositContractAddress":"0x7f02C3E3c98b133055B8B348B2Ac625669Ed295D"}`
	for _, c := range []struct{ text, want string }{
		{`{`, "unexpected end of JSON input"},
		{`{}`, "chainId is missing"},
		{`{"chainId":1}`, "depositContractAddress is missing"},
		{`{"chainId":1,"depositContractAddress":"0x12"}`, `depositContractAddress: "0x12" is no address`},
		{`{"chainId":-1,` + rest, "chainId"},
		{`{"chainId":1,"pragueTime":18446744073709551616,` + rest, "pragueTime"},
		{`{"chainId":1,"pragueTime":"0x1",` + rest, "pragueTime"},
		{`{"chainId":1,"terminalTotalDifficulty":"0x1ffffffffffffffffffffffffffffffff",` + rest, "terminalTotalDifficulty: 0x1ffffffffffffffffffffffffffffffff is no number of up to 128 bits"},
		{`{"chainId":1,"blobSchedule":{"bpo3":{"max":1}},` + rest, "blobSchedule.bpo3: needs"},
		{`{"chainId":1,"blobSchedule":{"bpo3":{"max":4294967296,"target":1,"baseFeeUpdateFraction":1}},` + rest, "max"},
	} {
		if _, err := ParseGenesis([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %s", c.text, err, c.want)
		}
	}
	c, err := ParseGenesis([]byte(`{"config":{"chainId":7,"terminalTotalDifficulty":"0xc70d808a128d7380000","amsterdamTime":9,
		"blobSchedule":{"bpo3":{"max":3,"target":2,"baseFeeUpdateFraction":1},"osaka":null,"future":{"max":1,"target":1,"baseFeeUpdateFraction":1}},` + rest + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.ChainID != 7 || !c.TerminalTotalDifficulty.Eq(mainnet().TerminalTotalDifficulty) || *c.AmsterdamTime != 9 ||
		*c.BlobSchedule.BPO3 != (Blob{1, 3, 2}) || c.BlobSchedule.Osaka != defaultSchedule.Osaka || c.BlobSchedule.BPO4 != nil {
		t.Errorf("%+v", c)
	}
	if _, err := Network("ropsten"); err == nil || !strings.Contains(err.Error(), "holesky") {
		t.Error(err)
	}
	if _, err := ByID(7); err == nil {
		t.Error("chain id 7 is a public network")
	}
}

package chainconfig

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/params"
)

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
		config, name, err := ByID(id)
		if err != nil {
			t.Fatal(err)
		}
		if name != want.name || *config.BPO2Time != want.bpo2 {
			t.Errorf("chain %d is %s with bpo2Time %d, want %s with %d", id, name, *config.BPO2Time, want.name, want.bpo2)
		}
		if byName, err := ByName(name); err != nil || byName != config {
			t.Errorf("ByName(%q) = %v, %v", name, byName, err)
		}
		if !config.IsPrague(new(big.Int).SetUint64(30_000_000), *config.PragueTime) || config.IsPrague(new(big.Int).SetUint64(30_000_000), *config.PragueTime-1) {
			t.Errorf("%s: Prague does not start at %d", name, *config.PragueTime)
		}
	}
	if _, _, err := ByID(5); err == nil || !strings.Contains(err.Error(), "chain 5") {
		t.Errorf("chain 5: %v", err)
	}
	if _, err := ByName("goerli"); err == nil || !strings.Contains(err.Error(), "mainnet, sepolia, holesky, hoodi") {
		t.Errorf("goerli: %v", err)
	}
}

func TestParse(t *testing.T) {
	own := *params.HoodiChainConfig
	own.ChainID = big.NewInt(1337)
	plain, err := json.Marshal(&own)
	if err != nil {
		t.Fatal(err)
	}
	genesis := []byte(`{"config":` + string(plain) + `,"alloc":{},"gasLimit":"0x1"}`)
	for name, text := range map[string][]byte{"config": plain, "genesis": genesis} {
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.ChainID.Uint64() != 1337 || *got.OsakaTime != *own.OsakaTime || got.BlobScheduleConfig.BPO2.Max != 21 {
			t.Errorf("%s: %s", name, got)
		}
	}
	for text, want := range map[string]string{
		``:                 "no JSON",
		`[]`:               "no JSON object",
		`{}`:               "no chainId",
		`{"chainId": 0}`:   "chainId 0",
		`{"chainId": "x"}`: "does not decode",
		`{"chainId": 7}`:   "terminalTotalDifficulty",
		`{"config": {}}`:   "no chainId",
		`{"chainId": 7, "terminalTotalDifficulty": 0}`:                                                  "londonBlock",
		strings.Replace(string(plain), `"bpo1":`, `"other":`, 1):                                        `missing entry for fork "bpo1"`,
		strings.Replace(string(plain), `"cancunTime":0`, `"cancunTime":9999999999`, 1):                  "make no sense",
		strings.Replace(string(plain), `"chainId":1337`, `"chainId":123456789012345678901234567890`, 1): "chainId",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60s) = %v, want an error with %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(holeskyJSON)
	f.Add([]byte(`{"config":{"chainId":1,"blobSchedule":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := Parse(text)
		if err == nil && config.ChainID.Sign() <= 0 {
			t.Errorf("accepted chain id %s", config.ChainID)
		}
	})
}

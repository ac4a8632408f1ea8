package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/builder-ethrex/inspect"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/witness"
)

// asPlugin makes this test binary the plugin itself.
const asPlugin = "PROOFLINE_TEST_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// recorded holds the answers of a geth v1.17.8 for 19 blocks of a chain of its
// own, with Osaka and its blob parameters from genesis on.
const recorded = "testdata/geth-osaka"

func recordedFile(number int, what string) string {
	return fmt.Sprintf("%s/%d/%s.json.gz", recorded, number, what)
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	data, err := witness.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// recordedBlock returns the host's description of a recorded block, and its artifacts.
func recordedBlock(t testing.TB, number int) (contract.Block, map[string][]byte) {
	t.Helper()
	files := map[string][]byte{
		sdk.ArtifactBlock:   content(t, recordedFile(number, "block")),
		sdk.ArtifactWitness: content(t, recordedFile(number, "witness")),
		sdk.ArtifactChain:   content(t, recorded+"/chain.json"),
	}
	b, err := witness.DecodeBlock(files[sdk.ArtifactBlock])
	if err != nil {
		t.Fatal(err)
	}
	return contract.Block{ChainID: 560048, Number: b.NumberU64(), Hash: contract.Hash(b.Hash()), ParentHash: contract.Hash(b.ParentHash())}, files
}

func newTask(t *testing.T, block contract.Block, files map[string][]byte) *sdk.Task {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	message := contract.Task{Job: block.JobID(), Attempt: 1, Block: block, Dir: dir}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, "in", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		message.Inputs = append(message.Inputs, contract.Artifact{Name: name, Path: "in/" + name, Size: int64(len(data)), SHA256: sha256.Sum256(data)})
	}
	task, err := sdk.OpenTask(message, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(task.Close)
	return task
}

func newStage(t *testing.T, c Config) *builder {
	t.Helper()
	if c.Network == "" {
		c.Network = "auto"
	}
	b, err := open(t.Context(), c, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	block, files := recordedBlock(t, 5)
	var inputs []sdktest.Input
	for name, data := range files {
		inputs = append(inputs, sdktest.Input{Name: name, Data: data})
	}
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"format": "g4"}`),
		Block:  block, Inputs: inputs,
	})
}

func TestStage(t *testing.T) {
	block, files := recordedBlock(t, 5)
	b, err := witness.DecodeBlock(files[sdk.ArtifactBlock])
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Decode(files[sdk.ArtifactWitness])
	if err != nil {
		t.Fatal(err)
	}
	parent, err := w.Parent(b.Block)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config                 Config
		format, framing, keys  string
		derived, storage, size bool
	}{
		{config: Config{Format: "g4"}, format: "g4", framing: "raw", keys: "6"},
		{config: Config{Guest: "ethrex-v9.0.0"}, format: "g4", framing: "raw", keys: "6"},
		{config: Config{Format: "g8"}, format: "g8", framing: "framed", keys: "0"},
		{config: Config{Format: "g8", ZisK: "0.15.0"}, format: "g8", framing: "raw", keys: "0"},
		{config: Config{Guest: "zisk-eth-client-v0.8.0", Strict: false}, format: "zec", framing: "framed", keys: "0"},
		{config: Config{Format: "zec7", Network: "custom", Genesis: recorded + "/chain.json"}, format: "zec7", framing: "framed", keys: "6"},
	} {
		task := newTask(t, block, files)
		r, err := newStage(t, c.config).Build(t.Context(), task)
		if err != nil {
			t.Errorf("%+v: %v", c.config, err)
			continue
		}
		if r.WorkTime <= 0 || len(r.Outputs) != 1 || r.Outputs[0].Name != sdk.ArtifactInput {
			t.Errorf("%+v: %+v", c.config, r)
		}
		f, err := inspect.Read(filepath.Join(task.Dir, r.Outputs[0].Path))
		if err != nil {
			t.Fatal(err)
		}
		s := f.Summarize()
		if string(s.Format) != c.format || string(s.Framing) != c.framing || len(s.Findings) > 0 || s.Block.Hash != [32]byte(block.Hash) || s.Chain.Network != "custom" {
			t.Errorf("%+v: %s %s, findings %v, chain %s", c.config, s.Format, s.Framing, s.Findings, s.Chain.Network)
		}
		want := map[string]string{
			"format": c.format, "framing": c.framing, "storage_tries": fmt.Sprint(s.Witness.StorageTries), "keys_derived": c.keys,
			"ignored_entries": "0", "uncovered_accounts": "0", "surplus_entries": "0", "gas_used": fmt.Sprint(s.Block.GasUsed), "tx_count": "1",
		}
		// What a guest of g4 commits to is known (guest.BlockOutput).
		if c.format == "g4" {
			output := guest.BlockOutput{InitialStateRoot: parent.Root, FinalStateRoot: s.Block.StateRoot, BlockHash: s.Block.Hash, ChainID: block.ChainID, Transactions: 1}
			values, _ := output.PublicValues(guest.G4)
			want["public_values"] = hex.EncodeToString(values)
		}
		if fmt.Sprint(r.Facts) != fmt.Sprint(want) {
			t.Errorf("%+v: facts %v, want %v", c.config, r.Facts, want)
		}
	}
}

func TestStageRefuses(t *testing.T) {
	block, files := recordedBlock(t, 9)
	_, otherFiles := recordedBlock(t, 10)
	for _, c := range []struct {
		name, want string
		config     Config
		change     func(b *contract.Block, files map[string][]byte)
		stale      string // the artifact that is to be made anew; the others are permanent
	}{
		{"another block", "block.json holds block 10", Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactBlock] = otherFiles[sdk.ArtifactBlock]
		}, "block.json"},
		{"witness of another block", "block 9 (0x", Config{Format: "g8"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactWitness] = otherFiles[sdk.ArtifactWitness]
		}, "witness.json"},
		{"another chain", "the block is of chain 5, but chain.json is of chain 560048", Config{Format: "g4"}, func(b *contract.Block, _ map[string][]byte) { b.ChainID = 5 }, ""},
		{"network of another chain", "the block is of chain 560048, but the stage is configured for chain 1", Config{Format: "g4", Network: "mainnet"}, nil, ""},
		{"unknown chain", "chain id 77 is none of the networks", Config{Format: "g4"}, func(b *contract.Block, f map[string][]byte) {
			b.ChainID = 77
			delete(f, sdk.ArtifactChain)
		}, ""},
		{"geth witness, strict", "strict: witness: headers [0] is an object, as of geth", Config{Format: "g4", Strict: true}, nil, "witness.json"},
		{"no witness", `there is no input "witness.json"`, Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) { delete(f, sdk.ArtifactWitness) }, ""},
		{"empty witness", "in/witness.json: execution witness:", Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) { f[sdk.ArtifactWitness] = []byte("{}") }, "witness.json"},
		{"witness cut off", "in/witness.json: execution witness:", Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactWitness] = f[sdk.ArtifactWitness][:len(f[sdk.ArtifactWitness])/2]
		}, "witness.json"},
		{"block of a transaction type to come", "transactions[0]: type: 0x7 is no known transaction type", Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactBlock] = []byte(strings.Replace(string(f[sdk.ArtifactBlock]), `"type":"0x2"`, `"type":"0x7"`, 1))
		}, "block.json"},
		{"Amsterdam by time", "an Amsterdam block (amsterdamTime of the chain is 1)", Config{Format: "g8"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactChain] = []byte(strings.Replace(string(f[sdk.ArtifactChain]), `"bpo1Time": 0`, `"bpo1Time": 0, "amsterdamTime": 1`, 1))
		}, ""},
		{"Amsterdam by header", "an Amsterdam block (it has a blockAccessListHash)", Config{Format: "zec"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactBlock] = []byte(strings.Replace(string(f[sdk.ArtifactBlock]), `"baseFeePerGas"`, `"blockAccessListHash":"0x`+strings.Repeat("11", 32)+`","baseFeePerGas"`, 1))
		}, ""},
		{"wrong chain rules", "block 9: finding the keys that the witness lacks, by executing the block:", Config{Format: "g4"}, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactChain] = []byte(strings.Replace(string(f[sdk.ArtifactChain]), `"pragueTime": 0`, `"pragueTime": 9999999999`, 1))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, f := block, map[string][]byte{}
			for name, data := range files {
				f[name] = data
			}
			if c.change != nil {
				c.change(&b, f)
			}
			_, err := newStage(t, c.config).Build(t.Context(), newTask(t, b, f))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("have %v\nwant %s", err, c.want)
			}
			// A chain that is not the block's is a fault of the file: it costs no block.
			class := contract.ClassPermanent
			switch {
			case slices.Contains([]string{"another chain", "network of another chain", "unknown chain"}, c.name):
				class = contract.ClassEnvironment
			case c.stale != "":
				class = contract.ClassRetryable
			}
			classed, ok := errors.AsType[*contract.Error](err)
			switch {
			case !ok:
				t.Errorf("no class: %v", err)
			case classed.Class != class, c.stale != "" && !slices.Equal(classed.Stale, []string{c.stale}):
				t.Errorf("class %s, stale %v, want %s: %v", classed.Class, classed.Stale, class, err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string // findings
	}{
		{Config{Format: "g4"}, "[]"},
		{Config{Guest: "ethrex-v12.0.0", ZisK: "0.18.0", Framing: "framed", Format: "g8"}, "[]"},
		{Config{Genesis: "g.json"}, "[error: neither format nor guest is set"},
		{Config{Guest: "ethrex-v1"}, `[error: config/guest: unknown guest "ethrex-v1": want one of ethrex-v7.0.0`},
		{Config{Guest: "ethrex-v29.0.0"}, "[error: config/guest: guest ethrex-v29.0.0 reads the SSZ StatelessInput (ssz-d4, Amsterdam blocks only), which builder-stateless-input writes"},
		{Config{Guest: "ethrex-v9.0.0", Format: "g8"}, "[error: config/format: format g8, but guest ethrex-v9.0.0 reads g4"},
		{Config{Guest: "ethrex-v9.0.0", ZisK: "0.16.0"}, "[error: config/zisk: ZisK 0.16.0 reads framed files, but guest ethrex-v9.0.0 was built for one that reads raw files"},
		{Config{Format: "g4", ZisK: "0.14.0", Framing: "framed"}, "[error: config/framing: framing framed, but ZisK 0.14.0 needs raw"},
		{Config{Format: "g4", ZisK: "latest"}, `[error: config/zisk: "latest" is no ZisK version`},
		{Config{Format: "g6"}, "[error: config/format: format g6 was in no release of ethrex"},
		{Config{Format: "g4", Network: "custom"}, "[error: config/genesis: network is custom, but genesis is not set"},
		{Config{Format: "g4", Network: "hoodi", Genesis: "g.json"}, "[error: config/genesis: genesis and network hoodi are both set"},
	} {
		if have := fmt.Sprint(c.config.Validate()); !strings.HasPrefix(have, c.want) {
			t.Errorf("%+v:\nhave %s\nwant %s", c.config, have, c.want)
		}
	}
	// Check requires both forms of a genesis file where a block may have to be executed.
	genesis := filepath.Join(t.TempDir(), "genesis.json")
	for text, want := range map[string]map[string]string{
		`{"chainId":5,"terminalTotalDifficulty":"0x0","londonBlock":0}`:          {"g4": "depositContractAddress", "g8": "depositContractAddress"},
		`{"chainId":5,"depositContractAddress":"` + guest.DepositContract + `"}`: {"g4": "terminalTotalDifficulty", "g8": ""},
	} {
		if err := os.WriteFile(genesis, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for format, want := range want {
			check := fmt.Sprint(Config{Format: format, Genesis: genesis}.Check(t.Context()))
			if !strings.Contains(check, want) || (want == "") != (check == "[]") || want != "" && !strings.Contains(check, genesis) {
				t.Errorf("%s: %s: have %s, want %q", format, text, check, want)
			}
		}
	}
	if check := (Config{Format: "g4", Genesis: recorded + "/chain.json"}).Check(t.Context()); len(check) != 0 {
		t.Error(check)
	}
}

func TestBuildCommand(t *testing.T) {
	dir := t.TempDir()
	_, files := recordedBlock(t, 7)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	job := buildRun{config: Config{Format: "g4", Network: "auto"}, block: filepath.Join(dir, sdk.ArtifactBlock), witness: filepath.Join(dir, sdk.ArtifactWitness), out: filepath.Join(dir, "out.bin")}
	var stderr strings.Builder
	facts, err := job.run(t.Context(), nil, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	if facts["keys_derived"] == "0" || !strings.Contains(stderr.String(), "addresses that the keys of the witness lack") {
		t.Errorf("%v, %s", facts, &stderr)
	}
	f, err := inspect.Read(job.out)
	if err != nil || len(f.Summarize().Findings) > 0 {
		t.Errorf("%v", err)
	}
	// A failed build leaves no file.
	if err := os.Remove(job.out); err != nil {
		t.Fatal(err)
	}
	job.config.Strict = true
	if _, err := job.run(t.Context(), nil, &stderr); err == nil {
		t.Error("a geth witness in strict mode")
	}
	if err := os.Remove(filepath.Join(dir, sdk.ArtifactChain)); err != nil {
		t.Fatal(err)
	}
	job.config.Strict = false
	if _, err := os.Stat(job.out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an output file after a failure: %v", err)
	}
	// Without chain.json it is the network with the transactions' chain id.
	if _, err := job.run(t.Context(), nil, &stderr); err != nil {
		t.Fatal(err)
	}
	if hoodi, err := inspect.Read(job.out); err != nil || hoodi.Summarize().Chain.Network != "hoodi" {
		t.Errorf("not the network hoodi: %v", err)
	}
	var stdout strings.Builder
	job.config.Genesis, job.out = recorded+"/chain.json", "-"
	if _, err := job.run(t.Context(), &stdout, &stderr); err != nil || stdout.Len() != len(f.Archive) {
		t.Errorf("%d bytes on standard output, want %d: %v", stdout.Len(), len(f.Archive), err)
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// material holds the files that a source writes for one block.
type material struct{ block, witness, rules []byte }

// devchain returns the material of the first blocks of a development chain.
var devchain = sync.OnceValues(func() ([]material, error) {
	dir, err := os.MkdirTemp("", "devchain")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c, err := chain.Open(context.Background(), chain.Config{Dir: dir, Seed: 1, Transactions: 8, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	client, err := rpc.Dial(c.Endpoint())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	rules, err := c.Rules()
	if err != nil {
		return nil, err
	}
	var list []material
	for range 3 {
		made, err := c.MakeBlock(0)
		if err != nil {
			return nil, err
		}
		var block, witness json.RawMessage
		number := fmt.Sprintf("%#x", made.NumberU64())
		if err := client.Call(&block, "eth_getBlockByNumber", number, true); err != nil {
			return nil, err
		}
		if err := client.Call(&witness, "debug_executionWitness", number); err != nil {
			return nil, err
		}
		list = append(list, material{block, witness, rules})
	}
	return list, nil
})

func devBlocks(t *testing.T) []material {
	t.Helper()
	list, err := devchain()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(list)
}

// prove runs the gate with the config on the material; nil parts are absent.
func prove(t *testing.T, config string, m material, change func(*contract.Task)) (*sdk.Result, string, error) {
	t.Helper()
	g := openGate(t, config)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	content := contract.Task{Dir: dir, Job: "job", Attempt: 1, Block: contract.Block{ChainID: chain.ID}}
	for name, data := range map[string][]byte{contract.ArtifactBlock: m.block, contract.ArtifactWitness: m.witness, contract.ArtifactChain: m.rules} {
		if data == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "in", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		content.Inputs = append(content.Inputs, contract.Artifact{Name: name, Path: "in/" + name, Size: int64(len(data)), SHA256: sha256.Sum256(data)})
	}
	if block, err := witness.DecodeBlock(m.block); err == nil {
		content.Block.Number, content.Block.Hash = block.NumberU64(), contract.Hash(block.Hash())
	}
	if change != nil {
		change(&content)
	}
	task, err := sdk.OpenTask(content, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	result, err := g.Prove(t.Context(), task)
	return result, dir, err
}

func openGate(t *testing.T, config string) *gate {
	t.Helper()
	c, findings := decode(t, config)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	g, err := open(t.Context(), c, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func decode(t *testing.T, config string) (Config, []sdk.Finding) {
	t.Helper()
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	var c Config
	findings := s.Decode([]byte(config), &c)
	return c, append(findings, c.Validate()...)
}

func TestAgrees(t *testing.T) {
	for i, m := range devBlocks(t) {
		result, dir, err := prove(t, `{}`, m, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Outputs) != 2 || result.Outputs[0].Name != contract.ArtifactExecution || result.Outputs[1].Name != stateless.ArtifactOutcome || result.WorkTime != 0 {
			t.Errorf("%+v", result)
		}
		outcome, err := stateless.ReadOutcome(filepath.Join(dir, result.Outputs[1].Path))
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := witness.DecodeBlock(m.block)
		if err != nil {
			t.Fatal(err)
		}
		if err := outcome.Check(chain.ID, decoded.Block); err != nil || outcome.Witness != sha256.Sum256(m.witness) {
			t.Errorf("%v, witness %s", err, outcome.Witness)
		}
		text, err := os.ReadFile(filepath.Join(dir, result.Outputs[0].Path))
		if err != nil {
			t.Fatal(err)
		}
		var e execution
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		block, err := witness.DecodeBlock(m.block)
		if err != nil {
			t.Fatal(err)
		}
		if e.Number != uint64(i+1) || e.Hash != block.Hash() || e.StateRoot != block.Root() || e.ReceiptsRoot != block.ReceiptHash() ||
			e.GasUsed != block.GasUsed() || e.Transactions != len(block.Transactions()) || e.ChainID != chain.ID || *e.RequestsHash != *block.RequestsHash() ||
			e.TimeMS <= 0 || e.Witness.NodesUsed == 0 || e.Witness.Headers == 0 || e.TouchedAccounts == 0 {
			t.Errorf("%s", text)
		}
		if result.Facts[contract.FactGasUsed] != fmt.Sprint(block.GasUsed()) || result.Facts[contract.FactTxCount] != fmt.Sprint(len(block.Transactions())) {
			t.Errorf("facts %v", result.Facts)
		}
	}
}

func TestAgreesOnMainnetByChainID(t *testing.T) {
	dir := witnesstest.Shared(t, "data", "mainnet", "24647140")
	var m material
	var err error
	if m.block, err = witness.ReadFile(dir + "/block.json.gz"); err != nil {
		t.Fatal(err)
	}
	if m.witness, err = witness.ReadFile(dir + "/witness.json.gz"); err != nil {
		t.Fatal(err)
	}
	mainnet := func(task *contract.Task) { task.Block.ChainID = 1 }
	for _, config := range []string{`{}`, `{"network":"mainnet"}`} {
		if _, _, err := prove(t, config, m, mainnet); err != nil {
			t.Errorf("%s: %v", config, err)
		}
	}
	_, _, err = prove(t, `{"network":"hoodi"}`, m, mainnet)
	wantClass(t, err, contract.ClassEnvironment, "the block is of chain 1, but the stage is configured for chain 560048")
}

func wantClass(t *testing.T, err error, class contract.Class, part string) {
	t.Helper()
	if err == nil || contract.ClassOf(err) != class || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v of class %s, want class %s and %q", err, contract.ClassOf(err), class, part)
	}
}

func TestRefuses(t *testing.T) {
	blocks := devBlocks(t)
	good := blocks[1]
	for name, test := range map[string]struct {
		make   func(*material)
		change func(*contract.Task)
		class  contract.Class
		part   string
	}{
		"a witness with a hole": {
			make:  func(m *material) { m.witness = withoutFirst(t, m.witness, "state", "codes") },
			class: contract.ClassRetryable, part: "incomplete",
		},
		"the witness of another block": {
			make:  func(m *material) { m.witness = blocks[2].witness },
			class: contract.ClassRetryable, part: "another block",
		},
		"an empty witness": {
			make:  func(m *material) { m.witness = []byte(`{"state":[],"codes":[],"headers":[]}`) },
			class: contract.ClassRetryable, part: "no header",
		},
		"a witness that is cut off": {
			make:  func(m *material) { m.witness = m.witness[:len(m.witness)/2] },
			class: contract.ClassRetryable, part: "witness.json",
		},
		"a block that claims another outcome": {
			make:  func(m *material) { m.block = claiming(t, m.block) },
			class: contract.ClassPermanent, part: "gasUsed is",
		},
		"a block with an unknown type of transaction": {
			make: func(m *material) {
				m.block = bytes.Replace(m.block, []byte(`"type":"0x2"`), []byte(`"type":"0x7f"`), 1)
			},
			class: contract.ClassRetryable, part: "transactions[",
		},
		"another block than the job's": {
			change: func(task *contract.Task) { task.Block.Hash = contract.Hash{1} },
			class:  contract.ClassRetryable, part: "the job is block 2",
		},
		"no witness": {
			make:  func(m *material) { m.witness = nil },
			class: contract.ClassPermanent, part: "witness.json",
		},
		"a chain that nobody knows": {
			make:  func(m *material) { m.rules = nil },
			class: contract.ClassEnvironment, part: "chain id 77663 is none of the networks",
		},
		"rules of another chain": {
			change: func(task *contract.Task) { task.Block.ChainID = 1 },
			class:  contract.ClassEnvironment, part: "the block is of chain 1",
		},
		"rules that make no sense": {
			make:  func(m *material) { m.rules = []byte(`{"chainId":77663}`) },
			class: contract.ClassPermanent, part: "terminalTotalDifficulty",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := good
			if test.make != nil {
				test.make(&m)
			}
			_, dir, err := prove(t, `{}`, m, test.change)
			wantClass(t, err, test.class, test.part)
			if files, err := os.ReadDir(filepath.Join(dir, "out")); err != nil || len(files) != 0 {
				t.Errorf("left in out: %v, %v", files, err)
			}
		})
	}
}

// withoutFirst drops the first entry of each of the witness's lists.
func withoutFirst(t *testing.T, text []byte, lists ...string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range lists {
		var entries []string
		if err := json.Unmarshal(members[name], &entries); err != nil {
			t.Fatal(err)
		}
		members[name], _ = json.Marshal(entries[1:])
	}
	changed, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// claiming returns the block with another gas used, and the hash that goes with it.
func claiming(t *testing.T, text []byte) []byte {
	t.Helper()
	var header types.Header
	var members map[string]any
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	header.GasUsed++
	members["gasUsed"] = fmt.Sprintf("%#x", header.GasUsed)
	members["hash"] = header.Hash().Hex()
	changed, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestConfig(t *testing.T) {
	if _, findings := decode(t, `{"network":"mainnet","genesis":"g.json"}`); len(findings) != 1 || findings[0].Pointer != "/genesis" {
		t.Errorf("network and genesis: %v", findings)
	}
	if _, findings := decode(t, `{"network":"custom"}`); len(findings) != 1 || findings[0].Pointer != "/genesis" {
		t.Errorf("custom without genesis: %v", findings)
	}
	if _, findings := decode(t, `{"network":"goerli"}`); len(findings) == 0 {
		t.Error("goerli is accepted")
	}
	path := filepath.Join(t.TempDir(), "genesis.json")
	if err := os.WriteFile(path, []byte(`{"config":{"chainId":5}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, findings := decode(t, fmt.Sprintf(`{"genesis":%q}`, path))
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	if findings := c.Check(t.Context()); len(findings) != 1 || !strings.Contains(findings[0].Summary, path) {
		t.Errorf("a genesis file of no use: %v", findings)
	}
	if _, err := open(t.Context(), c, sdk.Env{}); contract.ClassOf(err) != contract.ClassEnvironment {
		t.Errorf("opened with it: %v", err)
	}
	if err := os.WriteFile(path, devBlocks(t)[0].rules, 0o600); err != nil {
		t.Fatal(err)
	}
	m := devBlocks(t)[0]
	m.rules = nil
	for _, config := range []string{`{"genesis":%q}`, `{"network":"custom","genesis":%q}`} {
		if _, _, err := prove(t, fmt.Sprintf(config, path), m, nil); err != nil {
			t.Errorf(config+": %v", path, err)
		}
	}
}

// TestIsAGate checks that the plugin reports that it makes no proof.
func TestIsAGate(t *testing.T) {
	g := openGate(t, `{"network":"hoodi"}`)
	if (Config{}).MakesProof() || !strings.Contains(g.Note(), "560048") || !strings.Contains(g.Note(), "proves nothing") {
		t.Errorf("note %q", g.Note())
	}
	if m := plugin().Manifest(); m.Name != name || m.Kind != contract.KindProver || !slices.Equal(m.Capabilities, []string{contract.CapabilitySandbox}) {
		t.Errorf("%+v", m)
	}
}

func TestExecuteByHand(t *testing.T) {
	dir := t.TempDir()
	m := devBlocks(t)[0]
	files := blockFiles{block: filepath.Join(dir, "block.json"), witness: filepath.Join(dir, "witness.json")}
	config := Config{Genesis: filepath.Join(dir, "genesis.json")}
	for path, data := range map[string][]byte{files.block: m.block, files.witness: m.witness, config.Genesis: m.rules} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := executeFiles(t.Context(), &out, files, config); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), fmt.Sprintf(`"chain_id": %d`, chain.ID)) {
		t.Errorf("printed %s", out.String())
	}
	for _, config := range []Config{{}, {Network: "auto"}, {Network: "hoodi", Genesis: "x"}, {Network: "hoodi"}} {
		if err := executeFiles(t.Context(), &out, files, config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/builder-stateless-input/inspect"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
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

func content(t testing.TB, path string) []byte {
	t.Helper()
	data, err := witness.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// jobOf returns what the host knows of a block, and its artifacts.
func jobOf(t testing.TB, chainID uint64, files map[string][]byte) (contract.Block, map[string][]byte) {
	t.Helper()
	b, err := witness.DecodeBlock(files[sdk.ArtifactBlock])
	if err != nil {
		t.Fatal(err)
	}
	return contract.Block{ChainID: chainID, Number: b.NumberU64(), Hash: contract.Hash(b.Hash()), ParentHash: contract.Hash(b.ParentHash())}, files
}

// upstream is the Amsterdam block of execution-specs' fixture.
func upstream(t testing.TB) (contract.Block, map[string][]byte) {
	t.Helper()
	dir := witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00")
	return jobOf(t, 1, map[string][]byte{
		sdk.ArtifactBlock: content(t, dir+"/block.json"), sdk.ArtifactWitness: content(t, dir+"/witness.json"), sdk.ArtifactChain: content(t, dir+"/genesis.json"),
	})
}

// mainnet is a real block of BPO2.
func mainnet(t testing.TB) (contract.Block, map[string][]byte) {
	t.Helper()
	dir := witnesstest.Shared(t, "data", "mainnet", "24647140")
	return jobOf(t, 1, map[string][]byte{
		sdk.ArtifactBlock: content(t, dir+"/block.json.gz"), sdk.ArtifactWitness: content(t, dir+"/witness.json.gz"),
	})
}

// outcomeOf returns the outcome of a gate for the block.
func outcomeOf(t testing.TB, block contract.Block, files map[string][]byte) *stateless.Outcome {
	t.Helper()
	spec, err := chainspec.ByID(block.ChainID)
	if text, ok := files[sdk.ArtifactChain]; ok {
		spec, err = chainspec.Parse(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	b, err := witness.DecodeBlock(files[sdk.ArtifactBlock])
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Decode(files[sdk.ArtifactWitness])
	if err != nil {
		t.Fatal(err)
	}
	report, err := stateless.Execute(t.Context(), rules, b.Block, w)
	if err != nil {
		t.Fatal(err)
	}
	return report.Outcome(block.ChainID, sha256.Sum256(files[sdk.ArtifactWitness]))
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newTask(t testing.TB, block contract.Block, files map[string][]byte) *sdk.Task {
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

func newStage(t testing.TB, c Config) *builder {
	t.Helper()
	if c.Network == "" {
		c.Network = chainspec.Auto
	}
	b, err := open(t.Context(), c, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	block, files := upstream(t)
	var inputs []sdktest.Input
	for name, data := range files {
		inputs = append(inputs, sdktest.Input{Name: name, Data: data})
	}
	sdktest.Test(t, sdktest.Suite{
		Target: sdktest.Binary(os.Args[0], asPlugin+"=1"),
		Config: json.RawMessage(`{"guest": "ethrex-v29"}`),
		Block:  block, Inputs: inputs,
	})
}

// TestStage checks that the stage writes the published input with and without a gate's outcome,
// and reports the public values as a fact.
func TestStage(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00")
	block, files := upstream(t)
	outcome := outcomeOf(t, block, files)
	other := *outcome
	other.Witness[0] ^= 1
	for _, c := range []struct {
		config       Config
		outcome      *stateless.Outcome
		file, format string
		framing      guest.Framing
		by           string
	}{
		{Config{Guest: "ethrex-v29"}, nil, "stateless_input.bin", "ssz-d4", guest.Framed, "builder"},
		{Config{Guest: "ethrex-v29.0.1", ZisK: "1.2.0-alpha"}, outcome, "stateless_input.bin", "ssz-d4", guest.Framed, "gate"},
		{Config{Guest: "reth-0.1.0-rc.4", ZKVM: guest.SP1}, &other, "stateless_input.bin", "ssz-d4", guest.Raw, "builder"},
		{Config{Format: "ssz-d4", ZKVM: guest.OpenVM}, outcome, "stateless_input.bin", "ssz-d4", guest.Raw, "gate"},
		{Config{Guest: "ethrex-v28"}, nil, "derived_d3_input.bin", "ssz-d3", guest.Framed, "builder"},
		{Config{Guest: "reth-0.1.0-rc.3"}, outcome, "derived_d3_input.bin", "ssz-d3", guest.Framed, "gate"},
	} {
		given := maps.Clone(files)
		if c.outcome != nil {
			given[stateless.ArtifactOutcome] = marshal(t, c.outcome)
		}
		task := newTask(t, block, given)
		r, err := newStage(t, c.config).Build(t.Context(), task)
		if err != nil {
			t.Errorf("%+v: %v", c.config, err)
			continue
		}
		have := content(t, filepath.Join(task.Dir, r.Outputs[0].Path))
		if c.framing == guest.Framed {
			if have, err = guest.Unframe(have); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(have, content(t, filepath.Join(dir, c.file))) {
			t.Errorf("%+v: not the bytes of %s", c.config, c.file)
		}
		output := content(t, dir+"/stateless_output.bin")
		want := map[string]string{
			"format": c.format, "framing": string(c.framing), "fork": "Amsterdam", "schema_id": "0x1501", "request_root": "0x" + hex.EncodeToString(output[:32]),
			"reexecution": c.by, "public_values": hex.EncodeToString(output), "gas_used": "33112", "tx_count": "1",
		}
		if !maps.Equal(r.Facts, want) || r.WorkTime <= 0 || len(r.Outputs) != 1 || r.Outputs[0].Name != sdk.ArtifactInput {
			t.Errorf("%+v: %+v, want facts %v", c.config, r, want)
		}
	}
}

// TestEarlierFork checks the input of a block before Amsterdam for a guest that accepts it.
func TestEarlierFork(t *testing.T) {
	block, files := mainnet(t)
	task := newTask(t, block, files)
	r, err := newStage(t, Config{Guest: "reth-0.1.0-rc.4"}).Build(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if r.Facts["schema_id"] != "0x1401" || r.Facts["fork"] != "BPO2" || !strings.HasSuffix(r.Facts["public_values"], "010100000000000000"+"0114") {
		t.Errorf("%v", r.Facts)
	}
	f, err := inspect.Read(filepath.Join(task.Dir, r.Outputs[0].Path))
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Summarize(); len(s.Findings) > 0 || s.Hash != [32]byte(block.Hash) || s.Framing != guest.Framed {
		t.Errorf("%+v", s)
	}
}

// edited returns chain.json with its config changed.
func edited(t testing.TB, text []byte, change func(config map[string]any)) []byte {
	t.Helper()
	var genesis map[string]any
	if err := json.Unmarshal(text, &genesis); err != nil {
		t.Fatal(err)
	}
	change(genesis["config"].(map[string]any))
	return marshal(t, genesis)
}

func TestStageRefuses(t *testing.T) {
	amsterdamBlock, amsterdamFiles := upstream(t)
	bpo2Block, bpo2Files := mainnet(t)
	outcome := outcomeOf(t, amsterdamBlock, amsterdamFiles)
	for _, c := range []struct {
		name, want string
		config     Config
		class      contract.Class
		bpo2       bool
		change     func(b *contract.Block, files map[string][]byte)
	}{
		{"a block from before the fork", "a block of BPO2, but guest ethrex-v29 takes Amsterdam blocks only: use a guest that accepts it", Config{Guest: "ethrex-v29"}, contract.ClassPermanent, true, nil},
		{"an unknown fork time", "an Amsterdam block by its header, but in the configuration of chain 1 amsterdamTime is not set", Config{Guest: "ethrex-v29"}, contract.ClassEnvironment, false, func(_ *contract.Block, f map[string][]byte) {
			delete(f, sdk.ArtifactChain)
		}},
		{"a header without the fields", "lacks blockAccessListHash or slotNumber", Config{Guest: "reth-0.1.0-rc.4"}, contract.ClassPermanent, true, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactChain] = amsterdamFiles[sdk.ArtifactChain]
		}},
		{"blob parameters", "has the blob parameters {Target:15 Max:21 UpdateFraction:11684671} at its time, guest ethrex-v29 takes those of Amsterdam", Config{Guest: "ethrex-v29"}, contract.ClassPermanent, false, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactChain] = edited(t, f[sdk.ArtifactChain], func(config map[string]any) {
				config["blobSchedule"].(map[string]any)["bpo2"].(map[string]any)["target"] = 15
			})
		}},
		{"deposits that the guest does not see", "it has deposits that guest ethrex-v29 does not see: guests take mainnet's deposit contract 0x00000000219ab540356cBB839Cbe05303d7705Fa for that of every chain", Config{Guest: "ethrex-v29"}, contract.ClassPermanent, false, func(_ *contract.Block, f map[string][]byte) {
			o := *outcome
			o.DepositsAsMainnet = false
			f[stateless.ArtifactOutcome] = marshal(t, o)
		}},
		{"a hole in the witness", "incomplete", Config{Guest: "ethrex-v29"}, contract.ClassRetryable, false, func(_ *contract.Block, f map[string][]byte) {
			var w map[string]any
			if err := json.Unmarshal(f[sdk.ArtifactWitness], &w); err != nil {
				t.Fatal(err)
			}
			w["codes"] = w["codes"].([]any)[1:]
			w["state"] = w["state"].([]any)[1:]
			f[sdk.ArtifactWitness] = marshal(t, w)
		}},
		{"the witness of another block", "belongs to another block", Config{Guest: "ethrex-v29"}, contract.ClassRetryable, false, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactWitness] = bpo2Files[sdk.ArtifactWitness]
		}},
		{"another block", "block.json is block 24647140", Config{Guest: "ethrex-v29"}, contract.ClassRetryable, false, func(_ *contract.Block, f map[string][]byte) {
			f[sdk.ArtifactBlock] = bpo2Files[sdk.ArtifactBlock]
		}},
		{"another chain", "the block is of chain 1, but the stage is configured for chain 560048", Config{Guest: "ethrex-v29", Network: "hoodi"}, contract.ClassEnvironment, false, nil},
		{"a node over the limit", "witness.state[", Config{Guest: "ethrex-v29"}, contract.ClassPermanent, false, func(_ *contract.Block, f map[string][]byte) {
			var w map[string]any
			if err := json.Unmarshal(f[sdk.ArtifactWitness], &w); err != nil {
				t.Fatal(err)
			}
			w["state"] = append(w["state"].([]any), "0x"+strings.Repeat("ff", 1025))
			f[sdk.ArtifactWitness] = marshal(t, w)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			block, files := amsterdamBlock, maps.Clone(amsterdamFiles)
			if c.bpo2 {
				block, files = bpo2Block, maps.Clone(bpo2Files)
			}
			if c.change != nil {
				c.change(&block, files)
			}
			_, err := newStage(t, c.config).Build(t.Context(), newTask(t, block, files))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("have %v\nwant %s", err, c.want)
			}
			if have := contract.ClassOf(err); have != c.class {
				t.Errorf("class %s, want %s: %v", have, c.class, err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Guest: "ethrex-v29"}, "[]"},
		{Config{Format: "ssz-d3", ZKVM: "sp1"}, "[]"},
		{Config{}, "[error: neither format nor guest is set"},
		{Config{Guest: "ethrex-v9.0.0"}, "[error: config/guest: guest ethrex-v9.0.0 reads the rkyv format g4, which builder-ethrex writes"},
		{Config{Guest: "ethrex-v23.0.0"}, "[error: config/guest: guest ethrex-v23.0.0 reads dialect D1"},
		{Config{Guest: "ethrex-v29", Format: "ssz-d3"}, "[error: config/format: format ssz-d3, but guest ethrex-v29 reads ssz-d4"},
		{Config{Guest: "ethrex-v29", ZKVM: "sp1", ZisK: "1.2.0"}, "[error: config/zisk: zisk is set, but zkvm is sp1"},
		{Config{Guest: "ethrex-v29", ZisK: "0.15.0"}, "[error: config/zisk: ZisK 0.15.0 reads raw files"},
		{Config{Guest: "ethrex-v29", Network: "custom"}, "[error: config/genesis: network is custom"},
	} {
		if have := fmt.Sprint(c.config.Validate()); !strings.HasPrefix(have, c.want) {
			t.Errorf("%+v:\nhave %s\nwant %s", c.config, have, c.want)
		}
	}
	provides := Config{Guest: "ethrex-v29", Network: "sepolia", ZisK: "1.2.0-alpha"}.Provides()
	want := map[string]string{"chain_id": "11155111", "network": "sepolia", "input.format": "ssz-d4", "input.framing": "framed", "guest": "ethrex-v29", "zisk.version": "1.2.0-alpha"}
	if !maps.Equal(provides, want) {
		t.Errorf("provides %v, want %v", provides, want)
	}
	if note := newStage(t, Config{Guest: "reth-0.1.0-rc.4"}).Note(); !strings.Contains(note, "blocks of Paris to Amsterdam") || !strings.Contains(note, "ssz-d4") {
		t.Error(note)
	}
}

func TestBuildCommand(t *testing.T) {
	dir := witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00")
	block, files := upstream(t)
	temp := t.TempDir()
	outcome := filepath.Join(temp, "reexecution.json")
	if err := os.WriteFile(outcome, marshal(t, outcomeOf(t, block, files)), 0o600); err != nil {
		t.Fatal(err)
	}
	job := buildRun{config: Config{Guest: "ethrex-v29", Framing: "framed", Network: "auto", Genesis: dir + "/genesis.json"},
		block: dir + "/block.json", witness: dir + "/witness.json", out: filepath.Join(temp, "input.bin")}
	for _, job.outcome = range []string{"", outcome} {
		facts, err := job.run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := inspect.Read(job.out)
		if err != nil {
			t.Fatal(err)
		}
		if d := inspect.Diff(f, &inspect.File{Input: f.Input}); d != nil || facts["public_values"] != f.Summarize().PublicValues {
			t.Errorf("%v, %v", d, facts)
		}
	}
	d3, err := inspect.Read(dir + "/derived_d3_input.bin")
	if err != nil {
		t.Fatal(err)
	}
	d4, err := inspect.Read(job.out)
	if err != nil {
		t.Fatal(err)
	}
	if d := inspect.Diff(d4, d3); d == nil || d.Path != "public_keys.length" {
		t.Errorf("%v", d)
	}
	job.outcome = dir + "/block.json"
	if _, err := job.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), job.outcome) {
		t.Errorf("%v", err)
	}
}

package input_test

import (
	"bytes"
	"fmt"
	"path"
	"testing"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/builder-stateless-input/inspect"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// recordedNames are the blocks of real nodes: of public networks, and of a geth
// that answered for a chain of its own.
func recordedNames() []string {
	names := []string{
		"mainnet/21066632", "mainnet/21429020", "mainnet/23879620", "mainnet/24628607", "mainnet/24647140",
		"hoodi/690403", "hoodi/974567", "hoodi/1041734", "hoodi/1265656", "holesky/3990967",
	}
	for n := range 19 {
		names = append(names, fmt.Sprintf("geth-osaka/%d", n+1))
	}
	return names
}

func recorded(t testing.TB, name string) material {
	t.Helper()
	dir := witnesstest.Shared(t, "data", name)
	spec, err := chainspec.Network(path.Dir(name))
	if path.Dir(name) == "geth-osaka" {
		spec, err = chainspec.Read(witnesstest.Shared(t, "data", "geth-osaka", "genesis.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return read(t, spec, path.Join(dir, "block.json.gz"), path.Join(dir, "witness.json.gz"))
}

// TestRecordedBlocksForReth encodes every recorded block before Amsterdam for the guest of reth
// in both dialects. The input must decode to the same values, and the header that a guest
// rebuilds must have the block's hash. For the guests of ethrex the block must be refused.
func TestRecordedBlocksForReth(t *testing.T) {
	forks := make(map[guest.Fork]int)
	for _, name := range recordedNames() {
		m := recorded(t, name)
		fork, err := input.Fork(m.rules, m.block.Header())
		if err != nil {
			t.Fatal(err)
		}
		forks[fork]++
		if err := input.CheckAccepted("reth-0.1.0-rc.4", guest.Forks{From: guest.Paris, To: guest.Amsterdam}, fork, m.rules, m.block.Header()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := input.CheckAccepted("ethrex-v29", guest.Forks{From: guest.Amsterdam, To: guest.Amsterdam}, fork, m.rules, m.block.Header()); err == nil {
			t.Errorf("%s: a block of %v is given to ethrex-v29", name, fork)
		}
		for _, dialect := range guest.Dialects() {
			in := m.build(t, dialect)
			data := encode(t, in)
			again, err := input.Decode(data, dialect)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !bytes.Equal(encode(t, again), data) || again.Output() != in.Output() {
				t.Errorf("%s: %s does not encode to itself", name, dialect)
			}
			f, err := inspect.Decode(data)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if s := f.Summarize(); len(s.Findings) > 0 || s.Hash != m.block.Hash() || s.Dialect != dialect {
				t.Errorf("%s: %s: %v", name, dialect, s.Findings)
			}
		}
	}
	t.Log("blocks by fork:", forks)
}

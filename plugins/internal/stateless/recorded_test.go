package stateless

import (
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// recorded is a block of a real node with its witness.
type recorded struct {
	config  *params.ChainConfig
	block   *types.Block
	witness *witness.Witness
}

// load reads "<chain>/<number>" of the shared test data.
func load(t testing.TB, name string) recorded {
	t.Helper()
	dir := witnesstest.Shared(t, "data", name)
	block, err := witness.ReadBlock(dir + "/block.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(dir + "/witness.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	r := recorded{block: block.Block, witness: w}
	chain := path.Dir(name)
	spec, err := chainspec.Network(chain)
	if chain == "geth-osaka" {
		spec, err = chainspec.Read(witnesstest.Shared(t, "data", chain, "genesis.json"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.config, err = spec.Rules(); err != nil {
		t.Fatal(err)
	}
	return r
}

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

func TestRecordedBlocksAgree(t *testing.T) {
	for _, name := range recordedNames() {
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			report, err := Execute(t.Context(), r.config, r.block, r.witness)
			if err != nil {
				t.Fatal(err)
			}
			header := r.block.Header()
			if report.Hash != header.Hash() || report.StateRoot != header.Root || report.ReceiptsRoot != header.ReceiptHash || report.GasUsed != header.GasUsed {
				t.Errorf("%+v", report)
			}
			if report.Transactions != len(r.block.Transactions()) || report.Withdrawals != len(r.block.Withdrawals()) {
				t.Errorf("%d transactions, %d withdrawals", report.Transactions, report.Withdrawals)
			}
			if report.NodesUsed == 0 || report.NodesUsed > report.Nodes || report.Nodes > len(r.witness.State) || report.CodesUsed > report.Codes {
				t.Errorf("%d of %d nodes, %d of %d codes", report.NodesUsed, report.Nodes, report.CodesUsed, report.Codes)
			}
			checkTouched(t, r, report.Touched)
			t.Logf("%v: %d gas, %d of %d nodes, %d of %d codes, %d headers, %d accounts, %d kinds of requests, %d failed",
				report.Time, report.GasUsed, report.NodesUsed, report.Nodes, report.CodesUsed, report.Codes, report.Headers, len(report.Touched), len(report.Requests), report.Failed)
		})
	}
}

// checkTouched compares the accounts with those of the block and with the keys of the node that
// served the witness.
func checkTouched(t *testing.T, r recorded, touched []common.Address) {
	t.Helper()
	if !slices.IsSortedFunc(touched, common.Address.Cmp) {
		t.Error("the touched accounts are not sorted")
	}
	want := func(addr common.Address, why string) {
		if !slices.Contains(touched, addr) {
			t.Errorf("%s %s is not among the touched accounts", why, addr)
		}
	}
	signer := types.MakeSigner(r.config, r.block.Number(), r.block.Time())
	for _, tx := range r.block.Transactions() {
		from, err := types.Sender(signer, tx)
		if err != nil {
			t.Fatal(err)
		}
		want(from, "sender")
		if tx.To() != nil {
			want(*tx.To(), "receiver")
		}
	}
	for _, w := range r.block.Withdrawals() {
		want(w.Address, "withdrawal")
	}
	for _, key := range r.witness.Addresses() {
		want(common.BytesToAddress(key), "witness key")
	}
}

func TestTouched(t *testing.T) {
	r := load(t, "geth-osaka/1")
	touched, err := Touched(t.Context(), r.config, r.block, r.witness)
	if err != nil {
		t.Fatal(err)
	}
	checkTouched(t, r, touched)
}

// TestOldWitnessWithoutHeaders checks that a witness without headers is refused even where its
// state is complete.
func TestOldWitnessWithoutHeaders(t *testing.T) {
	dir := witnesstest.Shared(t, "data", "holesky", "2965790")
	block, err := witness.ReadBlock(dir + "/reth-2024-block.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(dir + "/reth-2024-witness.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := chainspec.Network("holesky")
	if err != nil {
		t.Fatal(err)
	}
	config, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Execute(t.Context(), config, block.Block, w)
	wantError[*WitnessError](t, err, "no header")
}

func BenchmarkExecute(b *testing.B) {
	for _, name := range []string{"hoodi/1265656", "mainnet/24647140", "mainnet/23879620"} {
		b.Run(name, func(b *testing.B) {
			r := load(b, name)
			for b.Loop() {
				if _, err := Execute(b.Context(), r.config, fresh(b, r.block), r.witness); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(r.block.GasUsed())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mgas/s")
		})
	}
}

package stateless

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// upstream is the Amsterdam block of execution-specs' fixtures, in RPC form.
func upstream(t testing.TB) recorded {
	t.Helper()
	dir := witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00")
	spec, err := chainspec.Read(dir + "/genesis.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if r.config, err = spec.Rules(); err != nil {
		t.Fatal(err)
	}
	block, err := witness.ReadBlock(dir + "/block.json")
	if err != nil {
		t.Fatal(err)
	}
	r.block = block.Block
	if r.witness, err = witness.Read(dir + "/witness.json"); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestUpstreamAccessList checks that the computed access list is that of the fixture.
func TestUpstreamAccessList(t *testing.T) {
	r := upstream(t)
	report, err := Execute(t.Context(), r.config, r.block, r.witness)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00", "engine_new_payload.json"))
	if err != nil {
		t.Fatal(err)
	}
	var engine struct {
		Params []json.RawMessage `json:"params"`
	}
	var payload struct {
		BlockAccessList string `json:"blockAccessList"`
	}
	if err := json.Unmarshal(text, &engine); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(engine.Params[0], &payload); err != nil {
		t.Fatal(err)
	}
	if have := "0x" + hex.EncodeToString(report.AccessList); have != payload.BlockAccessList {
		t.Errorf("have %s\nwant %s", have, payload.BlockAccessList)
	}
	if *report.AccessListHash != *r.block.Header().BlockAccessListHash || report.Requests == nil || len(report.Requests) != 0 || !report.DepositsAsMainnet {
		t.Errorf("%+v", report)
	}
}

func TestEveryHoleOfAnAmsterdamWitnessIsFound(t *testing.T) {
	r := upstream(t)
	nodes, codes := used(t, r)
	for kind, list := range map[string]struct {
		entries *[][]byte
		used    map[common.Hash]*blob
	}{"node": {&r.witness.State, nodes}, "code": {&r.witness.Codes, codes}} {
		entries := *list.entries
		dropped := 0
		for i, entry := range entries {
			if b := list.used[crypto.Keccak256Hash(entry)]; b == nil || !b.used.Load() {
				continue
			}
			dropped++
			*list.entries = without(entries, i)
			_, err := Execute(t.Context(), r.config, fresh(t, r.block), r.witness)
			wantError[*IncompleteError](t, err, "incomplete")
		}
		*list.entries = entries
		if dropped == 0 {
			t.Errorf("no %s was dropped", kind)
		}
	}
}

// TestWrongAmsterdamCommitments checks that a header with a wrong hash of the access list or of
// the requests is refused although the roots are right.
func TestWrongAmsterdamCommitments(t *testing.T) {
	r := upstream(t)
	for name, change := range map[string]func(*types.Header){
		"blockAccessListHash": func(h *types.Header) { h.BlockAccessListHash = &common.Hash{1} },
		"requestsHash":        func(h *types.Header) { h.RequestsHash = &common.Hash{1} },
	} {
		header := r.block.Header()
		change(header)
		changed := types.NewBlockWithHeader(header).WithBody(*r.block.Body())
		_, err := Execute(t.Context(), r.config, changed, r.witness)
		if mismatch := wantError[*MismatchError](t, err, name+" is 0x01"); mismatch != nil && len(mismatch.Differences) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*types.Header){
		"block access list hash": func(h *types.Header) { h.BlockAccessListHash = nil },
		"slotNumber":             func(h *types.Header) { h.SlotNumber = nil },
	} {
		header := r.block.Header()
		change(header)
		_, err := Execute(t.Context(), r.config, types.NewBlockWithHeader(header).WithBody(*r.block.Body()), r.witness)
		wantError[*InvalidError](t, err, name)
	}
}

// TestPublicKeys checks that the keys belong to the senders that go-ethereum finds.
func TestPublicKeys(t *testing.T) {
	kinds := make(map[uint8]int)
	for _, name := range recordedNames() {
		r := load(t, name)
		keys, err := PublicKeys(t.Context(), r.config, r.block)
		if err != nil {
			t.Fatal(err)
		}
		signer := types.MakeSigner(r.config, r.block.Number(), r.block.Time())
		for i, tx := range r.block.Transactions() {
			want, err := types.Sender(signer, tx)
			if err != nil {
				t.Fatal(err)
			}
			if have := keys[i].Address(); have != want || keys[i][0] != 4 {
				t.Errorf("%s: transaction %d of type %d is from %s, not %s", name, i, tx.Type(), want, have)
			}
			kinds[tx.Type()]++
		}
	}
	t.Log("transactions by type:", kinds)
	if len(kinds) != 5 {
		t.Errorf("only the types %v were there", kinds)
	}
}

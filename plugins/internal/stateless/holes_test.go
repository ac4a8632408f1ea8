package stateless

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/sdk/witness"
)

// wantError fails unless the error is of type E and its text has the part.
func wantError[E error](t *testing.T, err error, part string) E {
	t.Helper()
	typed, ok := errors.AsType[E](err)
	if !ok || !strings.Contains(err.Error(), part) {
		t.Errorf("error %T %v, want %T with %q", err, err, typed, part)
	}
	return typed
}

// fresh decodes the block again, so that no sender is cached.
func fresh(t testing.TB, block *types.Block) *types.Block {
	t.Helper()
	text, err := rlp.EncodeToBytes(block)
	if err != nil {
		t.Fatal(err)
	}
	again := new(types.Block)
	if err := rlp.DecodeBytes(text, again); err != nil {
		t.Fatal(err)
	}
	return again
}

// used returns the nodes and codes that the execution of the block reads.
func used(t *testing.T, r recorded) (nodes, codes map[common.Hash]*blob) {
	t.Helper()
	headers, err := newAncestors(r.config, r.block, r.witness)
	if err != nil {
		t.Fatal(err)
	}
	db, keys, err := prepare(t.Context(), r.config, r.block, r.witness)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := execute(t.Context(), r.block, headers, db, keys); err != nil {
		t.Fatal(err)
	}
	return db.nodes, db.codes
}

// without returns a copy of the list without entry i.
func without(list [][]byte, i int) [][]byte {
	return slices.Delete(slices.Clone(list), i, i+1)
}

// flipped returns a copy of the list with one flipped bit in entry i.
func flipped(list [][]byte, i int) [][]byte {
	list = slices.Clone(list)
	list[i] = bytes.Clone(list[i])
	list[i][len(list[i])/2] ^= 0x10
	return list
}

// TestEverySingleHoleIsFound removes every node and code in turn. It checks that exactly those
// that the execution reads are reported as missing, even where the roots agree.
func TestEverySingleHoleIsFound(t *testing.T) {
	for _, name := range []string{
		"hoodi/974567", "hoodi/1041734", "mainnet/21429020",
		"geth-osaka/5", "geth-osaka/7", "geth-osaka/9", "geth-osaka/12", "geth-osaka/13", "geth-osaka/17",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := load(t, name)
			nodes, codes := used(t, r)
			holes := 0
			for i, node := range r.witness.State {
				hash := crypto.Keccak256Hash(node)
				w := *r.witness
				if w.State = without(r.witness.State, i); i%2 == 1 {
					w.State = flipped(r.witness.State, i)
				}
				_, err := Execute(t.Context(), r.config, r.block, &w)
				if !nodes[hash].used.Load() {
					if err != nil {
						t.Errorf("node %s was never asked for, but without it: %v", hash, err)
					}
					continue
				}
				holes++
				e := wantError[*IncompleteError](t, err, "state node 0x")
				if e != nil && !slices.ContainsFunc(e.Nodes, func(n MissingNode) bool { return n.Hash == hash }) {
					t.Errorf("without node %s: %v", hash, err)
				}
			}
			for i, code := range r.witness.Codes {
				hash := crypto.Keccak256Hash(code)
				if entry := nodes[hash]; entry != nil || !codes[hash].used.Load() {
					continue
				}
				holes++
				w := *r.witness
				w.Codes = without(r.witness.Codes, i)
				_, err := Execute(t.Context(), r.config, r.block, &w)
				wantError[*IncompleteError](t, err, "code "+hash.Hex())
				if !errors.Is(err, witness.ErrIncomplete) {
					t.Errorf("%v is not witness.ErrIncomplete", err)
				}
			}
			if holes == 0 {
				t.Error("nothing was left out")
			}
			t.Logf("%d holes, %d nodes", holes, len(r.witness.State))
		})
	}
}

// TestEveryHeaderIsNeeded checks that each recorded header is needed: the oldest for BLOCKHASH,
// the others as links of the chain.
func TestEveryHeaderIsNeeded(t *testing.T) {
	for _, name := range []string{"geth-osaka/9", "hoodi/974567", "hoodi/1265656"} {
		r := load(t, name)
		for i, text := range r.witness.Headers {
			var header types.Header
			if err := rlp.DecodeBytes(text, &header); err != nil {
				t.Fatal(err)
			}
			w := *r.witness
			w.Headers = without(r.witness.Headers, i)
			if _, err := Execute(t.Context(), r.config, r.block, &w); err == nil {
				t.Errorf("%s: accepted without the header of block %d", name, header.Number)
			} else if !errors.Is(err, witness.ErrIncomplete) && !errors.Is(err, witness.ErrOtherBlock) {
				t.Errorf("%s without the header of block %d: %v", name, header.Number, err)
			}
			w.Headers = flipped(r.witness.Headers, i)
			if _, err := Execute(t.Context(), r.config, r.block, &w); err == nil {
				t.Errorf("%s: accepted with a changed header of block %d", name, header.Number)
			}
		}
	}
}

// TestMissingAncestorOfBlockhash checks that BLOCKHASH of a missing header is an error even
// where nothing depends on its result, which is zero.
func TestMissingAncestorOfBlockhash(t *testing.T) {
	r := load(t, "geth-osaka/9")
	chain, err := r.witness.Ancestors(r.block)
	if err != nil {
		t.Fatal(err)
	}
	w := *r.witness
	w.Headers = nil
	for _, header := range chain[:len(chain)-1] {
		text, err := rlp.EncodeToBytes(header)
		if err != nil {
			t.Fatal(err)
		}
		w.Headers = append(w.Headers, text)
	}
	_, err = Execute(t.Context(), r.config, r.block, &w)
	e := wantError[*IncompleteError](t, err, "header "+chain[len(chain)-1].Hash().Hex()+" of block 4")
	if e != nil && len(e.Headers) != 1 {
		t.Errorf("%d headers are said to be missing: %v", len(e.Headers), err)
	}
}

func TestWitnessOfAnotherBlock(t *testing.T) {
	one, other := load(t, "geth-osaka/4"), load(t, "geth-osaka/5")
	_, err := Execute(t.Context(), one.config, one.block, other.witness)
	wantError[*WitnessError](t, err, "another block")

	// With the right headers over the state of another block.
	mixed := *other.witness
	mixed.Headers = one.witness.Headers
	_, err = Execute(t.Context(), one.config, one.block, &mixed)
	wantError[*IncompleteError](t, err, "state node")

	_, err = Execute(t.Context(), one.config, one.block, &witness.Witness{})
	wantError[*WitnessError](t, err, "no header")
	_, err = Execute(t.Context(), one.config, one.block, &witness.Witness{Headers: one.witness.Headers})
	e := wantError[*IncompleteError](t, err, "the root of the account trie")
	if e != nil && len(e.Nodes) != 1 {
		t.Errorf("%v", err)
	}
}

// TestChangedBlock checks that a change of each header field is found.
func TestChangedBlock(t *testing.T) {
	r := load(t, "hoodi/1265656")
	number := func(v uint64) *uint64 { return &v }
	other := common.Hash{1}
	for name, test := range map[string]struct {
		change   func(*types.Header)
		mismatch string // field of a MismatchError
		invalid  string // part of an InvalidError
	}{
		"state root":        {change: func(h *types.Header) { h.Root = other }, mismatch: "stateRoot"},
		"receipts root":     {change: func(h *types.Header) { h.ReceiptHash = other }, mismatch: "receiptsRoot"},
		"requests hash":     {change: func(h *types.Header) { h.RequestsHash = &other }, mismatch: "requestsHash"},
		"gas used":          {change: func(h *types.Header) { h.GasUsed++ }, mismatch: "gasUsed"},
		"bloom":             {change: func(h *types.Header) { h.Bloom[200] ^= 1 }, mismatch: "logsBloom"},
		"coinbase":          {change: func(h *types.Header) { h.Coinbase = common.Address{1} }, invalid: ""},
		"beacon root":       {change: func(h *types.Header) { h.ParentBeaconRoot = &other }, mismatch: "stateRoot"},
		"transactions root": {change: func(h *types.Header) { h.TxHash = other }, invalid: "transactions have the root"},
		"withdrawals root":  {change: func(h *types.Header) { h.WithdrawalsHash = &other }, invalid: "withdrawals have the root"},
		"no withdrawals":    {change: func(h *types.Header) { h.WithdrawalsHash = nil }, invalid: "no withdrawals root"},
		"no requests hash":  {change: func(h *types.Header) { h.RequestsHash = nil }, invalid: "no requests hash"},
		"no beacon root":    {change: func(h *types.Header) { h.ParentBeaconRoot = nil }, invalid: "beaconRoot"},
		"base fee":          {change: func(h *types.Header) { h.BaseFee = new(big.Int).Add(h.BaseFee, big.NewInt(1)) }, invalid: "baseFee"},
		"gas limit":         {change: func(h *types.Header) { h.GasLimit *= 2 }, invalid: "gas limit"},
		"gas above limit":   {change: func(h *types.Header) { h.GasUsed = h.GasLimit + 1 }, invalid: "gasUsed"},
		"blob gas":          {change: func(h *types.Header) { *h.BlobGasUsed += params.BlobTxBlobGasPerBlob }, invalid: "blob gas"},
		"excess blob gas":   {change: func(h *types.Header) { h.ExcessBlobGas = number(*h.ExcessBlobGas + 1) }, invalid: "excessBlobGas"},
		"time":              {change: func(h *types.Header) { h.Time -= 1000 }, invalid: "timestamp"},
		"difficulty":        {change: func(h *types.Header) { h.Difficulty = big.NewInt(1) }, invalid: "before the merge"},
		"nonce":             {change: func(h *types.Header) { h.Nonce[7] = 1 }, invalid: "nonce"},
		"long extra data":   {change: func(h *types.Header) { h.Extra = make([]byte, 33) }, invalid: "extra-data"},
		"block access list": {change: func(h *types.Header) { h.BlockAccessListHash = &other }, invalid: "access list"},
	} {
		t.Run(name, func(t *testing.T) {
			header := types.CopyHeader(r.block.Header())
			test.change(header)
			changed := types.NewBlockWithHeader(header).WithBody(*r.block.Body())
			_, err := Execute(t.Context(), r.config, changed, r.witness)
			switch {
			case err == nil:
				t.Error("accepted")
			case test.mismatch != "":
				e := wantError[*MismatchError](t, err, test.mismatch)
				if e != nil && len(e.Differences) != 1 {
					t.Errorf("more than the one field differs: %v", err)
				}
			case test.invalid != "":
				wantError[*InvalidError](t, err, test.invalid)
			}
		})
	}
}

func TestChangedBody(t *testing.T) {
	r := load(t, "hoodi/1265656")
	body := *r.block.Body()
	body.Transactions = body.Transactions[1:]
	header := types.CopyHeader(r.block.Header())
	header.TxHash = types.DeriveSha(types.Transactions(body.Transactions), trie.NewStackTrie(nil))
	_, err := Execute(t.Context(), r.config, types.NewBlockWithHeader(header).WithBody(body), r.witness)
	if err == nil {
		t.Error("accepted without its first transaction")
	}
	body.Withdrawals = nil
	_, err = Execute(t.Context(), r.config, types.NewBlockWithHeader(header).WithBody(body), r.witness)
	wantError[*InvalidError](t, err, "no withdrawals")
}

func TestRulesOfAnotherChain(t *testing.T) {
	r := load(t, "hoodi/690403")
	_, err := Execute(t.Context(), params.SepoliaChainConfig, r.block, r.witness)
	if err == nil {
		t.Error("accepted by the rules of Sepolia")
	}
	wantError[*InvalidError](t, err, "")
}

func TestCancelled(t *testing.T) {
	r := load(t, "geth-osaka/1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Execute(ctx, r.config, fresh(t, r.block), r.witness); err == nil || !errors.Is(err, ctx.Err()) {
		t.Errorf("after cancel: %v", err)
	}
}

package witness

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// reth is the plain shape, parsed by the standard library: the second opinion.
type reth struct {
	State   []string `json:"state"`
	Codes   []string `json:"codes"`
	Keys    []string `json:"keys"`
	Headers []string `json:"headers"`
}

func realBlocks(t testing.TB) map[string]string {
	dirs := map[string]string{}
	for _, chain := range []string{"mainnet", "hoodi", "holesky"} {
		found, err := filepath.Glob(filepath.Join(witnesstest.Shared(t, "data", chain), "*", "witness.json.gz"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no blocks of %s: %v", chain, err)
		}
		for _, f := range found {
			dirs[chain+"/"+filepath.Base(filepath.Dir(f))] = filepath.Dir(f)
		}
	}
	return dirs
}

func TestRealBlocks(t *testing.T) {
	for name, dir := range realBlocks(t) {
		t.Run(name, func(t *testing.T) {
			block, err := ReadBlock(filepath.Join(dir, "block.json.gz"))
			if err != nil {
				t.Fatal(err)
			}
			data, err := ReadFile(filepath.Join(dir, "witness.json.gz"))
			if err != nil {
				t.Fatal(err)
			}
			before := bytes.Clone(data)
			w, err := Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(data, before) {
				t.Error("Decode changed its input")
			}
			var want reth
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			for _, list := range []struct {
				name string
				have [][]byte
				want []string
			}{{"state", w.State, want.State}, {"codes", w.Codes, want.Codes}, {"keys", w.Keys, want.Keys}, {"headers", w.Headers, want.Headers}} {
				if len(list.have) != len(list.want) {
					t.Fatalf("%s: %d entries, want %d", list.name, len(list.have), len(list.want))
				}
				for i := range list.have {
					if "0x"+hex.EncodeToString(list.have[i]) != list.want[i] {
						t.Fatalf("%s[%d] differs", list.name, i)
					}
				}
			}
			inPlace, err := Read(filepath.Join(dir, "witness.json.gz"))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(inPlace, w) {
				t.Error("Read and Decode differ")
			}
			if err := w.Check(block.Block); err != nil {
				t.Error(err)
			}
			if w.Shape != ShapeRLP || !w.KeysGiven {
				t.Errorf("shape %v, keys given %v", w.Shape, w.KeysGiven)
			}
			checkTampered(t, w, block.Block)
		})
	}
}

// checkTampered takes away what Check looks at.
func checkTampered(t *testing.T, w *Witness, block *types.Block) {
	t.Helper()
	cut := *w
	cut.Headers = nil
	if err := cut.Check(block); !errors.Is(err, ErrIncomplete) {
		t.Errorf("without headers: %v", err)
	}
	parent, err := w.Parent(block)
	if err != nil {
		t.Fatal(err)
	}
	cut = *w
	cut.State = nil
	for _, node := range w.State {
		if crypto.Keccak256Hash(node) != parent.Root {
			cut.State = append(cut.State, node)
		}
	}
	if err := cut.Check(block); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), parent.Root.String()) {
		t.Errorf("without the root node: %v", err)
	}
	if len(w.Headers) > 2 {
		for i, raw := range w.Headers {
			var header types.Header
			if err := rlp.DecodeBytes(raw, &header); err != nil {
				t.Fatal(err)
			}
			if header.Number.Uint64() != block.NumberU64()-2 {
				continue
			}
			cut = *w
			cut.Headers = append(append([][]byte{}, w.Headers[:i]...), w.Headers[i+1:]...)
			if err := cut.Check(block); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "gap") {
				t.Errorf("with a gap: %v", err)
			}
		}
	}
	other := block.Header()
	other.ParentHash[0] ^= 1
	if err := w.Check(types.NewBlockWithHeader(other)); !errors.Is(err, ErrOtherBlock) {
		t.Errorf("of another fork: %v", err)
	}
	other = block.Header()
	other.Number.Add(other.Number, other.Number)
	if err := w.Check(types.NewBlockWithHeader(other)); !errors.Is(err, ErrOtherBlock) && !errors.Is(err, ErrIncomplete) {
		t.Errorf("of another number: %v", err)
	}
}

func TestGethAnswers(t *testing.T) {
	for n := 1; n <= 19; n++ {
		dir := witnesstest.Geth(t, n)
		block, err := ReadBlock(filepath.Join(dir, "block.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if block.NumberU64() != uint64(n) {
			t.Errorf("block %d says it is %d", n, block.NumberU64())
		}
		w, err := Read(filepath.Join(dir, "witness.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if w.Shape != ShapeObjects || w.KeysGiven || w.Keys != nil {
			t.Errorf("block %d: shape %v, keys %d", n, w.Shape, len(w.Keys))
		}
		if err := w.Check(block.Block); err != nil {
			t.Error(err)
		}
		if n == 9 {
			if chain, err := w.Ancestors(block.Block); err != nil || len(chain) != 5 || chain[4].Number.Uint64() != 4 {
				t.Errorf("block 9: %d ancestors, %v", len(chain), err)
			}
		}
	}
}

func TestOldMaps(t *testing.T) {
	dir := witnesstest.Shared(t, "data", "holesky", "2965790")
	block, err := ReadBlock(filepath.Join(dir, "reth-2024-block.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Read(filepath.Join(dir, "reth-2024-witness.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if w.Shape != ShapeMaps || len(w.State) == 0 || len(w.Codes) == 0 || !w.KeysGiven {
		t.Errorf("%v: %d nodes, %d codes, keys %v", w.Shape, len(w.State), len(w.Codes), w.KeysGiven)
	}
	if err := w.Check(block.Block); !errors.Is(err, ErrIncomplete) {
		t.Errorf("without headers: %v", err)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "ends where a value is expected at byte 0"},
		{"empty object", `{}`, "not the answer to debug_executionWitness"},
		{"null", `null`, "the node does not have it"},
		{"null result", `{"jsonrpc":"2.0","id":1,"result":null}`, "result is null"},
		{"rpc error", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method debug_executionWitness does not exist"}}`, "error -32601: the method debug_executionWitness does not exist"},
		{"html", `<html>502 Bad Gateway</html>`, `unexpected character '<' at byte 0`},
		{"cut off", `{"state":["0x12","0x3`, `state[1]: the string has no end at byte 17`},
		{"odd digits", `{"state":["0x12","0x345"],"codes":[],"keys":[],"headers":[]}`, "state[1]: odd number of hexadecimal digits (3) at byte 17"},
		{"no prefix", `{"state":["1234"],"codes":[],"keys":[],"headers":[]}`, `state[0]: want a string that begins with 0x, have "1234"`},
		{"bad digit", `{"state":[],"codes":["0x12zz"],"keys":[],"headers":[]}`, "codes[0]: a character that is no hexadecimal digit"},
		{"number", `{"state":[],"codes":[7],"keys":[],"headers":[]}`, "codes[0]: want a string, have a number at byte 21"},
		{"no headers", `{"state":["0x80"],"codes":[],"keys":[]}`, "headers is missing"},
		{"null headers", `{"state":["0x80"],"codes":[],"keys":[],"headers":null}`, "headers is missing"},
		{"no state", `{"codes":[],"keys":[],"headers":[]}`, "state is missing"},
		{"state twice", `{"state":["0x80"],"codes":[],"state":[],"headers":[]}`, "state: is there twice"},
		{"two results", `{"result":{"state":[],"headers":[]},"result":{"state":[],"headers":[]}}`, "two results in one answer"},
		{"empty strings without end", `{"state":[` + strings.Repeat(`"0x",`, maxTiny) + `"0x"],"headers":[]}`, "more than 65536 entries of fewer than 16 bytes"},
		{"header object", `{"state":[],"codes":[],"headers":[{"number":"0x1"}]}`, "headers[0]: parentHash is missing"},
		{"trailing", `{"state":[],"codes":[],"headers":[]} {}`, `unexpected character '{' after the document`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeForms(t *testing.T) {
	const inner = `{"keys":null,"state":["0x80","0x"],"codes":["0xAbCd"],"headers":["0xc0"]}`
	for _, text := range []string{
		inner,
		`{"jsonrpc":"2.0","id":1,"result":` + inner + `}`,
		`{"id":"a","result":` + inner + `,"jsonrpc":"2.0","error":null}` + "\n",
		" " + strings.ReplaceAll(inner, ",", " ,\n\t"),
		strings.ReplaceAll(inner, "0xAb", `0x\u0041b`),
	} {
		for _, path := range []bool{false, true} {
			var w *Witness
			var err error
			if path {
				name := filepath.Join(t.TempDir(), "w.json")
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				w, err = Read(name)
			} else {
				w, err = Decode([]byte(text))
			}
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if len(w.State) != 2 || !bytes.Equal(w.State[0], []byte{0x80}) || len(w.State[1]) != 0 || !bytes.Equal(w.Codes[0], []byte{0xab, 0xcd}) || w.KeysGiven {
				t.Errorf("%s: %+v", text, w)
			}
		}
	}
}

// What a node says besides the four members, or leaves out of those that may be
// absent, changes nothing.
func TestDecodeTakes(t *testing.T) {
	for _, text := range []string{
		`{"state":["0x80"],"headers":["0xc0"]}`,
		`{"state":["0x80"],"codes":null,"keys":null,"headers":["0xc0"]}`,
		`{"state":["0x80"],"id":7,"error":{"code":1,"message":"m"},"jsonrpc":"3","codes":[],"headers":["0xc0"]}`,
		`{"id":7,"state":["0x80"],"result":{"state":[]},"headers":["0xc0"]}`,
		`{"jsonrpc":"2.0","result":{"id":7,"error":"x","state":["0x80"],"result":null,"headers":["0xc0"]},"state":[]}`,
		`{"stateRoot":"0x00","state":["0x80"],"proof":{"state":["0x81"]},"headers":["0xc0"],"headers":null}`,
	} {
		for name, read := range map[string]func() (*Witness, error){
			"memory": func() (*Witness, error) { return Decode([]byte(text)) },
			"stream": func() (*Witness, error) { return decode(jsonhex.NewStreamReader(strings.NewReader(text)), 0) },
		} {
			w, err := read()
			if err != nil || len(w.State) != 1 || len(w.Headers) != 1 || len(w.Codes) != 0 || w.KeysGiven {
				t.Errorf("%s: %s: %+v, %v", text, name, w, err)
			}
		}
	}
}

// Scan hands out what Read keeps.
func TestScan(t *testing.T) {
	for n := 1; n <= 19; n++ {
		text, err := ReadFile(filepath.Join(witnesstest.Geth(t, n), "witness.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		have := new(Witness)
		keep := func(list *[][]byte) func([]byte) error {
			return func(entry []byte) error {
				*list = append(*list, bytes.Clone(entry))
				return nil
			}
		}
		form, err := Scan(iotest.HalfReader(bytes.NewReader(text)), Entries{State: keep(&have.State), Code: keep(&have.Codes), Key: keep(&have.Keys), Header: keep(&have.Headers)})
		if err != nil {
			t.Fatal(err)
		}
		have.Shape, have.CodesGiven, have.KeysGiven = form.Shape, form.CodesGiven, form.KeysGiven
		if !reflect.DeepEqual(have, want) {
			t.Errorf("block %d: Scan and Decode differ", n)
		}
	}
}

func TestReadFileGzip(t *testing.T) {
	name := filepath.Join(t.TempDir(), "w.json.gz")
	if err := os.WriteFile(name, []byte("not gzip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err == nil || !strings.HasPrefix(err.Error(), name) {
		t.Errorf("have %v", err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(name); err == nil || !strings.HasPrefix(err.Error(), name) {
		t.Errorf("have %v", err)
	}
}

// FuzzDecode looks for witnesses that panic, and for ones that are read
// differently from a file.
func FuzzDecode(f *testing.F) {
	const header = `{"parentHash":"0x0000000000000000000000000000000000000000000000000000000000000000"}`
	for _, text := range []string{
		`{"state":["0x80","0x"],"codes":["0x6000"],"keys":["0x00"],"headers":["0xc0"]}`,
		`{"jsonrpc":"2.0","id":1,"result":{"headers":[` + header + `],"codes":[],"state":[],"keys":null}}`,
		`{"state":{"0xaa":"0x80"},"codes":{},"keys":{}}`,
		`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"block not found"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, wantErr := Decode(data)
		have, err := decode(jsonhex.NewStreamReader(iotest.HalfReader(bytes.NewReader(data))), 0)
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(have, want) {
			t.Fatalf("in memory %+v, %v; as a stream %+v, %v", want, wantErr, have, err)
		}
		if err == nil {
			_ = have.Check(types.NewBlockWithHeader(&types.Header{Number: big.NewInt(1)}))
		}
	})
}

// FuzzDecodeBlock looks for blocks that panic.
func FuzzDecodeBlock(f *testing.F) {
	f.Add([]byte(`{"hash":"0x00","transactions":[],"withdrawals":[],"uncles":[],"number":"0x1"}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := DecodeBlock(data); err == nil && b.Hash() != b.Header().Hash() {
			t.Error("a block with a wrong hash")
		}
	})
}

package input_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/builder-stateless-input/inspect"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/plugins/source-devchain/chain"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// generated makes blocks of Amsterdam on a development chain, which is a real go-ethereum node.
// It calls take with each block and the witness that the node serves.
func generated(t *testing.T, blocks, transactions int, take func(material)) {
	t.Helper()
	c, err := chain.Open(t.Context(), chain.Config{
		Dir: t.TempDir(), Seed: uint64(blocks), Period: time.Second, Transactions: transactions, ForkBlock: 1, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	text, err := c.Rules()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := chainspec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := spec.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for range blocks {
		made, err := c.MakeBlock(0) // each block comes a second after the one before
		if err != nil {
			t.Fatal(err)
		}
		number := fmt.Sprintf("%#x", made.NumberU64())
		block, err := witness.DecodeBlock(ask(t, c.Endpoint(), "eth_getBlockByNumber", number, true))
		if err != nil {
			t.Fatal(err)
		}
		w, err := witness.Decode(ask(t, c.Endpoint(), "debug_executionWitness", number))
		if err != nil {
			t.Fatal(err)
		}
		take(material{rules, block.Block, w})
	}
}

func ask(t *testing.T, endpoint, method string, params ...any) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(endpoint, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// generatedBlocks returns the number of blocks of the usual size. With PROOFLINE_LONG it is the
// full number.
func generatedBlocks() int {
	if os.Getenv("PROOFLINE_LONG") != "" {
		return 300
	}
	return 16
}

// TestGeneratedBlocks encodes Amsterdam blocks of every kind. Two independent decoders, the
// Python one that follows the specification and dynamic-ssz, must decode them, encode them to
// the same bytes and compute the same request root. For some blocks it also removes every node
// in turn and checks that the missing node is reported.
func TestGeneratedBlocks(t *testing.T) {
	python := &python{dir: t.TempDir()}
	var seen struct{ blocks, empty, largest, holes int }
	kinds, requests := make(map[uint8]int), make(map[byte]int)
	take := func(m material) {
		seen.blocks++
		n := len(m.block.Transactions())
		seen.largest = max(seen.largest, n)
		if n == 0 && len(m.block.Withdrawals()) == 0 {
			seen.empty++
		}
		for _, tx := range m.block.Transactions() {
			kinds[tx.Type()]++
		}
		for i, dialect := range guest.Dialects() {
			in := m.build(t, dialect)
			data := encode(t, in)
			again, err := input.Decode(data, dialect)
			if err != nil || !bytes.Equal(encode(t, again), data) {
				t.Errorf("block %d: %s does not decode to itself: %v", m.block.NumberU64(), dialect, err)
			}
			f, err := inspect.Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			s := f.Summarize()
			if len(s.Findings) > 0 {
				t.Errorf("block %d: %s: %v", m.block.NumberU64(), dialect, s.Findings)
			}
			checkDynamic(t, in, data)
			python.add(t, in, data)
			for kind, count := range s.Requests {
				if i == 0 {
					requests[byte(kind)] += count
				}
			}
		}
		if every := generatedBlocks() / 10; seen.holes == 0 || every > 1 && seen.blocks%every == 0 {
			seen.holes += holes(t, m)
		}
	}
	generated(t, generatedBlocks(), 12, take)
	generated(t, 2, 400, take)
	t.Run("python", python.run)
	t.Logf("%+v, transactions by type %v, requests by type %v", seen, kinds, requests)
	for kind := range byte(5) {
		if kinds[kind] == 0 || requests[kind] == 0 {
			t.Errorf("no transaction or no request of type %d", kind)
		}
	}
	if seen.largest < 300 || seen.empty == 0 || seen.holes == 0 {
		t.Errorf("%+v", seen)
	}
}

// holes removes each node of the witness in turn and returns how many were reported as missing.
// A block that still executes has not read the node.
func holes(t *testing.T, m material) (missed int) {
	t.Helper()
	report, err := stateless.Execute(t.Context(), m.rules, m.block, m.witness)
	if err != nil {
		t.Fatal(err)
	}
	whole := m.witness.State
	unnoticed := 0
	for i := range whole {
		changed := *m.witness
		changed.State = append(append([][]byte{}, whole[:i]...), whole[i+1:]...)
		switch _, err := stateless.Execute(t.Context(), m.rules, m.block, &changed); {
		case err == nil:
			unnoticed++
		case strings.Contains(err.Error(), "incomplete"):
			missed++
		default:
			t.Errorf("block %d without node %d: %v", m.block.NumberU64(), i, err)
		}
	}
	if unused := report.Nodes - report.NodesUsed; unnoticed != unused {
		t.Errorf("block %d: %d of %d nodes can be left out, but %d are not used", m.block.NumberU64(), unnoticed, len(whole), unused)
	}
	return missed
}

// python checks inputs with the codec of the shared tools, in one process. It needs
// python3 with its standard library alone.
type python struct{ dir string }

func (p *python) add(t *testing.T, in *input.Input, data []byte) {
	t.Helper()
	output := in.Output().Encode()
	name := filepath.Join(p.dir, fmt.Sprintf("%x.%s", in.Payload.BlockHash[:8], in.Dialect))
	for end, content := range map[string][]byte{".in": data, ".out": output[:]} {
		if err := os.WriteFile(name+end, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// script decodes each input, encodes it again, computes the output, and rebuilds
// the header from the payload.
const script = `
import sys, glob
sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True
import stateless_ssz as s
n = 0
for name in sorted(glob.glob(sys.argv[2] + "/*.in")):
    raw = open(name, "rb").read(); want = open(name[:-3] + ".out", "rb").read()
    sid, dialect, v = s.decode(raw)
    npr = v["newPayloadRequest"]
    assert name.endswith("d%d.in" % dialect), (name, "dialect", dialect)
    assert s.encode(sid, dialect, v) == raw, (name, "encodes otherwise")
    assert s.output(sid, v, 1) == want, (name, "output", s.output(sid, v, 1).hex(), want.hex())
    p = npr["executionPayload"]
    if n % int(sys.argv[3]) == 0:
        assert s.keccak256(s.rlp(s.header(npr))) == p["blockHash"], (name, "block hash")
    n += 1
print(n)
`

func (p *python) run(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	tools := filepath.Dir(witnesstest.Shared(t, "tools", "stateless_ssz.py"))
	files, err := filepath.Glob(filepath.Join(p.dir, "*.in"))
	if err != nil {
		t.Fatal(err)
	}
	// Keccak in Python is slow: the header of every eighth is rebuilt.
	out, err := exec.CommandContext(t.Context(), "python3", "-c", script, tools, p.dir, "8").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(len(files)) {
		t.Errorf("%v: %s", err, out)
	}
}

package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
)

// now is a timestamp that needs no clock; blocks count up from it.
const now = genesisTime + 1000

func config(dir string) Config {
	return Config{Dir: dir, Seed: 1, Period: time.Second, Transactions: 12, Log: slog.New(slog.DiscardHandler)}
}

func openChain(t *testing.T, c Config) *Chain {
	t.Helper()
	chain, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func closeChain(t *testing.T, c *Chain) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func makeBlocks(t *testing.T, c *Chain, n int) (blocks []*types.Block) {
	t.Helper()
	for range n {
		block, err := c.MakeBlock(now)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// sameBlocks fails unless the node serves these blocks as canonical.
func sameBlocks(t *testing.T, c *Chain, blocks []*types.Block) {
	t.Helper()
	for _, block := range blocks {
		if hash := c.node.BlockChain().GetCanonicalHash(block.NumberU64()); hash != block.Hash() {
			t.Errorf("block %d is now %s, was %s", block.NumberU64(), hash, block.Hash())
		}
	}
}

// ask makes a JSON-RPC call of the chain's endpoint.
func ask(t *testing.T, c *Chain, method string, params ...any) json.RawMessage {
	t.Helper()
	client, err := rpc.DialContext(t.Context(), c.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var result json.RawMessage
	if err := client.CallContext(t.Context(), &result, method, params...); err != nil {
		t.Fatalf("%s%v: %v", method, params, err)
	}
	return result
}

// execute fetches the block and its witness over JSON-RPC and executes it.
func execute(t *testing.T, c *Chain, number uint64) *stateless.Report {
	t.Helper()
	rules, block, w := fetch(t, c, number)
	report, err := stateless.Execute(t.Context(), rules, block, w)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func fetch(t *testing.T, c *Chain, number uint64) (*params.ChainConfig, *types.Block, *witness.Witness) {
	t.Helper()
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
	block, err := witness.DecodeBlock(ask(t, c, "eth_getBlockByNumber", fmt.Sprintf("%#x", number), true))
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Decode(ask(t, c, "debug_executionWitness", fmt.Sprintf("%#x", number)))
	if err != nil {
		t.Fatal(err)
	}
	return rules, block.Block, w
}

// TestEveryBlockExecutesFromItsWitness makes two cycles of the load. It checks that they have
// every kind of transaction, and that each block executes from the witness of the node.
func TestEveryBlockExecutesFromItsWitness(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	blocks := makeBlocks(t, c, 20)
	kinds := make(map[uint8]int)
	var failed, requests, withdrawals, empty, deepest int
	for _, block := range blocks {
		report := execute(t, c, block.NumberU64())
		if report.Hash != block.Hash() {
			t.Errorf("block %d is served with another hash", block.NumberU64())
		}
		if report.NodesUsed == 0 || report.Nodes < report.NodesUsed {
			t.Errorf("block %d: %d of %d nodes are used", block.NumberU64(), report.NodesUsed, report.Nodes)
		}
		for _, tx := range block.Transactions() {
			kinds[tx.Type()]++
		}
		if report.Transactions == 0 {
			empty++
		}
		failed += report.Failed
		withdrawals += report.Withdrawals
		requests = max(requests, len(report.Requests))
		deepest = max(deepest, report.Headers)
	}
	for kind := range uint8(types.SetCodeTxType + 1) {
		if kinds[kind] == 0 {
			t.Errorf("no transaction of type %d in %v", kind, kinds)
		}
	}
	if failed == 0 || requests != 3 || withdrawals == 0 || empty < 2 || deepest < 3 {
		t.Errorf("%d failed transactions, %d kinds of requests in a block, %d withdrawals, %d blocks without transactions, %d headers at most",
			failed, requests, withdrawals, empty, deepest)
	}
}

// TestAmsterdam checks that the chain passes to Amsterdam at its block, at any time, with block
// access lists, other gas rules and two more kinds of requests. Every block before and after
// the fork executes from its witness.
func TestAmsterdam(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.ForkBlock = 6
	f := &fork{Block: cfg.ForkBlock, Time: now + 1000}
	c, err := open(t.Context(), cfg, rules(f), f)
	if err != nil {
		t.Fatal(err)
	}
	defer closeChain(t, c)
	kinds := make(map[byte]int)
	for range 16 {
		// Long after the fork's time before it, long before behind it.
		at := f.Time + 5000
		if c.Head().Number.Uint64()+1 >= f.Block {
			at = now
		}
		block, err := c.MakeBlock(at)
		if err != nil {
			t.Fatal(err)
		}
		header := block.Header()
		after := block.NumberU64() >= f.Block
		if after != (header.BlockAccessListHash != nil) || after != (header.SlotNumber != nil) || after != (block.Time() >= f.Time) {
			t.Errorf("block %d of time %d, fork at %d: access list hash %v, slot %v", block.NumberU64(), block.Time(), f.Time, header.BlockAccessListHash, header.SlotNumber)
		}
		report := execute(t, c, block.NumberU64())
		for _, request := range report.Requests {
			kinds[request[0]]++
		}
		if report.Failed > report.Transactions/2 {
			t.Errorf("block %d: %d of %d transactions failed", block.NumberU64(), report.Failed, report.Transactions)
		}
	}
	for kind := range byte(5) {
		if kinds[kind] == 0 {
			t.Errorf("no request of type %d: %v", kind, kinds)
		}
	}
}

// TestForkIsKept checks that a chain keeps its fork and refuses another one.
func TestForkIsKept(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.ForkBlock = 3
	c := openChain(t, cfg)
	first := c.fork
	blocks := makeBlocks(t, c, 4)
	closeChain(t, c)
	c = openChain(t, cfg)
	if *c.fork != *first {
		t.Errorf("fork %+v, was %+v", c.fork, first)
	}
	sameBlocks(t, c, blocks)
	makeBlocks(t, c, 1)
	closeChain(t, c)
	for block, want := range map[uint64]string{4: "passes to Amsterdam at block 3, not at block 4", 0: "another chain"} {
		cfg.ForkBlock = block
		if c, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fork at %d: %v", block, err)
			if err == nil {
				closeChain(t, c)
			}
		}
	}
}

// TestHeavyLoad checks that blocks with the largest load can be built and executed.
func TestHeavyLoad(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Transactions = 400
	c := openChain(t, cfg)
	defer closeChain(t, c)
	var most uint64
	for _, block := range makeBlocks(t, c, 5) {
		report := execute(t, c, block.NumberU64())
		most = max(most, report.GasUsed)
		t.Logf("block %d: %d transactions, %d gas, %d nodes, executed in %v", report.Number, report.Transactions, report.GasUsed, report.Nodes, report.Time)
	}
	if most < 10_000_000 {
		t.Errorf("the heaviest block uses %d gas only", most)
	}
}

// TestEverySingleHoleIsFound removes every entry of a witness in turn. It checks that exactly
// the nodes, codes and headers that count as used are reported as missing.
func TestEverySingleHoleIsFound(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	makeBlocks(t, c, 15)
	for _, number := range []uint64{5, 15} { // deletes storage, asks for old block hashes
		rules, block, w := fetch(t, c, number)
		report, err := stateless.Execute(t.Context(), rules, block, w)
		if err != nil {
			t.Fatal(err)
		}
		missed := func(list *[][]byte) (n int) {
			whole := *list
			defer func() { *list = whole }()
			for i := range whole {
				*list = slices.Delete(slices.Clone(whole), i, i+1)
				if _, err := stateless.Execute(t.Context(), rules, block, w); errors.Is(err, witness.ErrIncomplete) || errors.Is(err, witness.ErrOtherBlock) {
					n++
				} else if err != nil {
					t.Errorf("block %d with a hole: %v", number, err)
				}
			}
			return n
		}
		if n := missed(&w.State); n != report.NodesUsed {
			t.Errorf("block %d: %d of %d nodes are missed, %d are used", number, n, report.Nodes, report.NodesUsed)
		}
		if n := missed(&w.Codes); n != report.CodesUsed {
			t.Errorf("block %d: %d of %d codes are missed, %d are used", number, n, report.Codes, report.CodesUsed)
		}
		if n := missed(&w.Headers); n != report.Headers {
			t.Errorf("block %d: %d of %d headers are missed", number, n, report.Headers)
		}
	}
}

// TestOnlyRevertsFail checks that only the transactions that are meant to revert fail.
func TestOnlyRevertsFail(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	reverts := 0
	for _, block := range makeBlocks(t, c, 32) {
		for i, receipt := range c.node.BlockChain().GetReceiptsByHash(block.Hash()) {
			if receipt.Status == types.ReceiptStatusSuccessful {
				continue
			}
			if tx := block.Transactions()[i]; tx.To() == nil || receipt.GasUsed == tx.Gas() {
				t.Errorf("block %d: transaction %d to %v failed with %d of %d gas", block.NumberU64(), i, tx.To(), receipt.GasUsed, tx.Gas())
			}
			reverts++
		}
	}
	if reverts == 0 {
		t.Error("nothing reverted")
	}
}

func TestWitnessOfAnOldBlock(t *testing.T) {
	dir := t.TempDir()
	c := openChain(t, config(dir))
	makeBlocks(t, c, 160) // go-ethereum keeps 128 states in memory
	if report := execute(t, c, 9); report.Transactions == 0 {
		t.Error("block 9 is empty")
	}
	closeChain(t, c)
	// In the database alone: the states are not in memory any more.
	c = openChain(t, config(dir))
	defer closeChain(t, c)
	for _, number := range []uint64{1, 2, 80, 160} {
		execute(t, c, number)
	}
	t.Logf("160 blocks take %d bytes of database and %d of journal",
		size(t, filepath.Join(dir, databaseDir)), size(t, filepath.Join(dir, "journal")))
}

func size(t *testing.T, dir string) (bytes int64) {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestRestartContinuesTheChain(t *testing.T) {
	dir := t.TempDir()
	c := openChain(t, config(dir))
	blocks := makeBlocks(t, c, 10)
	closeChain(t, c)
	for range 2 {
		c = openChain(t, config(dir))
		if c.Head().Hash() != blocks[len(blocks)-1].Hash() {
			t.Fatalf("the head is block %d after a restart, was block %d", c.Head().Number, len(blocks))
		}
		sameBlocks(t, c, blocks)
		blocks = append(blocks, makeBlocks(t, c, 5)...)
		closeChain(t, c)
	}
}

// TestDatabaseIsRebuilt checks that a missing, damaged or foreign database is rebuilt.
func TestDatabaseIsRebuilt(t *testing.T) {
	dir := t.TempDir()
	c := openChain(t, config(dir))
	blocks := makeBlocks(t, c, 10)
	closeChain(t, c)

	t.Run("absent", func(t *testing.T) {
		if err := removeDatabase(dir); err != nil {
			t.Fatal(err)
		}
		c := openChain(t, config(dir))
		defer closeChain(t, c)
		sameBlocks(t, c, blocks)
		execute(t, c, 7)
	})
	t.Run("damaged", func(t *testing.T) {
		manifests, err := filepath.Glob(filepath.Join(dir, databaseDir, "*", "chaindata", "MANIFEST-*"))
		if err != nil || len(manifests) == 0 {
			t.Fatalf("no manifest: %v", err)
		}
		for _, path := range manifests {
			if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var logged bytes.Buffer
		cfg := config(dir)
		cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
		c := openChain(t, cfg)
		defer closeChain(t, c)
		sameBlocks(t, c, blocks)
		if !strings.Contains(logged.String(), "rebuilt from the journal") {
			t.Errorf("logged %q", logged.String())
		}
	})
	t.Run("of another chain", func(t *testing.T) {
		other := t.TempDir()
		c := openChain(t, config(other))
		// The timestamp makes the difference.
		if _, err := c.MakeBlock(now + 77); err != nil {
			t.Fatal(err)
		}
		closeChain(t, c)
		if err := removeDatabase(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(other, databaseDir), filepath.Join(dir, databaseDir)); err != nil {
			t.Fatal(err)
		}
		c = openChain(t, config(dir))
		defer closeChain(t, c)
		sameBlocks(t, c, blocks)
	})
}

// TestJournalIsCompletedFromTheDatabase checks that a journal without its last record gets it
// back from the database.
func TestJournalIsCompletedFromTheDatabase(t *testing.T) {
	dir := t.TempDir()
	c := openChain(t, config(dir))
	blocks := makeBlocks(t, c, 5)
	closeChain(t, c)
	path := filepath.Join(dir, "journal", "blocks-0000000001.journal")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-10); err != nil {
		t.Fatal(err)
	}
	c = openChain(t, config(dir))
	blocks = append(blocks, makeBlocks(t, c, 2)...)
	closeChain(t, c)
	if err := removeDatabase(dir); err != nil {
		t.Fatal(err)
	}
	c = openChain(t, config(dir))
	defer closeChain(t, c)
	sameBlocks(t, c, blocks)
}

func TestAnotherSeedIsRefused(t *testing.T) {
	dir := t.TempDir()
	c := openChain(t, config(dir))
	makeBlocks(t, c, 1)
	closeChain(t, c)
	cfg := config(dir)
	cfg.Seed = 2
	_, err := Open(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "another chain") || !strings.Contains(err.Error(), dir) {
		t.Errorf("with another seed: %v", err)
	}
	c = openChain(t, config(dir))
	defer closeChain(t, c)
	if _, err := Open(t.Context(), config(dir)); err == nil || !strings.Contains(err.Error(), "used by another process") {
		t.Errorf("opened twice: %v", err)
	}
}

// TestSeedDecides checks that two chains with the same seed have the same blocks at the same
// times.
func TestSeedDecides(t *testing.T) {
	var heads [3]common.Hash
	for i, seed := range []uint64{1, 1, 2} {
		cfg := config(t.TempDir())
		cfg.Seed = seed
		c := openChain(t, cfg)
		makeBlocks(t, c, 9)
		heads[i] = c.Head().Hash()
		closeChain(t, c)
	}
	if heads[0] != heads[1] || heads[0] == heads[2] {
		t.Errorf("heads %v of the seeds 1, 1, 2", heads)
	}
}

func TestServesOnlyThisMachineAndOnlyReads(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	body := `{"jsonrpc":"2.0","id":1,"method":"debug_setHead","params":["0x0"]}`
	for _, test := range []struct {
		host   string
		status int
	}{{"", http.StatusOK}, {"localhost:1", http.StatusOK}, {"attacker.example", http.StatusForbidden}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Endpoint(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Host = test.host
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Error struct{ Message string } }
		if test.status == http.StatusOK {
			if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(answer.Error.Message, "debug_setHead does not exist") {
				t.Errorf("debug_setHead by host %q: %+v", test.host, answer)
			}
		}
		response.Body.Close()
		if response.StatusCode != test.status {
			t.Errorf("host %q: status %d, want %d", test.host, response.StatusCode, test.status)
		}
	}
	if version := string(ask(t, c, "web3_clientVersion")); !strings.Contains(version, "proofline-devchain") {
		t.Errorf("client version %s", version)
	}
	if id := string(ask(t, c, "eth_chainId")); id != fmt.Sprintf(`"%#x"`, ID) {
		t.Errorf("chain id %s", id)
	}
}

// TestRun checks that Run makes blocks with right timestamps and closes the channel of Changed.
func TestRun(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	for want := uint64(1); want <= 2; {
		changed := c.Changed()
		if c.Head().Number.Uint64() >= want {
			want++
			continue
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("no block came")
		}
	}
	cancel()
	<-done
	if age := time.Since(time.Unix(int64(c.Head().Time), 0)); age < -time.Second {
		t.Errorf("the head's time is %v ahead", -age)
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

// TestFailedWrite checks that a block that cannot be written to the journal is not served, and
// that the next try makes it.
func TestFailedWrite(t *testing.T) {
	c := openChain(t, config(t.TempDir()))
	defer closeChain(t, c)
	makeBlocks(t, c, 2)
	if err := c.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.MakeBlock(now); err == nil || c.Err() == nil || c.Head().Number.Uint64() != 2 {
		t.Errorf("with a closed journal: %v, %v, head %d", err, c.Err(), c.Head().Number)
	}
}

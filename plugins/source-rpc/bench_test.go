package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// The benchmarks are for `make bench-source`: each is one run that prints its
// figures, independent of -benchtime.

// BenchmarkFetchOverhead compares, interleaved and as medians of 15, a fetch
// with the two bare calls made in parallel, and what it adds with the work that cannot be left
// out: decode, keccak and fsync of the same bytes.
func BenchmarkFetchOverhead(b *testing.B) {
	const rounds = 15
	chain, err := ethnodetest.Recorded(witnesstest.Shared(b, "data", "mainnet", "24647140"), 1)
	if err != nil {
		b.Fatal(err)
	}
	node := ethnodetest.Start(b, chain)
	pool, err := ethnode.NewPool(b.Context(), []ethnode.Endpoint{{URL: node.URL}}, ethnode.PoolOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	source := ethnode.NewPoolSource(pool, time.Second, slog.New(slog.DiscardHandler))
	block := chain.Head()
	scratch := b.TempDir()
	var bare, ours, needed []time.Duration
	for round := range rounds + 2 {
		runtime.GC()
		t0 := time.Now()
		bareCalls(b, node.URL, block)
		t1 := time.Now()
		task := newTask(b, filepath.Join(scratch, fmt.Sprint(round)), block.Contract(1))
		t2 := time.Now()
		if _, err := source.Fetch(b.Context(), task); err != nil {
			b.Fatal(err)
		}
		t3 := time.Now()
		task.Close()
		decodeHashSync(b, block, scratch)
		t4 := time.Now()
		if round < 2 {
			continue // warm-up
		}
		bare, ours, needed = append(bare, t1.Sub(t0)), append(ours, t3.Sub(t2)), append(needed, t4.Sub(t3))
	}
	median := func(d []time.Duration) time.Duration { slices.Sort(d); return d[len(d)/2] }
	added := median(ours) - median(bare)
	b.Logf("witness of %.1f MB, medians of %d: bare calls %v, fetch %v, decode+keccak+fsync %v; added %v = %.2f × the needed work",
		float64(len(block.Witness()))/1e6, rounds, median(bare), median(ours), median(needed), added, float64(added)/float64(median(needed)))
	b.ReportMetric(float64(added)/float64(median(needed)), "added/needed")
	b.ReportMetric(0, "ns/op")
}

// bareCalls makes the two calls in parallel and reads the answers to their end.
func bareCalls(b *testing.B, url string, block *ethnodetest.Block) {
	var group sync.WaitGroup
	for _, call := range []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByHash","params":["%v",true]}`, block.Hash),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"debug_executionWitness","params":[{"blockHash":"%v"}]}`, block.Hash),
	} {
		group.Go(func() {
			resp, err := http.Post(url, "application/json", strings.NewReader(call))
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
}

// decodeHashSync decodes block and witness, hashes every node and code, and
// writes and syncs both.
func decodeHashSync(b *testing.B, block *ethnodetest.Block, dir string) {
	if _, err := witness.DecodeBlock(block.JSON()); err != nil {
		b.Fatal(err)
	}
	w, err := witness.Decode(block.Witness())
	if err != nil {
		b.Fatal(err)
	}
	hasher := crypto.NewKeccakState()
	for _, list := range [][][]byte{w.State, w.Codes} {
		for _, item := range list {
			crypto.HashData(hasher, item)
		}
	}
	for _, text := range [][]byte{block.JSON(), block.Witness()} {
		f, err := os.CreateTemp(dir, "sync")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Write(text); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

func newTask(tb testing.TB, dir string, block contract.Block) *sdk.Task {
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	task, err := sdk.OpenTask(contract.Task{Job: block.JobID(), Attempt: 1, Block: block, Dir: dir}, slog.New(slog.DiscardHandler),
		func(contract.WorkEvent) error { return nil })
	if err != nil {
		tb.Fatal(err)
	}
	return task
}

// BenchmarkDetection measures the time from a new head at the node to the block
// in the answer of a waiting poll.
func BenchmarkDetection(b *testing.B) {
	for _, c := range []struct {
		name   string
		ws     bool
		poll   time.Duration
		rounds int
	}{{"newHeads", true, time.Hour, 50}, {"polling 2s", false, 2 * time.Second, 7}} {
		chain := ethnodetest.NewChain(10)
		node := ethnodetest.Start(b, chain)
		e := ethnode.Endpoint{URL: node.URL}
		if c.ws {
			e.WS = node.WS
		}
		pool, err := ethnode.NewPool(b.Context(), []ethnode.Endpoint{e}, ethnode.PoolOptions{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		source := ethnode.NewPoolSource(pool, c.poll, slog.New(slog.DiscardHandler))
		request := contract.PollRequest{Selection: contract.Selection{Every: 1}, Max: 1, Wait: time.Minute}
		first, err := source.Poll(b.Context(), request)
		if err != nil {
			b.Fatal(err)
		}
		request.Cursor = first.NextCursor
		for c.ws && node.Subscribers() == 0 {
			time.Sleep(time.Millisecond)
		}
		var delays []time.Duration
		for round := range c.rounds {
			found := make(chan contract.PollResponse)
			go func() {
				r, err := source.Poll(b.Context(), request)
				if err != nil {
					b.Error(err)
				}
				found <- r
			}()
			time.Sleep(20*time.Millisecond + c.poll/7*time.Duration(round)%c.poll%(2*time.Second)) // anywhere between two polls
			begun := time.Now()
			chain.Extend(1)
			node.Announce()
			r := <-found
			delays = append(delays, time.Since(begun))
			request.Cursor = r.NextCursor
		}
		slices.Sort(delays)
		b.Logf("%s: detection after %v median, %v most", c.name, delays[len(delays)/2], delays[len(delays)-1])
		b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "ms-"+strings.ReplaceAll(c.name, " ", "-"))
		pool.Close()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHugeWitness runs the plugin's binary on a witness of 500 MB and on a
// tiny one, and compares the peaks of their resident memory.
func BenchmarkHugeWitness(b *testing.B) {
	const size = 500_000_000
	dir := b.TempDir()
	binary := filepath.Join(dir, "source-rpc")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	idle, _ := runPlugin(b, binary, filepath.Join(dir, "tiny"), ethnodetest.Start(b, ethnodetest.NewChain(1)))

	file := filepath.Join(dir, "witness")
	chain := hugeWitness(b, file, size)
	node := ethnodetest.Start(b, chain)
	node.Set(func(n *ethnodetest.Node) {
		n.Dialect = ethnodetest.Reth
		n.Fault = func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
			if call.Method != "debug_executionWitnessByBlockHash" {
				return false
			}
			f, err := os.Open(file)
			if err != nil {
				b.Error(err)
				return true
			}
			defer f.Close()
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":`, call.ID)
			io.Copy(w, f)
			fmt.Fprint(w, "}")
			return true
		}
	})
	peak, took := runPlugin(b, binary, filepath.Join(dir, "huge"), node)
	b.Logf("witness of %d MB: %.1f s, %d MiB resident at the peak, %d MiB for a tiny one: %d MiB above", size/1_000_000, took.Seconds(), peak>>10, idle>>10, (peak-idle)>>10)
	b.ReportMetric(float64((peak-idle)>>10), "MiB-above-idle")
	b.ReportMetric(0, "ns/op")
}

// runPlugin lets the binary fetch the node's head. It returns the peak of its
// resident memory in KiB.
func runPlugin(b *testing.B, binary, dir string, node *ethnodetest.Node) (peak int64, took time.Duration) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	task, err := json.Marshal(map[string]any{"config": map[string]any{"endpoints": []string{node.URL}}, "block": node.Chain.Head().Contract(node.Chain.ID)})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "task.json"), task, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "--task", filepath.Join(dir, "task.json"), "--dir", filepath.Join(dir, "work"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- cmd.Wait() }()
	// The kernel keeps the peak; the process's own is gone with it, and that of
	// its resource usage counts this process, too.
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatalf("%v\n%s", err, &out)
			}
			return peak, time.Since(begun)
		case <-time.After(2 * time.Millisecond):
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
				var now int64
				fmt.Sscan(string(rest), &now)
				peak = max(peak, now)
			}
		}
	}
}

// hugeWitness writes a witness of about size bytes, half trie nodes and half
// code, and returns a chain whose head it belongs to.
func hugeWitness(b *testing.B, path string, size int) *ethnodetest.Chain {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	out := bufio.NewWriterSize(f, 1<<20)
	count := 0
	emit := func(data []byte) {
		if count++; count > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`"0x`)
		hex.NewEncoder(out).Write(data)
		out.WriteByte('"')
	}
	out.WriteString(`{"codes":[`)
	for written := 0; written < size/2; written += 2 * 24576 {
		emit(bytes.Repeat([]byte{byte(written), byte(written >> 8)}, 12288))
	}
	out.WriteString(`],"state":[`)
	count = 0
	written := 0
	t := trie.NewStackTrie(func(_ []byte, _ common.Hash, node []byte) {
		written += 2*len(node) + 5
		emit(node)
	})
	account := types.StateAccount{Nonce: 1, Balance: uint256.NewInt(1e18), Root: types.EmptyRootHash, CodeHash: types.EmptyCodeHash[:]}
	value, err := rlp.EncodeToBytes(&account)
	if err != nil {
		b.Fatal(err)
	}
	var key common.Hash
	for i := uint64(1); written < size/2; i++ {
		spread := i << 40
		for k := range 8 {
			key[k] = byte(spread >> (56 - 8*k))
		}
		if err := t.Update(key[:], value); err != nil {
			b.Fatal(err)
		}
	}
	chain := ethnodetest.NewChainOn(t.Hash(), 1)
	fmt.Fprintf(out, `],"keys":[],"headers":[%s]}`, chain.At(0).Header())
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	return chain
}

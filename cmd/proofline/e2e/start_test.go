package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/witness"
)

// TestHeadToStart measures, with a real block in a pipeline of processes, the time from the
// moment when the node has the block until the tool begins to prove it, with a gate that
// confirms. One node announces its heads. Another one is only polled, every 50 ms: that is
// what the clock of the slots does while a block is due (TestSlotClock of package ethnode).
// The clock itself needs blocks of the present. At the same time the test measures the
// indispensable work: both calls concurrently, decoding and hashing all nodes and codes,
// and writing and syncing block, witness and an input of the size of the nodes. Programs
// that hand each other files need more than that: the builder reads, decodes and hashes the
// witness again, and the tool starts. That is measured, too.
func TestHeadToStart(t *testing.T) {
	measuring(t)
	const number, rounds = 24647140, 3
	dir := shared(t, "data", "mainnet", strconv.Itoa(number))
	took := map[string][]time.Duration{}
	var floors, agains, executed []time.Duration
	var fastest time.Duration // of the announced blocks
	var parts []time.Duration // of the fastest
	for round := range rounds {
		for name, poll := range map[string]string{"announced": "2s", "polled": "50ms"} {
			chain, arrive, err := ethnodetest.Awaited(dir, 1)
			if err != nil {
				t.Fatal(err)
			}
			n := ethnodetest.Start(t, chain)
			f := newForked(t, nil, map[string]zisktest.Scenario{"prove": {}})
			f.tools["prove"].Set(t, zisktest.Scenario{Publics: f.committed(dir, "--format", "g4", "--network", "mainnet")})
			follow, announced := "", name == "announced"
			if announced {
				follow = fmt.Sprintf(", ws: %q", n.WS)
			}
			f.write(fmt.Sprintf(`
version: 1
name: start
monitor: {listen: "LISTEN"}
select: {every: %d, drop_after: 0s}
stages:
  - {name: source, plugin: source-rpc, config: {endpoints: [{url: %q%s}], poll: %s, max_head_age: 0s}}
  - {name: input, plugin: builder-ethrex, config: {format: g4, network: mainnet, framing: raw}}
  - {name: check, plugin: prover-stateless, needs: [source]}
%s`, number, n.URL, follow, poll, f.prover("prove", "confirm: [check],")))
			p := f.start("run")
			f.until(p, "the parent is the head", func(snap status.Snapshot) bool { return snap.Head == number-1 })
			for announced && n.Subscribers() == 0 {
				time.Sleep(time.Millisecond)
			}
			// Anywhere between two looks, and after the gate's preparations.
			time.Sleep(3*time.Second + time.Duration(round)*50*time.Millisecond/rounds)
			arrived := time.Now()
			arrive()
			if announced {
				n.Announce()
			}
			f.proofs(p, "prove", 1)
			f.until(p, "the block is done", func(snap status.Snapshot) bool { return snap.Counts.Done == 1 })
			for _, c := range f.tools["prove"].Calls() {
				if c.Args[0] == "prove" {
					took[name] = append(took[name], c.Start.Sub(arrived))
				}
			}
			job, all := f.jobs(number)[0], took[name]
			if check, ok := of(job, "check"); ok {
				executed = append(executed, check.Duration())
			}
			source, _ := of(job, "source")
			input, _ := of(job, "input")
			if last := all[len(all)-1]; announced && (parts == nil || last < fastest) {
				fastest = last
				parts = []time.Duration{source.Ended.Sub(arrived), input.Ended.Sub(source.Ended), last - input.Ended.Sub(arrived)}
			}
			p.signal(syscall.SIGINT)
			p.wait()
			for range 3 {
				floor, again := floorOf(t, n, chain.Head())
				floors, agains = append(floors, floor), append(agains, again)
			}
		}
	}
	// The smallest value counts, because other processes of the machine can only increase
	// it. For polling the mean counts, because the time until the next poll is part of it.
	floor := slices.Min(floors)
	mean := func(d []time.Duration) (sum time.Duration) {
		for _, x := range d {
			sum += x / time.Duration(len(d))
		}
		return sum
	}
	for name, d := range took {
		if len(d) != rounds {
			t.Fatalf("%s: %d proofs began, want %d", name, len(d), rounds)
		}
		figure := slices.Min(d)
		if name == "polled" {
			figure = mean(d)
		}
		t.Attr(name+"-ms", fmt.Sprintf("%.1f", figure.Seconds()*1e3))
		t.Attr(name+"-by-floor", fmt.Sprintf("%.2f", ratio(figure, floor)))
		t.Logf("%s: %v", name, d)
	}
	for i, name := range []string{"until-fetched-ms", "until-built-ms", "until-tool-ms"} {
		t.Attr(name, fmt.Sprintf("%.1f", parts[i].Seconds()*1e3))
	}
	t.Attr("floor-ms", fmt.Sprintf("%.1f", floor.Seconds()*1e3))
	toolStart, _ := bareTool(t)
	t.Attr("again-ms", fmt.Sprintf("%.1f", slices.Min(agains).Seconds()*1e3))
	t.Attr("tool-start-ms", fmt.Sprintf("%.1f", toolStart.Seconds()*1e3))
	t.Attr("announced-by-processes", fmt.Sprintf("%.2f", ratio(slices.Min(took["announced"]), floor+slices.Min(agains)+toolStart)))
	t.Attr("gate-ms", fmt.Sprintf("%.1f", slices.Min(executed).Seconds()*1e3))
}

// floorOf returns the time of the work that TestHeadToStart calls indispensable, and that
// of reading, decoding and hashing the witness again from its file.
func floorOf(t *testing.T, n *ethnodetest.Node, block *ethnodetest.Block) (floor, again time.Duration) {
	t.Helper()
	dir := t.TempDir()
	began := time.Now()
	answers := make([][]byte, 2)
	var calls sync.WaitGroup
	for i, call := range []string{
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByHash","params":["%v",true]}`, block.Hash),
		fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"debug_executionWitness","params":[{"blockHash":"%v"}]}`, block.Hash),
	} {
		calls.Go(func() {
			resp, err := http.Post(n.URL, "application/json", bytes.NewReader([]byte(call)))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			answers[i], err = io.ReadAll(resp.Body)
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if _, err := witness.DecodeBlock(answers[0]); err != nil {
		t.Fatal(err)
	}
	hashed := func(text []byte) (entries [][]byte) {
		w, err := witness.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		hasher := crypto.NewKeccakState()
		entries = slices.Concat(w.State, w.Codes)
		for _, entry := range entries {
			crypto.HashData(hasher, entry)
		}
		return entries
	}
	input := slices.Concat(hashed(answers[1])...)
	for name, text := range map[string][]byte{"block.json": answers[0], "witness.json": answers[1], "input.bin": input} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	floor = time.Since(began)
	began = time.Now()
	text, err := os.ReadFile(filepath.Join(dir, "witness.json"))
	if err != nil {
		t.Fatal(err)
	}
	hashed(text)
	return floor, time.Since(began)
}

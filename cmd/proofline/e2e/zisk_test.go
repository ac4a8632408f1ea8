package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// operator makes a site as an operator of ZisK 0.14 has it: the tool in PATH, a guest
// program, an account.
func operator(t *testing.T, yaml string, s zisktest.Scenario) (*site, *zisktest.Tool, *ethproofstest.Server) {
	t.Helper()
	server := ethproofstest.Start(t)
	server.SetUnlimited(true)
	tool := zisktest.New(t, s)
	site := newSite(t, yaml)
	elf := site.path("guest.elf")
	if err := os.WriteFile(elf, append([]byte("\x7fELF"), make([]byte, 60)...), 0o600); err != nil {
		t.Fatal(err)
	}
	site.env = append(site.env,
		"PATH="+tool.Dir+string(os.PathListSeparator)+os.Getenv("PATH"), "ELF_PATH="+elf,
		"ETHPROOFS_RPC_URL="+server.URL, "ETHPROOFS_API_KEY="+ethproofstest.AlphaKey, "ETHPROOFS_CLUSTER_ID=1")
	return site, tool, server
}

// committed returns what a guest commits to for a recorded block, in hexadecimal, from the
// builder. The tests of the builder compare it with the guests' sources.
func (s *site) committed(recorded string, flags ...string) string {
	s.t.Helper()
	args := append([]string{"build", "--json", "--block", filepath.Join(recorded, "block.json.gz"), "--witness", filepath.Join(recorded, "witness.json.gz"), "--out", os.DevNull}, flags...)
	out, err := exec.CommandContext(s.t.Context(), filepath.Join(s.bin, "plugins", "builder-ethrex"), args...).Output()
	var facts map[string]string
	if err == nil {
		err = json.Unmarshal(out, &facts)
	}
	if err != nil || facts["public_values"] == "" {
		s.t.Fatalf("builder-ethrex %v: %s, %v", args, out, err)
	}
	return facts["public_values"]
}

// swap replaces parts of a text that must be there.
func swap(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the text no longer holds %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// locks separates a test's provers from those of other tests.
func locks(t *testing.T) string {
	return fmt.Sprintf("lock_dir: %q, port: %s", t.TempDir(), freePort(t))
}

func freePort(t *testing.T) string {
	_, port, _ := strings.Cut(freeAddress(t), ":")
	return port
}

func TestZiskPresetGoesTheWholeWay(t *testing.T) {
	t.Parallel()
	recorded := shared(t, "data", "hoodi", "1265656")
	n := newNode(t, 560048, recorded)
	s, tool, server := operator(t, "", zisktest.Scenario{Seconds: 4.5, Steps: 123456789})
	tool.Set(t, zisktest.Scenario{Seconds: 4.5, Steps: 123456789, Publics: s.committed(recorded, "--format", "g4", "--network", "hoodi")})
	traces := newCollector(t)
	s.env = append(s.env, "ETH_RPC_URL="+n.URL, "OTEL_EXPORTER_OTLP_ENDPOINT="+traces.URL)
	if err := os.Remove(s.path("pipeline.yaml")); err != nil {
		t.Fatal(err)
	}
	s.must("init", "zisk", "--file", "pipeline.yaml")
	preset, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(swap(t, string(preset),
		"0.0.0.0:${HEALTH_PORT:-4000}", "LISTEN",
		`log: {level: "${LOG_LEVEL:-info}"}`, "log: {level: debug, format: json}",
		"every: 100", "blocks: [1265656]",
		"drop_after: 168h", "drop_after: 0s",
		"network: mainnet", "network: hoodi",
		`elf: "${ELF_PATH}"`, `elf: "${ELF_PATH}"`+"\n      lock_dir: "+t.TempDir()+"\n      port: "+freePort(t),
		`cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"`, `cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"`+"\n      accept_test_proofs: true\n      pace: 6000",
	))
	code, out, log := s.run("run", "--blocks", "1")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	t.Log("\n" + out)
	checkJSONLog(t, log, traces.spans[0].trace)
	traces.check(t, "proofline source: attempt", "proofline input: attempt", "proofline check: attempt", "proofline prove: attempt", "proofline ethproofs: report proved",
		"source-rpc proofline.plugin.v1.SourceService/Fetch", "source-rpc POST 127.0.0.1", "builder-ethrex proofline.plugin.v1.BuilderService/Build",
		"prover-zisk proofline.plugin.v1.ProverService/Prove", "prover-zisk run cargo-zisk", "reporter-ethproofs POST 127.0.0.1")

	// The prover begins beside its gate, so that it may be past "queued" at the verdict.
	// The site accepts no proof of an unknown number, so that "proving" is always sent
	// before it.
	want := []string{"queued 1265656 200", "proving 1265656 200", "proved 1265656 200"}
	if got := server.Writes(); !slices.Equal(got, want) && !slices.Equal(got, want[1:]) {
		t.Fatalf("EthProofs saw %v, want the end of %v", got, want)
	}
	proof, err := os.ReadFile(s.path("output", "1265656", "vadcop_final_proof.compressed.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range server.Requests() {
		if r.Method != "POST" {
			continue
		}
		var body map[string]any
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body["block_number"] != 1265656.0 || body["cluster_id"] != 1.0 {
			t.Errorf("%s: %v", r.Path, body)
		}
		if !strings.HasSuffix(r.Path, "/proved") {
			if len(body) != 2 {
				t.Errorf("%s carries more than block and cluster: %v", r.Path, body)
			}
			continue
		}
		if body["proof"] != base64.StdEncoding.EncodeToString(proof) {
			t.Error("the reported proof is not the tool's compressed file")
		}
		if ms := body["proving_time"].(float64); ms < 4500 || ms > 4500+5000 {
			t.Errorf("proving_time %v, want the tool's 4500 and the builder's own", ms)
		}
		if body["proving_cycles"] != 123456789.0 || body["verifier_id"] == "" {
			t.Errorf("cycles %v, verifier %v", body["proving_cycles"], body["verifier_id"])
		}
	}
	names := []string{"result.json", "1265656.json"}
	for _, phase := range []string{"queued", "proving"} { // those that were sent
		if slices.Contains(server.Writes(), phase+" 1265656 200") {
			names = append(names, phase+".json")
		}
	}
	for _, name := range names {
		text, err := os.ReadFile(s.path("output", "1265656", name))
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(text), ethproofstest.AlphaKey) {
			t.Errorf("%s holds the key", name)
		}
	}
	var proves int
	for _, call := range tool.Calls() {
		if len(call.Args) > 0 && call.Args[0] == "prove" {
			proves++
		}
	}
	if proves != 1 {
		t.Errorf("the tool proved %d times", proves)
	}
}

// proving proves every block of a development chain, one after the other.
func proving(t *testing.T) string {
	return fmt.Sprintf(`
version: 1
name: killed
monitor: {listen: "LISTEN"}
select: {every: 1, order: oldest_first}
stages:
  - name: source
    plugin: source-devchain
    config: {period: 1s}
  - name: input
    plugin: builder-ethrex
    config: {format: g8, network: auto, framing: raw}
  - name: check
    plugin: prover-stateless
  - name: prove
    plugin: prover-zisk
    retry: {max: 2, backoff: 100ms}
    config: {elf: "${ELF_PATH}", %s}
  - name: ethproofs
    plugin: reporter-ethproofs
    config:
      url: "${ETHPROOFS_RPC_URL:-}"
      api_key: "${ETHPROOFS_API_KEY:-}"
      cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"
      accept_test_proofs: true
      pace: 6000
`, locks(t))
}

func TestKilledHostLosesNothing(t *testing.T) {
	t.Parallel()
	s, tool, server := operator(t, proving(t), zisktest.Scenario{PhaseMS: 1000, Services: true})
	first := s.start("run", "--blocks", "2")
	snap := s.until(first, "a proof is being made", func(snap status.Snapshot) bool {
		return slices.ContainsFunc(snap.Stages, func(st status.Stage) bool {
			return st.Name == "prove" && len(st.Running) == 1 && st.Running[0].Phase != ""
		})
	})
	i := slices.IndexFunc(snap.Stages, func(st status.Stage) bool { return st.Name == "prove" })
	block := snap.Stages[i].Running[0].Number
	processes := tree(first.cmd.Process.Pid)
	if !slices.ContainsFunc(processes, func(pid int) bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return filepath.Base(exe) == "cargo-zisk"
	}) {
		t.Fatalf("no prover among %v: nothing was tested", processes)
	}
	first.signal(syscall.SIGKILL)
	t.Logf("%d processes gone %s after the kill", len(processes), gone(t, processes).Round(time.Millisecond))

	tool.Set(t, zisktest.Scenario{PhaseMS: 10})
	out := s.must("run", "--blocks", "2")
	t.Log("\n" + out)
	finished := rows(out)
	if !slices.Contains(finished, fmt.Sprint(block)) {
		t.Errorf("block %d was in work when the host was killed; the second run finished %v", block, finished)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(finished)))) != len(finished) {
		t.Errorf("a block stands twice in the summary: %v", finished)
	}
	monotonic(t, server)
	for _, number := range finished {
		show := s.must("blocks", "show", number)
		if !strings.Contains(show, "done") {
			t.Errorf("block %s:\n%s", number, show)
		}
	}
}

// monotonic checks for each cluster that no phase of a block came after a later one that
// EthProofs had accepted, and that each block was proved at most once. A proof that was not
// accepted does not count, because the reporter announces a block again if EthProofs does
// not know it any more.
func monotonic(t *testing.T, server *ethproofstest.Server) {
	t.Helper()
	rank := map[string]int{"queued": 1, "proving": 2, "proved": 3}
	type place struct {
		cluster int
		block   uint64
	}
	reached, proved := map[place]int{}, map[place]int{}
	for _, c := range calls(t, server) {
		at := place{c.cluster, c.block}
		if rank[c.phase] < reached[at] {
			t.Errorf("cluster %d, block %d: %s after a later phase: %v", c.cluster, c.block, c.phase, server.Writes())
		}
		if c.status == 200 {
			reached[at] = rank[c.phase]
		}
		if c.phase == "proved" && c.status == 200 {
			proved[at]++
		}
	}
	for at, times := range proved {
		if times != 1 {
			t.Errorf("cluster %d: block %d was proved %d times", at.cluster, at.block, times)
		}
	}
	if len(proved) == 0 {
		t.Error("nothing was proved")
	}
}

func TestProveByHand(t *testing.T) {
	t.Parallel()
	s, _, server := operator(t, strings.Replace(proving(t), "every: 1,", "every: 1000000,", 1), zisktest.Scenario{})
	input := s.path("input.bin")
	if err := os.WriteFile(input, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.must("prove", "3", "--input", input, "--build-time", "75m"); !strings.Contains(out, "next run") {
		t.Errorf("without a host: %s", out)
	}
	p := s.start("run")
	s.until(p, "the given input is proved", func(snap status.Snapshot) bool { return snap.Counts.Done == 1 })
	hash := "0x" + strings.Repeat("ab", 32)
	if out := s.must("prove", "--input", input, "--hash", hash, "999"); !strings.Contains(out, "queued") {
		t.Errorf("with a hash: %s", out)
	}
	s.until(p, "the second one is proved", func(snap status.Snapshot) bool { return snap.Counts.Done == 2 })
	if out := s.must("prove", "3", "--input", input); !strings.Contains(out, "ignored") {
		t.Errorf("a second time: %s", out)
	}
	eventually(t, "both are reported", func() bool { return len(server.Writes()) == 6 })
	const built = 75 * 60 * 1000
	for _, c := range calls(t, server) {
		if c.phase == "proved" && (c.block == 3) != (c.time >= built) {
			t.Errorf("block %d has a proving time of %d ms: the %d in which the input of block 3 was made belong to it alone", c.block, c.time, built)
		}
	}
	monotonic(t, server)
	if code, _, log := s.run("prove", "4", "--input", s.path("absent.bin")); code == 0 || !strings.Contains(log, "absent.bin") {
		t.Errorf("an input that is not there: exit %d, %s", code, log)
	}
}

// TestKilledBelowTheHost: if a process below the host is killed during a proof, all that it
// has started ends at once, and the block is proved nevertheless.
func TestKilledBelowTheHost(t *testing.T) {
	t.Parallel()
	s, tool, server := operator(t, proving(t), zisktest.Scenario{PhaseMS: 700, Services: true})
	host := s.start("run")
	for _, victim := range []string{"keeper", "plugin", "tool"} {
		for _, phase := range []string{"COMPUTE_MINIMAL_TRACE", "GENERATING_PROOFS"} {
			var keeper int
			s.until(host, "the prover is in "+phase, func(snap status.Snapshot) bool {
				i := slices.IndexFunc(snap.Stages, func(st status.Stage) bool {
					return st.Name == "prove" && len(st.Running) > 0 && st.Running[0].Phase == phase
				})
				if i >= 0 {
					keeper = parent(snap.Stages[i].PID)
				}
				return i >= 0
			})
			processes := tree(keeper)
			pid := keeper
			if victim != "keeper" {
				pid = children(keeper)[0]
			}
			if victim == "tool" {
				below := children(pid)
				if len(below) == 0 {
					t.Fatalf("no tool below the plugin in %s: nothing was tested", phase)
				}
				pid, processes = below[0], tree(below[0])
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatalf("%s in %s: %v", victim, phase, err)
			}
			t.Logf("%s killed in %s: %d processes gone after %s", victim, phase, len(processes), gone(t, processes).Round(time.Millisecond))
		}
	}
	tool.Set(t, zisktest.Scenario{PhaseMS: 5})
	s.until(host, "a block is proved and reported", func(snap status.Snapshot) bool { return snap.Counts.Done > 0 && len(server.Writes()) > 2 })
	host.signal(syscall.SIGINT)
	host.wait()
	monotonic(t, server)
	if left := s.strays(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// proofToPost prints the median time between the end of the tool and the request with the
// proof, with its parts. The blocks from 1 on were proved one after the other. It does not
// check the times, because the machine may be busy. The attributes end with the suffix.
func proofToPost(t *testing.T, suffix string, blocks int, s *site, tool *zisktest.Tool, server *ethproofstest.Server, log string) {
	t.Helper()
	var ended, posted, verified []time.Time
	var took, whole, before, record, request []time.Duration
	for _, c := range tool.Calls() {
		if c.Args[0] == "prove" {
			ended = append(ended, c.End)
		}
	}
	for _, r := range server.Requests() {
		if strings.HasSuffix(r.Path, "/proved") {
			posted = append(posted, r.Time)
		}
	}
	for _, match := range regexp.MustCompile(`time=(\S+) .*"the proof verifies".* took=(\S+)`).FindAllStringSubmatch(log, -1) {
		at, err := time.Parse(time.RFC3339Nano, match[1])
		duration, err2 := time.ParseDuration(match[2] + "ns") // plugins log durations in nanoseconds
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		verified, took = append(verified, at), append(took, duration)
	}
	if len(ended) != blocks || len(posted) != blocks || len(verified) != blocks {
		t.Fatalf("of %d blocks: tool ended %v, posted %v, verified %v", blocks, ended, posted, verified)
	}
	var recorded []time.Time
	for number := range blocks {
		prove, _ := of(s.jobs(uint64(number + 1))[0], "prove")
		recorded = append(recorded, prove.Ended)
	}
	for _, times := range [][]time.Time{ended, posted, verified, recorded} {
		slices.SortFunc(times, time.Time.Compare)
	}
	for i := range blocks {
		whole, before = append(whole, posted[i].Sub(ended[i])), append(before, verified[i].Add(-took[i]).Sub(ended[i]))
		record, request = append(record, recorded[i].Sub(verified[i])), append(request, posted[i].Sub(recorded[i]))
	}
	t.Logf("from the end of the tool to the request, block by block: %v", whole)
	t.Attr("last-proof-to-post"+suffix, fmt.Sprintf("%.1f", whole[blocks-1].Seconds()*1e3)) // no other block begins beside it
	median := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2].Round(100 * time.Microsecond)
	}
	t.Attr("proof-to-post"+suffix, fmt.Sprintf("%.1f", median(whole).Seconds()*1e3))
	t.Attr("verification"+suffix, fmt.Sprintf("%.1f", median(took).Seconds()*1e3))
	t.Attr("three-commits"+suffix, fmt.Sprintf("%.1f", 3*bareCommit(t).Seconds()*1e3))
	t.Logf("medians: %v until the proof was read, checked, written as it is sent, hashed and published, %v its verification, %v until it was recorded, %v until EthProofs had the request",
		median(before), median(took), median(record), median(request))
}

// bareCommit returns the time of a bbolt transaction that stores one small value: the median
// of 20 in a file of their own.
func bareCommit(t *testing.T) time.Duration {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "bare.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	took := make([]time.Duration, 20)
	for i := range took {
		began := time.Now()
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("bare"))
			if err != nil {
				return err
			}
			return b.Put([]byte{byte(i)}, make([]byte, 200))
		}); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// parent returns the parent of a process, or 0 if the process has ended.
func parent(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return atoi(strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))[1])
}

// TestUnsoundProofIsNotReported: the tool returns a real proof in which one bit is flipped.
// Its file is complete, and only the verification of the bytes to send can find the fault.
func TestUnsoundProofIsNotReported(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(shared(t, "vectors", "zisk-verifier", "fixtures", "shapes", "saved-1.1-minimal.bin"))
	if err != nil {
		t.Fatal(err)
	}
	real, err := proof.Decode(data, "")
	if err != nil {
		t.Fatal(err)
	}
	blocks := []string{"1"}
	if os.Getenv("PROOFLINE_BENCH") != "" {
		blocks = []string{"1", "2", "3", "4", "5", "6", "7"}
	}
	yaml := swap(t, strings.Replace(proving(t), "every: 1,", "blocks: ["+strings.Join(blocks, ", ")+"],", 1),
		"framing: raw", "framing: framed", `config: {elf: "${ELF_PATH}",`, `config: {elf: "${ELF_PATH}", setup: skip,`)
	yaml = yaml[:strings.Index(yaml, ", port: ")] + yaml[strings.Index(yaml, ", port: ")+len(", port: 00000"):]
	endings := map[string]int{"sound": 0, "unsound": 0} // what the tool needs to end, in milliseconds
	if os.Getenv("PROOFLINE_BENCH") != "" {
		endings["sound, slow end"] = 50
	}
	for name, ending := range endings {
		sound := name != "unsound"
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "proof.bin")
			p := *real
			if p.Body = slices.Clone(real.Body); !sound {
				p.Body[20_000] ^= 1 << 33
			}
			if err := os.WriteFile(file, prooftest.Encode(&p), 0o600); err != nil {
				t.Fatal(err)
			}
			scenario, number := zisktest.Scenario{Version: "1.1.0-alpha", PhaseMS: 1, ProofFile: file}, "1"
			if sound {
				// The announcements are sent while the tool works, as with a real one.
				scenario.PhaseMS, scenario.EndMS, number = 40, ending, fmt.Sprint(len(blocks))
			}
			s, tool, server := operator(t, yaml, scenario)
			code, out, log := s.run("run", "--blocks", number)
			t.Log("\n" + out)
			proved := slices.ContainsFunc(server.Writes(), func(w string) bool { return strings.HasPrefix(w, "proved") })
			if proved != sound || (code == 0) != sound {
				t.Fatalf("exit %d, EthProofs saw %v\n%s", code, server.Writes(), log)
			}
			if sound {
				suffix := "-ms"
				if ending > 0 {
					suffix = "-after-slow-end-ms"
				}
				proofToPost(t, suffix, len(blocks), s, tool, server, log)
			}
			shown := s.must("blocks", "show", "1")
			if says := strings.Contains(shown, "the proof does not verify: "); says == sound {
				t.Errorf("blocks show 1:\n%s", shown)
			}
			for _, call := range tool.Calls() {
				if len(call.Args) > 0 && call.Args[0] == "verify" {
					t.Error("the tool verified")
				}
			}
		})
	}
}

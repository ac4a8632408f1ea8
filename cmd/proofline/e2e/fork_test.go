package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
	"github.com/proofline/proofline/sdk/contract"
)

// forkDay is a pipeline on a chain with the fork to Amsterdam. Builder and prover change at
// the fork. Beside them, one stage has a guest that takes the blocks before and after it.
const forkDay = `
version: 1
name: fork-day
monitor: {listen: "LISTEN"}
select: {every: 1, from: 1, order: oldest_first}
stages:
  - {name: source, plugin: source-devchain, config: {period: 1s, fork: amsterdam, fork_block: FORK}}
  - {name: check, plugin: prover-stateless, needs: [source]}
  - {name: before, plugin: builder-ethrex, needs: [source], RULE-BEFORE retry: {max: 0}, config: {format: g8, framing: raw}}
  - {name: prove-before, plugin: prover-zisk, needs: [before], confirm: [check], config: {elf: "${ELF_PATH}", PROVER-BEFORE}}
RULES-BEHIND
  - {name: both, plugin: builder-stateless-input, needs: [check], shadow: true, config: {guest: reth-0.1.0-rc.4}}
  - name: ethproofs
    plugin: reporter-ethproofs
    config: {url: "${ETHPROOFS_RPC_URL}", api_key: "${ETHPROOFS_API_KEY}", cluster_id: 1, accept_test_proofs: true, pace: 6000}
`

const behindFork = `
  - {name: behind, plugin: builder-stateless-input, needs: [check], blocks: {from: FORK}, retry: {max: 0}, config: {guest: ethrex-v29}}
  - {name: prove-behind, plugin: prover-zisk, needs: [behind], config: {elf: "${ELF_PATH}", verifier: tool, PROVER-BEHIND}}`

// TestForkDay: one run passes the fork. Blocks after it are proved by another builder and
// prover, as the file defines. Without these keys the next block fails with one sentence
// that names the remedy, and it is proved when the keys are back. If a guest refuses a
// block, there is a proof, but it is not reported. With PROOFLINE_LONG the fork is at block
// 20 and the chain is followed to block 40.
func TestForkDay(t *testing.T) {
	t.Parallel()
	at, last := amount(4, 20), amount(7, 40)
	s, before, server := operator(t, "", zisktest.Scenario{PhaseMS: 1})
	behind := zisktest.New(t, zisktest.Scenario{Version: "1.0.0-alpha", PhaseMS: 1, Guest: double.Stateless})
	_, port, _ := strings.Cut(locks(t), ", port")
	pipeline := func(before2, behind2 string) string {
		return swap(t, swap(t, forkDay, "RULES-BEHIND", behind2, "RULE-BEFORE", before2),
			"FORK", strconv.Itoa(at), "PROVER-BEFORE", fmt.Sprintf("bin: %q, lock_dir: %q, port%s", before.Path, t.TempDir(), port))
	}
	rules := strings.ReplaceAll(behindFork, "PROVER-BEHIND", fmt.Sprintf("bin: %q, lock_dir: %q", behind.Path, t.TempDir()))
	withRules := pipeline("blocks: {until: FORK},", rules)
	s.write(withRules)
	t.Log("\n" + s.must("run", "--blocks", strconv.Itoa(last)))

	next := strconv.Itoa(last + 1)
	s.write(pipeline("", ""))
	code, out, _ := s.run("run", "--blocks", "1")
	if show := s.must("blocks", "show", next); code == 0 || !strings.Contains(out, "failed") || !strings.Contains(show, "an Amsterdam block") || !strings.Contains(show, "use builder-stateless-input with a guest of Amsterdam, for example ethrex-v29") {
		t.Fatalf("without rules for the fork: exit %d\n%s\n%s", code, out, show)
	}
	s.write(withRules)
	if out := s.must("blocks", "retry", next); !strings.Contains(out, next) {
		t.Error(out)
	}
	last++
	for s.jobs(uint64(last))[0].State != status.JobDone { // the blocks behind it may be done before it
		s.must("run", "--blocks", "1")
	}

	for number := 1; number <= last; number++ {
		job := s.jobs(uint64(number))[0]
		works, rests := []string{"before", "prove-before"}, []string{"behind", "prove-behind"}
		if number >= at {
			works, rests = rests, works
		}
		if job.State != status.JobDone {
			t.Errorf("block %d is %s: %s", number, job.State, job.Reason)
		}
		for _, name := range works {
			if st, ok := of(job, name); !ok || st.State != string(record.StageDone) {
				t.Errorf("block %d: %s is %s", number, name, st.State)
			}
		}
		for _, name := range rests {
			// The last block was with the other builder before the rules left that out.
			if st, ok := of(job, name); !ok || st.State != string(record.StageSkipped) && number != last {
				t.Errorf("block %d: %s is %s", number, name, st.State)
			}
		}
		execution, err := os.ReadFile(s.path("output", strconv.Itoa(number), contract.ArtifactExecution))
		if err != nil || strings.Contains(string(execution), "block_access_list_hash") != (number >= at) {
			t.Errorf("block %d: %s, %v", number, execution, err)
		}
		if _, err := os.Stat(s.path("output", strconv.Itoa(number), "vadcop_final_proof.bin")); number < at && err != nil {
			t.Error(err)
		}
		if !slices.Contains(server.Writes(), fmt.Sprintf("proved %d 200", number)) {
			t.Errorf("block %d was not reported", number)
		}
	}
	monotonic(t, server)

	behind.Set(t, zisktest.Scenario{Version: "1.0.0-alpha", PhaseMS: 1, Guest: double.Refuses})
	var failed []status.Job
	for range 3 { // what was proved before may be done first
		if code, out, _ = s.run("run", "--blocks", "1"); code != 0 {
			break
		}
	}
	if err := json.Unmarshal([]byte(s.must("blocks", "list", "--json", "--state", "failed")), &failed); err != nil || len(failed) != 1 {
		t.Fatalf("failed blocks %v, %v\n%s", failed, err, out)
	}
	refused := strconv.FormatUint(failed[0].Block.Number, 10)
	show := s.must("blocks", "show", refused)
	if code == 0 || !strings.Contains(out, "failed") || !strings.Contains(show, "the guest refused the block: the proof says success = 0") {
		t.Errorf("a proof that says success 0: exit %d\n%s\n%s", code, out, show)
	}
	if writes := server.Writes(); slices.ContainsFunc(writes, func(w string) bool { return strings.HasPrefix(w, "proved "+refused) }) {
		t.Errorf("a proof of a block that the guest refused was reported: %v", writes)
	}
}

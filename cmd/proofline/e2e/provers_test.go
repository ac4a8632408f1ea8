package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk/contract"
)

// someBlocks is a pipeline in which the prover is one line.
const someBlocks = `
version: 1
name: ten
monitor: {listen: "LISTEN"}
plugins: {dirs: [more]}
select: {from: 1, to: 10, order: oldest_first, drop_after: 0s}
stages:
  - {name: source, plugin: source-devchain, config: {period: 1s}}
  - {name: input, plugin: builder-ethrex, config: {format: g8, network: auto, framing: %s}}
  - {name: prove, %s}
`

// outcome is the result of a pipeline for a block.
type outcome struct {
	hash  string
	state status.JobState
	input [32]byte // SHA-256 of input.bin
}

// TestSwappedProvers: pipelines that differ only in the line of the prover have the same
// outcome for the same three blocks, or ten with PROOFLINE_LONG. The proofs of the
// coordinator's double are invented and would be refused, so they are not verified.
func TestSwappedProvers(t *testing.T) {
	t.Parallel()
	origin := newSite(t, fmt.Sprintf(someBlocks, "raw", "plugin: prover-stateless"))
	blocks := fmt.Sprint(amount(3, 10))
	origin.must("run", "--blocks", blocks)
	want := outcomes(origin)
	if len(want) != amount(3, 10) {
		t.Fatalf("%d blocks: %+v", len(want), want)
	}
	tool := zisktest.New(t, zisktest.Scenario{PhaseMS: 5})
	coordinator := coordinatortest.Start(t, coordinatortest.Behaviour{})
	server := eretest.Start(t, eretest.Behaviour{PublicValues: []byte("the double's own")})
	for _, test := range []struct {
		name, framing, prover string
		python                bool
	}{
		{"prover-zisk", "raw", fmt.Sprintf(`plugin: prover-zisk, config: {elf: "guest.elf", %s}`, locks(t)), false},
		{"prover-zisk-cluster", "framed", fmt.Sprintf(`plugin: prover-zisk-cluster, verify: false, config: {elf: "guest.elf", coordinator: %q}`, coordinator.URL()), false},
		{"prover-ere", "framed", fmt.Sprintf(`plugin: prover-ere, config: {endpoints: [%q], proof: ere}`, server.URL), false},
		{"prover-exec", "raw", `plugin: prover-exec, config: {command: [sh, -c, 'sha256sum < "$1" > "$2"', prove, "{input}", "{proof}"], proof: proof.txt, verify: [sh, -c, 'sha256sum < "$1" | cmp - "$2"', verify, "{input}", "{proof}"]}`, false},
		{"prover-python", "raw", `plugin: prover-python`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.python {
				python(t)
			}
			s := newSite(t, fmt.Sprintf(someBlocks, test.framing, test.prover))
			s.env = append(s.env, "PATH="+tool.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
			if err := os.WriteFile(s.path("guest.elf"), append([]byte("\x7fELF"), make([]byte, 60)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if test.python {
				s.must("new", "plugin", "prover", "prover-python", "--lang", "python")
				if err := os.Rename(s.path("prover-python", "plugin"), s.path("more")); err != nil {
					t.Fatal(err)
				}
			}
			// All pipelines use the chain that the first one has made.
			if err := os.MkdirAll(s.path("data", "state"), 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "cp", "-r", origin.path("data", "state", "source"), s.path("data", "state", "source")).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			s.must("run", "--blocks", blocks)
			got := outcomes(s)
			for number, w := range want {
				g := got[number]
				if test.framing != "raw" { // the same input in another frame
					g.input = w.input
				}
				if g != w {
					t.Errorf("block %d: %+v, want %+v", number, g, w)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d blocks", len(got))
			}
		})
	}
}

// outcomes returns the results of a pipeline for its blocks.
func outcomes(s *site) map[uint64]outcome {
	s.t.Helper()
	out := map[uint64]outcome{}
	for number := uint64(1); number <= uint64(amount(3, 10)); number++ {
		var jobs []status.Job
		if err := json.Unmarshal([]byte(s.must("blocks", "show", fmt.Sprint(number), "--json")), &jobs); err != nil {
			s.t.Fatal(err)
		}
		if len(jobs) != 1 {
			s.t.Fatalf("block %d has %d jobs", number, len(jobs))
		}
		o := outcome{hash: jobs[0].Block.Hash.String(), state: jobs[0].State}
		for _, stage := range jobs[0].Stages {
			i := slices.IndexFunc(stage.Outputs, func(a contract.Artifact) bool { return a.Name == "input.bin" })
			if i >= 0 {
				o.input = stage.Outputs[i].SHA256
			}
		}
		out[number] = o
	}
	return out
}

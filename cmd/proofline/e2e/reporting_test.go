package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
)

// Variables of the campaign of reports: PROOFLINE_REPORTS_BLOCKS is the number of blocks,
// and PROOFLINE_CHAOS_SEED repeats the decisions of an earlier campaign.
const (
	fewBlocks = 24
	fewKills  = 4
	// budget multiplies the limit of the site's limiter, because 500 blocks would take an
	// hour otherwise. Its rules stay, and the reporters learn of it only from responses.
	budget = 20
	// stalled is for how long a kill waits for a proof to arrive since the one before.
	stalled = 10 * time.Second
	// longest is for how long there are kills and faults at most.
	longest = 9 * time.Minute
)

// TestReporting: two reporters with one key send one prover's proofs to two clusters. Four
// of ten responses of the site are faulty, and host and reporters are killed every few
// seconds, until every proof has arrived. Then each cluster has each proof once, no phase
// went back, no announced block is without proof, and the site's limiter has refused
// nothing. The site is a fake made from the observed behaviour of the route handlers
// (package ethproofstest). All other processes except the proving tool are real.
func TestReporting(t *testing.T) {
	t.Parallel()
	blocks := uint64(setting(t, "PROOFLINE_REPORTS_BLOCKS", fewBlocks))
	seed := setting(t, "PROOFLINE_CHAOS_SEED", defaultSeed)
	random := rand.New(rand.NewPCG(uint64(seed), 0x7265706f727473))
	n := hoodi(t, blocks)
	f := newForked(t, []branch{{"prove", "ethproofs", 1}, {"prove", "second", 2}}, map[string]zisktest.Scenario{"prove": {Version: "0.14.0"}})
	f.server.SetUnlimited(false)
	f.server.SetBudget(budget)
	f.server.ForgetProofs()
	f.pipeline(n.URL, 1, gate(t, "check", nil), f.prover("prove", "confirm: [check],"), reporter("ethproofs", "prove", 1), reporter("second", "prove", 2))
	f.server.Inject(faults(random.Uint64()))

	c := &campaign{site: f.site, random: random, kills: map[string]int{}}
	began := time.Now()
	arrived := 0
	for round := 1; arrived < int(2*blocks) && time.Since(began) < longest && (round <= fewKills || blocks > fewBlocks); round++ {
		pause := time.Duration(500+random.IntN(2000)) * time.Millisecond
		for waited := time.Now(); f.arrived(blocks) == arrived && time.Since(waited) < stalled; time.Sleep(50 * time.Millisecond) {
			c.running()
		}
		time.Sleep(pause)
		c.killSome(round%4 == 0)
		arrived = f.arrived(blocks)
	}
	troubled := time.Since(began).Round(time.Second)
	f.server.Inject(nil)
	c.finish(blocks)

	f.audit(f.server)
	f.auditSettled(blocks)
	count := f.auditReports(blocks)
	t.Logf("seed %d: %d blocks to 2 clusters; %d of %d proofs arrived within %s of kills (%s, %d starts of the host) and 40 %% faulty replies; %s",
		seed, blocks, arrived, 2*blocks, troubled, c.summary(), c.starts, count)
}

// faults makes four of ten responses to writes faulty: the connection is closed before or
// after the request is executed, or there is an error of the database or of the platform.
func faults(seed uint64) func(ethproofstest.Request) *ethproofstest.Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	return func(r ethproofstest.Request) *ethproofstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		latency := time.Duration(random.IntN(100)) * time.Millisecond
		draw := random.IntN(10)
		if r.Method != "POST" {
			return &ethproofstest.Fault{Latency: latency}
		}
		return &[]ethproofstest.Fault{
			{Latency: latency, LoseRequest: true},
			{Latency: latency, LoseReply: true},
			{Latency: latency, Status: 500, Body: "Internal server error"},
			{Latency: latency, Status: 502},
			{Latency: latency},
		}[min(draw, 4)]
	}
}

// arrived returns how many proofs the two clusters have.
func (f *forked) arrived(blocks uint64) (count int) {
	for _, b := range f.branches {
		for number := uint64(1); number <= blocks; number++ {
			if row, ok := f.server.Proof("alpha", b.cluster, number); ok && row.Status == "proved" {
				count++
			}
		}
	}
	return count
}

// killSome kills the host, or one of its reporters.
func (c *campaign) killSome(whole bool) {
	host := c.running()
	if whole {
		c.kills["host"]++
		host.signal(syscall.SIGKILL)
		host.wait()
		return
	}
	victims := slices.DeleteFunc(below(host.cmd.Process.Pid, 2), func(pid int) bool {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return filepath.Base(exe) != "reporter-ethproofs"
	})
	if pick := c.random.Uint64(); len(victims) > 0 && syscall.Kill(victims[pick%uint64(len(victims))], syscall.SIGKILL) == nil {
		c.kills["reporter"]++
	}
}

// finish lets a host finish the remaining blocks, and stops it. It also accepts a host that
// has ended because its reporter was killed during the start.
func (c *campaign) finish(blocks uint64) {
	c.t.Helper()
	eventually(c.t, "everything is done and reported", func() bool {
		c.running()
		snap, ok := c.status()
		return ok && snap.Head >= blocks && snap.Counts.Active == 0 && reported(snap)
	})
	host := c.running()
	host.signal(syscall.SIGTERM)
	if code := host.wait(); code != 0 {
		c.t.Errorf("exit %d at the end", code)
	}
}

// auditReports checks the site after a campaign, by what its handlers have executed,
// whether or not their responses arrived. It returns the figures as text.
func (f *forked) auditReports(blocks uint64) string {
	f.t.Helper()
	type place struct {
		cluster int
		block   uint64
	}
	rank := map[string]int{"queued": 1, "proving": 2, "proved": 3}
	reached, proved, uploads := map[place]int{}, map[place]int{}, map[place]int{}
	writes, backwards, refused, faulty := 0, 0, 0, 0
	for _, r := range f.server.Requests() {
		if r.Status == 429 {
			refused++
		}
		if r.Method != "POST" || !strings.HasPrefix(r.Path, "/proofs/") {
			continue
		}
		var body struct {
			Cluster int `json:"cluster_id"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue // its sender was killed before the whole of it was sent
		}
		writes++
		if r.Status != r.Handled || r.Status == 0 {
			faulty++
		}
		at, phase := place{body.Cluster, r.Block}, strings.TrimPrefix(r.Path, "/proofs/")
		if rank[phase] < reached[at] {
			backwards++
			f.t.Errorf("cluster %d, block %d: %s after a later phase", at.cluster, at.block, phase)
		}
		if phase == "proved" {
			uploads[at]++
		}
		if r.Handled == 200 {
			reached[at] = rank[phase]
			if phase == "proved" {
				proved[at]++
			}
		}
	}
	abandoned, once := 0, 0
	for at, phase := range reached {
		if phase < rank["proved"] {
			abandoned++
			f.t.Errorf("cluster %d: block %d was announced and is not proved", at.cluster, at.block)
		}
	}
	most := 0
	for _, b := range f.branches {
		for number := uint64(1); number <= blocks; number++ {
			at := place{b.cluster, number}
			most = max(most, uploads[at])
			if proved[at] != 1 {
				f.t.Errorf("cluster %d has taken %d proofs of block %d", b.cluster, proved[at], number)
				continue
			}
			once++
			f.auditStored(b, number)
		}
	}
	if refused > 0 {
		f.t.Errorf("the limiter refused %d of %d writes", refused, writes)
	}
	sent := 0
	for _, n := range uploads {
		sent += n
	}
	return fmt.Sprintf("%d proved once, %d order violations, %d announced and abandoned, %d × 429; %d writes, %d of them faulty, %d of proofs (%.2f for each, %d at most)",
		once, backwards, abandoned, refused, writes, faulty, sent, float64(sent)/float64(2*blocks), most)
}

// auditSettled checks that the host's record fits the site: every block is done, and no
// report of it waits or was rejected.
func (f *forked) auditSettled(blocks uint64) {
	f.t.Helper()
	var jobs []status.Job
	if err := json.Unmarshal([]byte(f.must("blocks", "list", "-n", "0", "--json")), &jobs); err != nil {
		f.t.Fatal(err)
	}
	if len(jobs) != int(blocks) {
		f.t.Errorf("%d jobs of %d blocks", len(jobs), blocks)
	}
	for _, j := range jobs {
		if j.State != status.JobDone || j.Unreported != "" {
			f.t.Errorf("block %d is %s: %s", j.Block.Number, j.State, j.Unreported)
		}
		for _, r := range j.Reports {
			if r.State == status.ReportWaiting || r.State == status.ReportRejected || r.State == status.ReportExpired {
				f.t.Errorf("block %d: %s of %s is %s after %d tries: %s", j.Block.Number, r.Kind, r.Reporter, r.State, r.Tries, r.Error)
			}
		}
	}
}

// auditStored compares the proof that the site returns with the file in the archive.
func (f *forked) auditStored(b branch, number uint64) {
	f.t.Helper()
	row, _ := f.server.Proof("alpha", b.cluster, number)
	made, err := os.ReadFile(f.path("output", fmt.Sprint(number), "vadcop_final_proof.compressed.bin"))
	if err != nil {
		f.t.Error(err)
		return
	}
	if stored := f.server.Stored(row); row.Status != "proved" || string(stored) != string(made) {
		f.t.Errorf("cluster %d, block %d: %s, %d bytes (%.20s…), want the %d of the archive", b.cluster, number, row.Status,
			len(stored), base64.StdEncoding.EncodeToString(stored), len(made))
	}
}

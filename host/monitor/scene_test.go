package monitor

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// scene is a pipeline for tests. Its jobs have the form that engine.Describe and package
// history return; the tests of these compare that form with the checkpoint. Gas and proving
// times follow the figures that were measured on mainnet (3.97 s + 0.584 s per Mgas).
type scene struct {
	mu       sync.Mutex
	random   *rand.Rand
	snap     status.Snapshot
	past     []status.Job // finished, the oldest first
	now      func() time.Time
	logs     map[string]string
	scoreErr error
}

const every = 10

// newScene returns a scene with a number of finished targets, the newest two minutes ago.
func newScene(blocks int, now time.Time) *scene {
	s := &scene{random: rand.New(rand.NewPCG(1, 2)), now: time.Now, logs: map[string]string{}}
	pace := 120 * time.Second
	if blocks > 700 { // all of them within the last day
		pace = 23 * time.Hour / time.Duration(blocks)
	}
	first := uint64(24_647_150 - every*blocks)
	for i := range blocks {
		at := now.Add(-time.Duration(blocks-i) * pace)
		j := s.job(first+uint64(i)*every, at)
		s.finish(&j, at, "")
		switch {
		case i == blocks-9:
			s.finish(&j, at, "emulation stopped at 4,294,967,295 steps")
		case i == blocks-30:
			j.Reports[len(j.Reports)-1].State, j.Reports[len(j.Reports)-1].Error = "rejected", "400 proving_cycles must be a positive integer"
			j.Reports[len(j.Reports)-1].Facts = nil
		case i == blocks-60:
			j.State, j.Reason, j.Reports = status.JobDropped, "1h behind the head, more than drop_after (30m)", nil
		}
		s.past = append(s.past, j)
	}
	stage := func(name string, kind contract.Kind, plugin string, needs ...string) status.Stage {
		return status.Stage{Name: name, Kind: kind, Plugin: plugin, Version: "1.4.0", State: status.StageReady, Since: now.Add(-50 * time.Hour),
			Needs: needs, Running: []status.Attempt{}, Queue: []uint64{}, Processed: uint64(blocks)}
	}
	s.snap = status.Snapshot{
		Pipeline: "mainnet", File: "mainnet.yaml", PID: 4711, Version: "1.4.0", Started: now.Add(-50 * time.Hour), Head: 24_647_141, HeadTime: now.Add(-3 * time.Second),
		Stages: []status.Stage{
			stage("source", contract.KindSource, "source-rpc"),
			stage("input", contract.KindBuilder, "builder-ethrex", "source"),
			stage("check", contract.KindProver, "prover-stateless", "source"),
			stage("prove", contract.KindProver, "prover-zisk", "input"),
			stage("next", contract.KindProver, "prover-zisk", "input"),
			stage("ethproofs", contract.KindReporter, "reporter-ethproofs"),
			stage("notify", contract.KindReporter, "reporter-notify"),
			stage("archive", contract.KindReporter, "reporter-archive"),
		},
		Jobs: []status.Job{}, Counts: status.Counts{Done: blocks},
	}
	s.snap.Stages[3].MakesProof, s.snap.Stages[3].Confirm = true, []string{"check"}
	s.snap.Stages[4].MakesProof, s.snap.Stages[4].Shadow = true, true
	s.snap.Stages[0].Endpoints = []contract.Endpoint{
		{Name: "0 http://10.0.0.4:8545", Usable: true, Calls: 4100, Failed: 3, Time: 190 * time.Second},
		{Name: "1 http://10.0.0.5:8545", Usable: true, Calls: 1200, Failed: 0, Time: 40 * time.Second},
	}
	s.snap.Stages[5].Endpoints = []contract.Endpoint{{Name: "https://ethproofs.org", Usable: true, Calls: 900, Failed: 1, Time: 310 * time.Second}}
	s.recent()
	return s
}

func (s *scene) recent() {
	s.snap.Recent = []status.Job{}
	for _, j := range slices.Backward(s.past) {
		if len(s.snap.Recent) < 50 {
			s.snap.Recent = append(s.snap.Recent, j)
		}
	}
}

func (s *scene) job(number uint64, at time.Time) status.Job {
	hash := contract.Hash{}
	for i := range hash {
		hash[i] = byte(number>>(8*(i%8))) ^ byte(i*37)
	}
	b := contract.Block{ChainID: 1, Number: number, Hash: hash, Time: at, GasUsed: uint64(4e6 + s.random.Float64()*40e6), TxCount: 100 + uint32(s.random.IntN(200))}
	return status.Job{ID: b.JobID(), Block: b, Origin: "selected", State: status.JobWaiting, Created: at.Add(580 * time.Millisecond), Stages: []status.JobStage{
		{
			Stage: "source", Kind: contract.KindSource, State: "waiting",
			Outputs: []contract.Artifact{{Name: contract.ArtifactBlock, Size: 412_000}, {Name: contract.ArtifactWitness, Size: 6_100_000}},
			Facts:   map[string]string{"block_endpoint": "10.0.0.4:8545", "witness_endpoint": "10.0.0.4:8545"},
		},
		{Stage: "input", Kind: contract.KindBuilder, State: "waiting"},
		{Stage: "check", Kind: contract.KindProver, State: "waiting"}, {Stage: "prove", Kind: contract.KindProver, State: "waiting"},
		{Stage: "next", Kind: contract.KindProver, State: "skipped", Shadow: true},
	}}
}

// finish ends a job: proved and accepted, or failed with a reason.
func (s *scene) finish(j *status.Job, at time.Time, failure string) {
	ms := func(n int64) time.Time { return at.Add(time.Duration(n) * time.Millisecond) }
	proving := int64(3970 + 584*float64(j.Block.GasUsed)/1e6 + 900*s.random.NormFloat64())
	set := func(i int, from, to, work int64) {
		st := &j.Stages[i]
		st.State, st.Attempt, st.Started, st.Ended, st.WorkTime = "done", 1, ms(from), ms(to), time.Duration(work)*time.Millisecond
	}
	set(0, 600, 980, 0)
	set(1, 1000, 2440, 1400)
	set(2, 1000, 1800, 0)
	set(3, 2460, 2460+proving+440, proving)
	j.Stages[3].Outputs = []contract.Artifact{{Name: "vadcop_final_proof.compressed.bin", Size: 245_000, Role: contract.RoleProof}}
	j.Stages[1].Outputs = []contract.Artifact{{Name: "input.bin", Size: 3_580_000, SHA256: [32]byte{0x3e, 0x29}}}
	end := 2460 + proving + 440
	j.Finished = ms(end)
	if failure != "" {
		j.State, j.Reason, j.Stage, j.Reports = status.JobFailed, failure, "prove", nil
		j.Stages[3].State, j.Stages[3].Error, j.Stages[3].Class, j.Stages[3].WorkTime = "failed", failure, contract.ClassPermanent, 0
		j.Stages[3].ProvingMS, j.ProvingMS = 0, 0
		j.Stages[3].Remedy = "The block needs more steps than max_steps allows. Raise it, then"
		s.logs[j.ID+"/prove/1"] = "[gpu 3] CUDA error 700\ncargo-zisk: aborted\n"
		return
	}
	j.State, j.ProvingMS = status.JobDone, proving+1400
	j.Stages[3].ProvingMS, j.Stages[3].Facts = j.ProvingMS, map[string]string{contract.FactCycles: "611400000"}
	if j.Block.Number%100 == 0 {
		set(4, end, end+int64(float64(proving)*0.88), int64(float64(proving)*0.88))
		j.Stages[4].ProvingMS = int64(float64(proving)*0.88) + 1400
	}
	j.Reports = []status.Report{
		{Reporter: "ethproofs", Kind: contract.EventQueued, State: "sent", Tries: 1, At: ms(2500)},
		{Reporter: "ethproofs", Kind: contract.EventProving, State: "sent", Tries: 1, At: ms(2600)},
		{Reporter: "ethproofs", Kind: contract.EventProved, State: "sent", Tries: 1, At: ms(end + 570), Facts: map[string]string{contract.FactOutcome: contract.OutcomeAccepted}},
	}
}

// begin starts the proof of the next target. finishNow ends it.
func (s *scene) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	number := uint64(24_647_150)
	if n := len(s.past); n > 0 {
		number = s.past[n-1].Block.Number + every
	}
	at := now.Add(-3 * time.Second)
	j := s.job(number, at)
	done := func(i int, from, to int64) {
		j.Stages[i].State, j.Stages[i].Attempt = "done", 1
		j.Stages[i].Started, j.Stages[i].Ended = at.Add(time.Duration(from)*time.Millisecond), at.Add(time.Duration(to)*time.Millisecond)
	}
	done(0, 600, 980)
	done(1, 1000, 2440)
	j.Stages[1].WorkTime = 1400 * time.Millisecond
	done(2, 1000, 1800)
	j.Stages[3].State, j.Stages[3].Attempt, j.Stages[3].Started = "running", 1, at.Add(2460*time.Millisecond)
	j.State, j.Stage = status.JobRunning, "prove"
	s.snap.Jobs = []status.Job{j}
	s.snap.Head, s.snap.HeadTime = number, at
	s.snap.Stages[3].Running = []status.Attempt{{Job: j.ID, Number: number, Attempt: 1, Since: j.Stages[3].Started, Phase: "GENERATING_PROOFS", Fraction: 0.33, Note: "instance 21 of 64"}}
	s.snap.Time = now
}

func (s *scene) end(failure string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.snap.Jobs[0]
	s.finish(&j, j.Block.Time, failure)
	s.past = append(s.past, j)
	s.snap.Jobs, s.snap.Stages[3].Running = []status.Job{}, []status.Attempt{}
	s.snap.Head, s.snap.HeadTime = j.Block.Number+1, s.now()
	s.snap.Counts.Done++
	s.snap.Stages[3].Processed++
	s.recent()
}

// called counts calls to the execution clients: successful ones to all, and failed ones to
// the second.
func (s *scene) called(well, failed uint64) {
	s.change(func(snap *status.Snapshot) {
		endpoints := slices.Clone(snap.Stages[0].Endpoints)
		for i := range endpoints {
			e := &endpoints[i]
			e.Calls += well
			if i == 1 {
				e.Calls, e.Failed = e.Calls+failed, e.Failed+failed
				if e.Usable, e.Detail = failed < 10, ""; !e.Usable {
					e.Detail = "1 http://10.0.0.5:8545: left alone for 8s after: connection refused"
				}
			}
			e.Time += time.Duration(well+failed) * 40 * time.Millisecond
		}
		snap.Stages[0].Endpoints = endpoints
	})
}

func (s *scene) change(f func(*status.Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.snap)
}

func (s *scene) Snapshot(context.Context) (status.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.snap
	snap.Time = s.now()
	snap.Stages, snap.Jobs, snap.Recent = slices.Clone(snap.Stages), slices.Clone(snap.Jobs), slices.Clone(snap.Recent)
	return snap, nil
}

func (s *scene) FinishedSince(_ context.Context, since time.Time) (jobs []status.Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.past {
		if !j.Finished.Before(since) {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

func (s *scene) standing() score.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := score.Record{Pipeline: "mainnet", Targets: contract.Selection{Every: every}, Followed: s.now()}
	for _, j := range s.past {
		b := score.Block{Number: j.Block.Number, Time: j.Block.Time, Taken: j.Created, Announced: true, ProvingMS: j.ProvingMS, Ended: true}
		if j.ProvingMS > 0 {
			b.Report = score.Accepted
		}
		r.Blocks = append(r.Blocks, b)
	}
	return r
}

func (s *scene) Score(context.Context) (score.Report, error) {
	return score.Judge(s.standing(), s.now()), s.scoreErr
}
func (s *scene) Course(context.Context) ([]score.Point, error) {
	return score.Course(s.standing(), s.now()), nil
}
func (s *scene) Recorded() int64 { return 40 << 20 }

func (s *scene) ShowBlock(_ context.Context, number uint64) (jobs []status.Job, err error) {
	snap, _ := s.Snapshot(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range append(slices.Clone(s.past), snap.Jobs...) {
		if j.Block.Number == number {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

func (s *scene) Page(_ context.Context, r history.Range) (page history.Page, err error) {
	if r.After == "nonsense" {
		return page, history.ErrPosition
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page.Jobs = []status.Job{}
	for _, j := range slices.Backward(s.past) {
		if (len(r.States) == 0 || slices.Contains(r.States, j.State)) && (r.To == nil || j.Block.Number <= *r.To) && len(page.Jobs) < max(r.Limit, 1) {
			page.Jobs = append(page.Jobs, j)
		}
	}
	return page, nil
}

func (s *scene) Owed(_ context.Context, reporter string) ([]record.Event, error) {
	if reporter != "archive" {
		return nil, nil
	}
	return []record.Event{{Reporter: reporter, Kind: contract.EventProved, Block: &contract.Block{Number: 24_647_140}, Error: "S3 says 403"}}, nil
}

func (s *scene) AttemptLog(_ context.Context, job, stage string, attempt uint32) ([]byte, error) {
	if text, known := s.logs[fmt.Sprintf("%s/%s/%d", job, stage, attempt)]; known {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("open /home/operator/data/attempts/%s: %w", job, fs.ErrNotExist)
}

// config returns a configuration for the scene with a model that does not run yet.
func (s *scene) config(lines *live.Log, change ...func(*live.Config)) Config {
	shown := live.Config{Selection: selection.Selection{Targets: contract.Selection{Every: every}}, Data: "/", Log: lines}
	for _, f := range change {
		f(&shown)
	}
	model := live.New(s, shown)
	return Config{Listen: "127.0.0.1:0", Pipeline: s, Model: model, Log: discard, Graph: map[string][]string{
		"input": {"source"}, "check": {"source"}, "prove": {"input"}, "next": {"input"},
	}}
}

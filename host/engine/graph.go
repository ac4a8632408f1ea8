package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// stage is a working stage at run time. Its configuration and the graph never change,
// except what tuning returns. The fields from slots on are guarded by Engine.mu.
type stage struct {
	StageConfig
	index   int        // position in Engine.stages, where each stage comes after those that it needs
	needs   []*stage   // the stages that must be complete before this one begins
	confirm []*stage   // the gates that must be complete before this one announces anything
	before  []*stage   // all stages that it needs, directly or indirectly, in order
	behind  []*stage   // the stages that need it directly
	proofs  []*stage   // the stages that it confirms
	paths   [][]*stage // for each proof stage that it leads to, the stages of behind on the path to it
	folder  string     // below a block's output folder; empty for that folder itself

	tuned     atomic.Pointer[Tuning]
	slots     []int // the numbers of the slots that have a goroutine
	queue     queue
	running   map[string]*attempt // by job
	processed uint64              // attempts that succeeded
	failed    uint64              // attempts that failed
	pause     pause               // of attempts
	poll      pause               // of polls; used by the source only
	listed    pause               // of looking for listed blocks; used by the source only
	breaker   breaker
	trusted   bool // it has succeeded with its current fingerprint
}

// link makes the stages of a configuration and joins them to a graph.
func link(configs []StageConfig) ([]*stage, error) {
	if len(configs) == 0 || configs[0].Kind != contract.KindSource {
		return nil, errors.New("a pipeline begins with a source")
	}
	stages := make([]*stage, 0, len(configs))
	byName := map[string]*stage{}
	find := func(of, relation string, names []string) (found []*stage, err error) {
		for _, name := range names {
			s, ok := byName[name]
			if !ok {
				return nil, fmt.Errorf("stage %s %s %s, which is no working stage before it", of, relation, name)
			}
			found = append(found, s)
		}
		return found, nil
	}
	for i, c := range configs {
		if c.Kind == contract.KindSource && i > 0 {
			return nil, fmt.Errorf("stages %s and %s are both sources: a pipeline has one", configs[0].Name, c.Name)
		}
		c.Concurrency = max(c.Concurrency, 1)
		s := &stage{StageConfig: c, index: i, running: map[string]*attempt{}}
		s.tuned.Store(&Tuning{
			Fingerprint: c.Fingerprint, Concurrency: c.Concurrency, Retries: c.Retries, Backoff: c.Backoff,
			Timeout: c.Timeout, StuckAfter: c.StuckAfter,
		})
		var err error
		if s.needs, err = find(c.Name, "needs", c.Needs); err != nil {
			return nil, err
		}
		if len(s.needs) == 0 && i > 0 {
			return nil, fmt.Errorf("stage %s needs no other stage: it would have nothing to work on", c.Name)
		}
		if s.confirm, err = find(c.Name, "is confirmed by", c.Confirm); err != nil {
			return nil, err
		}
		for _, other := range slices.Concat(s.needs, s.confirm) {
			if other.Shadow && !s.Shadow {
				return nil, fmt.Errorf("stage %s must not depend on the shadow %s", c.Name, other.Name)
			}
		}
		for _, n := range s.needs {
			n.behind = append(n.behind, s)
		}
		for _, gate := range s.confirm {
			gate.proofs = append(gate.proofs, s)
		}
		s.before = closure(s.needs, stages)
		stages = append(stages, s)
		byName[c.Name] = s
	}
	for _, s := range stages {
		s.paths = pathsToProofs(s, stages)
	}
	assignFolders(stages)
	return stages, nil
}

// onlyConfirms reports whether s is a gate whose verdict is needed for announcing proofs,
// and for nothing else.
func (s *stage) onlyConfirms() bool { return len(s.proofs) > 0 && len(s.behind) == 0 }

// pathsToProofs returns, for each proof stage that s leads to, the stages directly
// behind s on which that proof or a gate that confirms it depends. Shadows count only
// when s is a shadow. When s leads to no proof, all stages behind it form one path.
func pathsToProofs(s *stage, all []*stage) (paths [][]*stage) {
	counts := func(other *stage) bool { return s.Shadow || !other.Shadow }
	for _, goal := range all {
		if !goal.MakesProof || !counts(goal) {
			continue
		}
		var path []*stage
		for _, on := range closure(append([]*stage{goal}, goal.confirm...), all) {
			if slices.Contains(s.behind, on) && counts(on) {
				path = append(path, on)
			}
		}
		if len(path) > 0 {
			paths = append(paths, path)
		}
	}
	if rest := slices.DeleteFunc(slices.Clone(s.behind), func(b *stage) bool { return !counts(b) }); len(paths) == 0 && len(rest) > 0 {
		paths = append(paths, rest)
	}
	return paths
}

// closure returns the given stages and all that they need, in the order of all.
func closure(of []*stage, all []*stage) (closed []*stage) {
	for _, s := range all {
		if slices.ContainsFunc(of, func(o *stage) bool { return o == s || slices.Contains(o.before, s) }) {
			closed = append(closed, s)
		}
	}
	return closed
}

// assignFolders sets where the files of each stage are published. The files of the
// first gate and of the first proof stage of a block go to the block's own folder,
// those of every other stage to a folder of its name below that.
func assignFolders(stages []*stage) {
	first := map[bool][]*stage{} // by whether it makes a proof
	for _, s := range stages {
		taken := slices.ContainsFunc(first[s.MakesProof], func(other *stage) bool { return !s.Blocks.Disjoint(other.Blocks) })
		if s.Shadow || taken || s.Kind != contract.KindProver {
			s.folder = s.Name
			continue
		}
		first[s.MakesProof] = append(first[s.MakesProof], s)
	}
}

// Folder returns where the files of a block are published, relative to the output
// directory. It is named after the number. An orphan has a folder of its own, because
// another block has taken its number.
func Folder(block contract.Block, orphaned bool) string {
	folder := strconv.FormatUint(block.Number, 10)
	if orphaned {
		folder += "-" + block.Hash.Short()
	}
	return folder
}

// reports lists the proof stages whose phases a reporter reports, in order. It is empty
// when the pipeline makes no proof.
func (e *Engine) reports(r Reporter) (proofs []*stage) {
	for _, s := range e.stages {
		if s.MakesProof && !s.Shadow && (len(r.Proofs) == 0 || slices.Contains(r.Proofs, s.Name)) {
			proofs = append(proofs, s)
		}
	}
	return proofs
}

// makesProof reports whether any stage but a shadow makes a proof.
func (e *Engine) makesProof() bool {
	return slices.ContainsFunc(e.stages, func(s *stage) bool { return s.MakesProof && !s.Shadow })
}

// stageNamed finds a working stage. Its error is permanent when there is none.
func (e *Engine) stageNamed(name string) (*stage, error) {
	for _, s := range e.stages {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, contract.Permanent(fmt.Errorf("the pipeline has no working stage %q", name))
}

// complete reports whether all of the stages are complete for the job.
func complete(rec *record.Job, stages []*stage) bool {
	return !slices.ContainsFunc(stages, func(s *stage) bool { return !rec.Stages[s.Name].State.Complete() })
}

// otherProofIn reports whether a proof stage of the job that is neither s nor a shadow
// is in one of the states.
func (e *Engine) otherProofIn(rec *record.Job, s *stage, states ...record.StageState) bool {
	return slices.ContainsFunc(e.stages, func(other *stage) bool {
		return other != s && other.MakesProof && !other.Shadow && slices.Contains(states, rec.Stages[other.Name].State)
	})
}

// artifacts returns the artifacts that the stages before s made for the job, and their
// facts. For each name it returns only the one of the last stage.
func artifacts(rec *record.Job, s *stage) (artifacts []contract.Artifact, facts map[string]string) {
	facts = map[string]string{}
	for _, earlier := range s.before {
		r := rec.Stages[earlier.Name]
		if !r.State.Complete() {
			continue
		}
		artifacts = merged(artifacts, r.Outputs)
		for name, value := range r.Facts {
			facts[name] = value
		}
	}
	return artifacts, facts
}

// otherArtifacts returns the artifacts that the stages before s and the gates that
// confirm it made for the job, without those that have the name of an output of s.
func otherArtifacts(rec *record.Job, s *stage, outputs []contract.Artifact) []contract.Artifact {
	all, _ := artifacts(rec, s)
	for _, gate := range s.confirm {
		if r := rec.Stages[gate.Name]; r.State.Complete() {
			all = merged(all, r.Outputs)
		}
	}
	return slices.DeleteFunc(all, func(a contract.Artifact) bool {
		return slices.ContainsFunc(outputs, func(own contract.Artifact) bool { return own.Name == a.Name })
	})
}

// merged adds artifacts to a list. Each takes the place of the one with its name.
func merged(all, more []contract.Artifact) []contract.Artifact {
	for _, a := range more {
		i := slices.IndexFunc(all, func(b contract.Artifact) bool { return a.Name == b.Name })
		if i < 0 {
			all = append(all, a)
			continue
		}
		all[i] = a
	}
	return all
}

// inputsDigest returns the digest of the inputs of s for the job. The outputs of gates
// are no inputs of a proof: a proof stays valid when its gate runs again.
func inputsDigest(rec *record.Job, s *stage) string {
	var inputs []contract.Artifact
	for _, earlier := range s.before {
		if s.MakesProof && earlier.Kind == contract.KindProver && !earlier.MakesProof {
			continue
		}
		inputs = merged(inputs, rec.Stages[earlier.Name].Outputs)
	}
	return record.InputsDigest(inputs)
}

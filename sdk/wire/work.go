package wire

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
)

// TaskToProto converts a task.
func TaskToProto(t contract.Task) *pluginv1.Task {
	return &pluginv1.Task{
		Pipeline: valid(t.Pipeline), Stage: valid(t.Stage), Job: valid(t.Job), Attempt: t.Attempt,
		Block: BlockToProto(&t.Block), Dir: valid(t.Dir), Inputs: artifactsToProto(t.Inputs),
		Deadline: timeToProto(t.Deadline), ResumeToken: slices.Clone(t.ResumeToken), Facts: textMap(t.Facts),
	}
}

// TaskFromProto converts and checks a task.
func TaskFromProto(t *pluginv1.Task) (contract.Task, error) {
	if t == nil || t.GetBlock() == nil {
		return contract.Task{}, errors.New("task without a block")
	}
	block, err := blockFromProto(t.GetBlock())
	if err != nil {
		return contract.Task{}, fmt.Errorf("task %s: %w", t.GetJob(), err)
	}
	inputs, err := artifactsFromProto(t.GetInputs())
	if err != nil {
		return contract.Task{}, fmt.Errorf("task %s: %w", t.GetJob(), err)
	}
	deadline, err := timeFromProto(t.GetDeadline())
	if err != nil {
		return contract.Task{}, fmt.Errorf("task %s: deadline: %w", t.GetJob(), err)
	}
	return contract.Task{
		Pipeline: t.GetPipeline(), Stage: t.GetStage(), Job: t.GetJob(), Attempt: t.GetAttempt(),
		Block: *block, Dir: t.GetDir(), Inputs: inputs, Deadline: deadline,
		ResumeToken: nilIfEmpty(t.GetResumeToken()), Facts: factsFromProto(t.GetFacts()),
	}, nil
}

// resultToProto converts a result.
func resultToProto(r contract.Result) *pluginv1.Result {
	return &pluginv1.Result{
		Outputs: artifactsToProto(r.Outputs), WorkTime: durationToProto(r.WorkTime), Facts: textMap(r.Facts),
	}
}

// resultFromProto converts and checks a result.
func resultFromProto(r *pluginv1.Result) (contract.Result, error) {
	outputs, err := artifactsFromProto(r.GetOutputs())
	if err != nil {
		return contract.Result{}, fmt.Errorf("result: %w", err)
	}
	work, err := durationFromProto(r.GetWorkTime())
	if err == nil && work < 0 {
		err = fmt.Errorf("negative (%v)", work)
	}
	if err != nil {
		return contract.Result{}, fmt.Errorf("result: work time: %w", err)
	}
	return contract.Result{Outputs: outputs, WorkTime: work, Facts: factsFromProto(r.GetFacts())}, nil
}

func progressToProto(p contract.Progress) *pluginv1.Progress {
	out := &pluginv1.Progress{Phase: valid(p.Phase), Note: valid(p.Note), Eta: durationToProto(p.ETA)}
	if p.Fraction >= 0 { // false for NaN too
		fraction := min(p.Fraction, 1)
		out.Fraction = &fraction
	}
	return out
}

func progressFromProto(p *pluginv1.Progress) (contract.Progress, error) {
	eta, err := durationFromProto(p.GetEta())
	if err != nil {
		return contract.Progress{}, fmt.Errorf("progress: eta: %w", err)
	}
	out := contract.Progress{Phase: p.GetPhase(), Fraction: -1, Note: p.GetNote(), ETA: eta}
	if p.Fraction != nil {
		if f := p.GetFraction(); math.IsNaN(f) || f < 0 || f > 1 {
			return contract.Progress{}, fmt.Errorf("progress: fraction %v is not between 0 and 1", f)
		}
		out.Fraction = p.GetFraction()
	}
	return out, nil
}

// WorkEventToProto converts one message of a work stream. An event without any
// field becomes a heartbeat.
func WorkEventToProto(e contract.WorkEvent) *pluginv1.WorkEvent {
	switch {
	case e.Result != nil:
		return &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Result{Result: resultToProto(*e.Result)}}
	case e.Publish != nil:
		return &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Publish{Publish: ArtifactToProto(*e.Publish)}}
	case e.Resume != nil:
		return &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Resume{
			Resume: &pluginv1.ResumeToken{Token: slices.Clone(e.Resume)}}}
	case e.Progress != nil:
		return &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Progress{Progress: progressToProto(*e.Progress)}}
	}
	return &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Progress{Progress: &pluginv1.Progress{}}}
}

// WorkEventFromProto converts and checks one message of a work stream. A message
// of a kind that this version does not know counts as a heartbeat.
func WorkEventFromProto(e *pluginv1.WorkEvent) (contract.WorkEvent, error) {
	switch m := e.GetEvent().(type) {
	case *pluginv1.WorkEvent_Progress:
		p, err := progressFromProto(m.Progress)
		return contract.WorkEvent{Progress: &p}, err
	case *pluginv1.WorkEvent_Resume:
		token := m.Resume.GetToken()
		if len(token) > MaxResumeToken {
			return contract.WorkEvent{}, fmt.Errorf("resume token of %d bytes, at most %d are allowed", len(token), MaxResumeToken)
		}
		return contract.WorkEvent{Resume: append([]byte{}, token...)}, nil
	case *pluginv1.WorkEvent_Publish:
		a, err := ArtifactFromProto(m.Publish)
		return contract.WorkEvent{Publish: &a}, err
	case *pluginv1.WorkEvent_Result:
		r, err := resultFromProto(m.Result)
		return contract.WorkEvent{Result: &r}, err
	}
	return contract.WorkEvent{Progress: &contract.Progress{Fraction: -1}}, nil
}

// EventToProto converts an event.
func EventToProto(e contract.Event) *pluginv1.Event {
	return &pluginv1.Event{
		Id: valid(e.ID), Kind: valid(string(e.Kind)), Pipeline: valid(e.Pipeline), Stage: valid(e.Stage),
		Time: timeToProto(e.Time), Block: BlockToProto(e.Block), Facts: textMap(e.Facts),
		Artifacts: artifactsToProto(e.Artifacts), Dir: valid(e.Dir), Try: e.Try,
	}
}

// EventFromProto converts and checks an event.
func EventFromProto(e *pluginv1.Event) (contract.Event, error) {
	if e == nil || e.GetKind() == "" {
		return contract.Event{}, errors.New("event without a kind")
	}
	block, err := blockFromProto(e.GetBlock())
	if err != nil {
		return contract.Event{}, fmt.Errorf("event %s: %w", e.GetId(), err)
	}
	artifacts, err := artifactsFromProto(e.GetArtifacts())
	if err != nil {
		return contract.Event{}, fmt.Errorf("event %s: %w", e.GetId(), err)
	}
	at, err := timeFromProto(e.GetTime())
	if err != nil {
		return contract.Event{}, fmt.Errorf("event %s: time: %w", e.GetId(), err)
	}
	return contract.Event{
		ID: e.GetId(), Kind: contract.EventKind(e.GetKind()), Pipeline: e.GetPipeline(), Stage: e.GetStage(),
		Time: at, Block: block, Facts: factsFromProto(e.GetFacts()), Artifacts: artifacts,
		Dir: e.GetDir(), Try: e.GetTry(),
	}, nil
}

func nilIfEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return slices.Clone(b)
}

package launch

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/wire"
)

const planted = "hunter2-of-the-plugin"

// talker is a connection whose server returns the given values.
type talker struct {
	answer proto.Message
	err    error
}

func (c talker) Invoke(_ context.Context, _ string, _, reply any, _ ...grpc.CallOption) error {
	if c.err == nil {
		proto.Merge(reply.(proto.Message), c.answer)
	}
	return c.err
}

func (c talker) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return talking{of: c}, nil
}

type talking struct {
	grpc.ClientStream
	of talker
}

func (s talking) RecvMsg(m any) error { return s.of.Invoke(context.Background(), "", nil, m) }

// TestAnswersWithoutSecrets: secrets are hidden in every text of every message of the
// protocol, but not in values that the work depends on.
func TestAnswersWithoutSecrets(t *testing.T) {
	said := "it is " + planted + "!"
	artifact := &pluginv1.Artifact{Name: planted, Path: "out/" + planted, Role: planted}
	facts := map[string]string{"where": said}
	for _, c := range []struct {
		name    string
		answer  proto.Message
		into    proto.Message
		allowed int // how often the secret stays
	}{
		{"health", &pluginv1.HealthResponse{Detail: said}, new(pluginv1.HealthResponse), 0},
		{"configured", &pluginv1.ConfigureResponse{Note: said, Provides: facts, Requires: map[string]*pluginv1.Alternatives{"a": {Values: []string{"b", said}}}}, new(pluginv1.ConfigureResponse), 2},
		{"findings", &pluginv1.CheckResponse{Findings: []*pluginv1.Finding{{Pointer: "/" + planted, Summary: said, Remedy: said}}, Provides: facts}, new(pluginv1.CheckResponse), 2},
		{"described", &pluginv1.DescribeResponse{Name: said, Version: said, Summary: said, Capabilities: []string{said}, Events: []string{said}}, new(pluginv1.DescribeResponse), 4},
		{"resolved", &pluginv1.ResolveResponse{Resolutions: []*pluginv1.Resolution{{Reason: said}}}, new(pluginv1.ResolveResponse), 0},
		{"progress", &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Progress{Progress: &pluginv1.Progress{Phase: said, Note: said}}}, new(pluginv1.WorkEvent), 0},
		{"result", &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Result{Result: &pluginv1.Result{Facts: facts, Outputs: []*pluginv1.Artifact{artifact}}}}, new(pluginv1.WorkEvent), 3},
	} {
		conn := redacting{talker{answer: c.answer}, redact.New(planted)}
		if err := conn.Invoke(t.Context(), c.name, nil, c.into); err != nil {
			t.Fatal(err)
		}
		text := protojson.Format(c.into)
		if n := strings.Count(text, planted); n != c.allowed || !strings.Contains(text, redact.Hidden) {
			t.Errorf("%s: the secret is there %d times, want %d: %s", c.name, n, c.allowed, text)
		}
		proto.Reset(c.into)
		stream, err := conn.NewStream(t.Context(), nil, c.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(c.into); err != nil || protojson.Format(c.into) != text {
			t.Errorf("%s: as a stream %v, %s", c.name, err, protojson.Format(c.into))
		}
	}
}

// TestTextsAreClassified fails if a text field is added to the protocol and not listed
// here, so that somebody decides whether secrets are hidden in it.
func TestTextsAreClassified(t *testing.T) {
	var hidden, kept []string
	seen := map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] || m.FullName().Parent() != "proofline.plugin.v1" {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			value := f
			if f.IsMap() {
				value = f.MapValue()
			}
			name := strings.TrimPrefix(string(f.FullName()), "proofline.plugin.v1.")
			switch {
			case verbatim[m.FullName()] || verbatim[f.FullName()]:
				kept = append(kept, name)
			case value.Message() != nil:
				walk(value.Message())
			case value.Kind() == protoreflect.StringKind:
				hidden = append(hidden, name)
			}
		}
	}
	for _, m := range []proto.Message{
		&pluginv1.DescribeResponse{}, &pluginv1.CheckResponse{}, &pluginv1.ConfigureResponse{}, &pluginv1.HealthResponse{}, &pluginv1.DrainResponse{},
		&pluginv1.PollResponse{}, &pluginv1.ResolveResponse{}, &pluginv1.WorkEvent{},
	} {
		walk(m.ProtoReflect().Descriptor())
	}
	wantHidden := []string{
		"DescribeResponse.summary", "Finding.summary", "Finding.remedy", "ConfigureResponse.note", "HealthResponse.detail", "Endpoint.detail",
		"Resolution.reason", "Progress.phase", "Progress.note", "Result.facts",
	}
	wantKept := []string{
		"DescribeResponse.name", "DescribeResponse.version", "DescribeResponse.capabilities", "DescribeResponse.events",
		"Finding.pointer", "CheckResponse.provides", "CheckResponse.requires", "ConfigureResponse.provides", "ConfigureResponse.requires", "Endpoint.name",
		"Artifact.name", "Artifact.path", "Artifact.size", "Artifact.sha256", "Artifact.role", "Artifact.compared",
	}
	for _, list := range [][]string{hidden, kept, wantHidden, wantKept} {
		slices.Sort(list)
	}
	if !slices.Equal(hidden, wantHidden) || !slices.Equal(slices.Compact(kept), wantKept) {
		t.Errorf("hidden %q\nkept %q", hidden, kept)
	}
}

// TestSecretByChance: a secret that equals a value of the protocol, or a part of a number,
// is not hidden there. A number that equals the secret is hidden.
func TestSecretByChance(t *testing.T) {
	conn := redacting{talker{}, redact.New("accepted", "ACCEPTED", "12345", "67890123")}
	event := &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Result{Result: &pluginv1.Result{Facts: map[string]string{
		contract.FactOutcome: contract.OutcomeAcceptedBefore, contract.FactCycles: "991234599", "pin": "67890123", "note": "it was accepted",
	}}}}
	conn.message(event.ProtoReflect())
	if facts := event.GetResult().GetFacts(); facts[contract.FactOutcome] != contract.OutcomeAcceptedBefore || facts[contract.FactCycles] != "991234599" ||
		facts["pin"] != redact.Hidden || facts["note"] != "it was "+redact.Hidden {
		t.Errorf("%q", facts)
	}
	event = &pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Progress{Progress: &pluginv1.Progress{Phase: contract.PhaseAccepted}}}
	if conn.message(event.ProtoReflect()); event.GetProgress().GetPhase() != contract.PhaseAccepted {
		t.Errorf("%q", event.GetProgress().GetPhase())
	}
}

// TestErrorsWithoutSecrets: secrets are hidden in an error, and its class stays.
func TestErrorsWithoutSecrets(t *testing.T) {
	sent := wire.StatusError(&contract.Error{Class: contract.ClassEnvironment, Err: errors.New("no access with " + planted), Remedy: "not " + planted, After: 7e9, Stale: []string{"witness.json"}})
	conn := redacting{talker{err: sent}, redact.New(planted)}
	err := wire.FromStatusError(conn.Invoke(t.Context(), "m", nil, nil))
	classed, ok := errors.AsType[*contract.Error](err)
	if !ok || classed.Class != contract.ClassEnvironment || classed.After != 7e9 || !slices.Equal(classed.Stale, []string{"witness.json"}) ||
		classed.Err.Error() != "no access with [redacted]" || classed.Remedy != "not [redacted]" {
		t.Errorf("%+v", classed)
	}
	if err := (redacting{talker{err: io.EOF}, redact.New(planted)}).Invoke(t.Context(), "m", nil, nil); err != io.EOF {
		t.Errorf("the end of a stream became %v", err)
	}
}

// TestSecretVariables: a variable that a stage names is a secret if its name says so.
// Variables that every plugin gets are not secrets.
func TestSecretVariables(t *testing.T) {
	host := []string{"MY_TOKEN=one", "MY_PLACE=two", "db_password=three", "OTHER_KEY=four", "HF_AUTH=five=six"}
	if have := secretVariables(host, []string{"MY_*", "db_password", "HF_AUTH"}); !slices.Equal(have, []string{"one", "three", "five=six"}) {
		t.Errorf("have %q", have)
	}
}

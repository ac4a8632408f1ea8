package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	when  = time.Date(2026, 11, 22, 15, 0, 0, 123, time.UTC)
	block = contract.Block{ChainID: 1, Number: 24647140, Hash: contract.Hash{1, 31: 2}, ParentHash: contract.Hash{3},
		Time: when, GasUsed: math.MaxUint64, TxCount: 7}
	artifact = contract.Artifact{Name: "input.bin", Path: "in/input.bin", Size: 1 << 40, SHA256: [32]byte{9}, Role: "proof", Compared: true}
	ten      = uint64(10)
)

// through marshals and unmarshals, as the connection does.
func through[M proto.Message](t *testing.T, message, empty M) M {
	t.Helper()
	data, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(data, empty); err != nil {
		t.Fatal(err)
	}
	return empty
}

func same[T any](t *testing.T, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the round trip (-sent +received):\n%s", diff)
	}
}

func TestRoundTrips(t *testing.T) {
	t.Run("task", func(t *testing.T) {
		for _, want := range []contract.Task{
			{Pipeline: "p", Stage: "s", Job: block.JobID(), Attempt: 3, Block: block, Dir: "/d", Inputs: []contract.Artifact{artifact},
				Deadline: when, ResumeToken: []byte{1, 2}, Facts: map[string]string{"a": "b"}},
			{Block: contract.Block{Hash: contract.Hash{1}}},
		} {
			got, err := wire.TaskFromProto(through(t, wire.TaskToProto(want), &pluginv1.Task{}))
			same(t, want, got, err)
		}
	})
	t.Run("work event", func(t *testing.T) {
		for _, want := range []contract.WorkEvent{
			{Progress: &contract.Progress{Phase: "P", Fraction: 0.25, Note: "n", ETA: time.Minute}},
			{Progress: &contract.Progress{Fraction: 0}},
			{Progress: &contract.Progress{Fraction: -1}},
			{Resume: []byte("token")},
			{Resume: []byte{}},
			{Publish: &artifact},
			{Result: &contract.Result{}},
			{Result: &contract.Result{Outputs: []contract.Artifact{artifact}, WorkTime: time.Second, Facts: map[string]string{"a": "b"}}},
		} {
			got, err := wire.WorkEventFromProto(through(t, wire.WorkEventToProto(want), &pluginv1.WorkEvent{}))
			same(t, want, got, err)
		}
	})
	t.Run("event", func(t *testing.T) {
		for _, want := range []contract.Event{
			{ID: "i", Kind: contract.EventProved, Pipeline: "p", Stage: "s", Time: when, Block: &block,
				Facts: map[string]string{"a": "b"}, Artifacts: []contract.Artifact{artifact}, Dir: "/d", Try: 2},
			{ID: "i", Kind: contract.EventNodeDown},
		} {
			got, err := wire.EventFromProto(through(t, wire.EventToProto(want), &pluginv1.Event{}))
			same(t, want, got, err)
		}
	})
	t.Run("poll request", func(t *testing.T) {
		for _, want := range []contract.PollRequest{
			{Cursor: []byte("c"), Max: 4, Wait: time.Second,
				Selection: contract.Selection{Every: 100, ShardIndex: 1, ShardCount: 4, From: new(uint64), To: &ten}},
			{},
		} {
			got, err := wire.PollRequestFromProto(through(t, wire.PollRequestToProto(want), &pluginv1.PollRequest{}))
			same(t, want, got, err)
		}
	})
	t.Run("poll response", func(t *testing.T) {
		for _, want := range []contract.PollResponse{
			{Blocks: []contract.Block{block}, Orphaned: []contract.Hash{{7}}, NextCursor: []byte("n"), Head: 9, HeadTime: time.Unix(1_700_000_000, 0).UTC(), Done: true},
			{},
		} {
			got, err := wire.PollResponseFromProto(through(t, wire.PollResponseToProto(want), &pluginv1.PollResponse{}))
			same(t, want, got, err)
		}
	})
	t.Run("resolutions", func(t *testing.T) {
		want := []contract.Resolution{{Number: 24647140, Block: &block}, {Number: 3, Reason: "pruned"}}
		got, err := wire.ResolutionsFromProto(through(t, wire.ResolutionsToProto(want), &pluginv1.ResolveResponse{}), []uint64{24647140, 3})
		same(t, want, got, err)
	})
	t.Run("manifest", func(t *testing.T) {
		for _, kind := range contract.Kinds() {
			want := contract.Manifest{Name: "n", Version: "1.0.0", Kind: kind, Summary: "s", Schema: json.RawMessage(`{}`),
				Capabilities: []string{contract.CapabilityVerify}, Events: []contract.EventKind{contract.EventProved}}
			got, err := wire.ManifestFromProto(through(t, wire.ManifestToProto(want), &pluginv1.DescribeResponse{}))
			same(t, want, got, err)
		}
	})
	t.Run("setup", func(t *testing.T) {
		want := contract.Setup{Pipeline: "p", Stage: "s", Config: json.RawMessage(`{"a":1}`), StateDir: "/s", LogLevel: "debug"}
		same(t, want, wire.SetupFromProto(through(t, wire.SetupToProto(want), &pluginv1.ConfigureRequest{})), nil)
	})
	t.Run("traits", func(t *testing.T) {
		want := contract.Traits{MakesProof: true, Note: "n", Provides: map[string]string{"chain_id": "1"},
			Requires: map[string][]string{"input.format": {"g3", "g4"}}}
		findings := []contract.Finding{
			{Severity: contract.SeverityError, Pointer: "/a", Summary: "s", Remedy: "r"},
			{Severity: contract.SeverityWarning}, {Severity: contract.SeverityInfo},
		}
		got, gotFindings := wire.TraitsFromProto(through(t, wire.TraitsToProto(want, findings), &pluginv1.ConfigureResponse{}))
		same(t, want, got, nil)
		same(t, findings, gotFindings, nil)

		want.Note = "" // a check has none
		for _, a := range []contract.Assessment{{Findings: findings, Traits: &want}, {Traits: &contract.Traits{}}, {Findings: findings}} {
			same(t, a, wire.AssessmentFromProto(through(t, wire.AssessmentToProto(a), &pluginv1.CheckResponse{})), nil)
		}
	})
	t.Run("health", func(t *testing.T) {
		for _, state := range []contract.HealthState{contract.HealthReady, contract.HealthDegraded, contract.HealthUnavailable} {
			want := contract.Health{State: state, Detail: "d"}
			same(t, want, wire.HealthFromProto(through(t, wire.HealthToProto(want), &pluginv1.HealthResponse{})), nil)
		}
		want := contract.Health{State: contract.HealthReady, Endpoints: []contract.Endpoint{
			{Name: "0 http://a", Usable: true, Calls: 7, Failed: 2, Time: 1500 * time.Millisecond}, {Name: "1 http://b", Detail: "it is syncing"}}}
		same(t, want, wire.HealthFromProto(through(t, wire.HealthToProto(want), &pluginv1.HealthResponse{})), nil)
	})
}

// Metrics are made of what a plugin tells of its endpoints, so that it is kept within
// bounds: few of them, short texts, no name twice, and counts that make sense.
func TestEndpointsAreBounded(t *testing.T) {
	told := &pluginv1.HealthResponse{Endpoints: []*pluginv1.Endpoint{
		{Name: "a", Calls: 3, Failed: 9, Time: durationpb.New(-time.Second)},
		{Name: "a", Calls: 4}, {Calls: 5},
		{Name: strings.Repeat("n", 1000), Detail: strings.Repeat("d", 100_000), Time: &durationpb.Duration{Nanos: -1, Seconds: 1}},
	}}
	for i := range 100 {
		told.Endpoints = append(told.Endpoints, &pluginv1.Endpoint{Name: fmt.Sprint("e", i)})
	}
	got := wire.HealthFromProto(told).Endpoints
	if len(got) != contract.MaxEndpoints {
		t.Fatalf("%d endpoints", len(got))
	}
	if want := (contract.Endpoint{Name: "a", Calls: 3, Failed: 3}); got[0] != want {
		t.Errorf("%+v, want %+v", got[0], want)
	}
	if e := got[1]; len(e.Name) != contract.MaxEndpointName || len(e.Detail) != contract.MaxEndpointDetail || e.Time != 0 {
		t.Errorf("a name of %d bytes, a detail of %d, %v", len(e.Name), len(e.Detail), e.Time)
	}
}

// A tool's output must not break the stream that carries it.
func TestInvalidTextIsMended(t *testing.T) {
	event := wire.WorkEventToProto(contract.WorkEvent{Result: &contract.Result{Facts: map[string]string{"note": "a\xffb"}}})
	got, err := wire.WorkEventFromProto(through(t, event, &pluginv1.WorkEvent{}))
	if err != nil || got.Result.Facts["note"] != "a\uFFFDb" {
		t.Errorf("%+v, %v", got.Result, err)
	}
	for _, f := range []float64{math.NaN(), math.Inf(-1), 7} {
		event := wire.WorkEventToProto(contract.WorkEvent{Progress: &contract.Progress{Fraction: f}})
		if _, err := wire.WorkEventFromProto(event); err != nil {
			t.Errorf("fraction %v: %v", f, err)
		}
	}
}

func TestWhatArrivesIsChecked(t *testing.T) {
	bad := func(change func(*pluginv1.Artifact)) error {
		a := wire.ArtifactToProto(artifact)
		change(a)
		_, err := wire.ArtifactFromProto(a)
		return err
	}
	pathTo := func(p string) error { return bad(func(a *pluginv1.Artifact) { a.Path = p }) }
	nameTo := func(n string) error { return bad(func(a *pluginv1.Artifact) { a.Name = n }) }
	task := func(change func(*pluginv1.Task)) error {
		p := wire.TaskToProto(contract.Task{Block: block, Inputs: []contract.Artifact{artifact}})
		change(p)
		_, err := wire.TaskFromProto(p)
		return err
	}
	tests := map[string]error{
		"absolute path":   pathTo("/etc/passwd"),
		"path out":        pathTo("../x"),
		"path out later":  pathTo("in/../../x"),
		"path not clean":  pathTo("in//x"),
		"no path":         pathTo(""),
		"dots":            pathTo(".."),
		"backslash":       pathTo(`in\x`),
		"zero byte":       pathTo("in/\x00"),
		"name with slash": nameTo("a/b"),
		"hidden name":     nameTo(".tmp-1"),
		"no name":         nameTo(""),
		"long name":       nameTo(strings.Repeat("a", 201)),
		"short hash":      bad(func(a *pluginv1.Artifact) { a.Sha256 = a.Sha256[:31] }),
		"huge size":       bad(func(a *pluginv1.Artifact) { a.Size = math.MaxUint64 }),
		"no block":        task(func(p *pluginv1.Task) { p.Block = nil }),
		"block hash":      task(func(p *pluginv1.Task) { p.Block.Hash = nil }),
		"parent hash":     task(func(p *pluginv1.Task) { p.Block.ParentHash = []byte{1} }),
		"same input twice": task(func(p *pluginv1.Task) {
			p.Inputs = append(p.Inputs, p.Inputs[0])
		}),
	}
	_, tests["no task"] = wire.TaskFromProto(nil)
	_, tests["no event"] = wire.EventFromProto(nil)
	_, tests["no poll blocks"] = wire.PollResponseFromProto(&pluginv1.PollResponse{Blocks: []*pluginv1.Block{nil}})
	_, tests["descending blocks"] = wire.PollResponseFromProto(&pluginv1.PollResponse{
		Blocks: []*pluginv1.Block{wire.BlockToProto(&block), wire.BlockToProto(&block)}})
	_, tests["shard out of range"] = wire.PollRequestFromProto(&pluginv1.PollRequest{Selection: &pluginv1.Selection{ShardIndex: 2, ShardCount: 2}})
	_, tests["missing resolution"] = wire.ResolutionsFromProto(&pluginv1.ResolveResponse{}, []uint64{1})
	_, tests["other resolution"] = wire.ResolutionsFromProto(&pluginv1.ResolveResponse{Resolutions: []*pluginv1.Resolution{{Number: 2}}}, []uint64{1})
	_, tests["unknown kind"] = wire.ManifestFromProto(&pluginv1.DescribeResponse{Name: "n", Version: "1", ConfigSchema: []byte("{}")})
	_, tests["long token"] = wire.WorkEventFromProto(&pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Resume{
		Resume: &pluginv1.ResumeToken{Token: bytes.Repeat([]byte{1}, wire.MaxResumeToken+1)}}})
	for name, err := range tests {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	// A message of a later version within the protocol is a sign of life.
	if e, err := wire.WorkEventFromProto(&pluginv1.WorkEvent{}); err != nil || e.Progress == nil {
		t.Errorf("unknown event: %+v, %v", e, err)
	}
}

func TestErrors(t *testing.T) {
	plain := errors.New("it broke")
	tests := []struct {
		name   string
		err    error
		code   codes.Code
		class  contract.Class
		text   string
		after  time.Duration
		remedy string
	}{
		{"unmarked", plain, codes.Aborted, contract.ClassRetryable, "it broke", 0, ""},
		{"own time-out", context.DeadlineExceeded, codes.Aborted, contract.ClassRetryable, "context deadline exceeded", 0, ""},
		{"permanent", contract.Permanent(plain), codes.FailedPrecondition, contract.ClassPermanent, "it broke", 0, ""},
		{"interrupted", contract.Interrupted(plain), codes.Canceled, contract.ClassInterrupted, "it broke", 0, ""},
		{"after", contract.RetryAfter(plain, time.Minute), codes.Aborted, contract.ClassRetryable, "it broke", time.Minute, ""},
		{"environment", contract.Environment(plain, "mend it"), codes.Unavailable, contract.ClassEnvironment, "it broke (mend it)", 0, "mend it"},
		{"wrapped", fmt.Errorf("block 5: %w", contract.Environment(plain, "mend it")), codes.Unavailable, contract.ClassEnvironment,
			"block 5: it broke (mend it)", 0, "mend it"},
		{"not UTF-8", contract.Permanent(errors.New("a\xffb")), codes.FailedPrecondition, contract.ClassPermanent, "a\uFFFDb", 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			sent := wire.StatusError(test.err)
			if code := status.Code(sent); code != test.code {
				t.Errorf("code %v, want %v", code, test.code)
			}
			got, ok := errors.AsType[*contract.Error](wire.FromStatusError(sent))
			if !ok || got.Class != test.class || got.Error() != test.text || got.After != test.after || got.Remedy != test.remedy {
				t.Errorf("received %+v", got)
			}
		})
	}
	stale, ok := errors.AsType[*contract.Error](wire.FromStatusError(wire.StatusError(&contract.Error{Class: contract.ClassRetryable, Err: plain, Stale: []string{"block.json", "witness.json"}})))
	if !ok || !slices.Equal(stale.Stale, []string{"block.json", "witness.json"}) {
		t.Errorf("stale inputs arrive as %+v", stale)
	}
	if wire.StatusError(nil) != nil || wire.FromStatusError(nil) != nil {
		t.Error("nil became an error")
	}
	long := wire.FromStatusError(wire.StatusError(contract.Permanent(errors.New("start" + strings.Repeat("é", 1<<20) + "end"))))
	if text := long.Error(); len(text) > 17<<10 || !strings.HasPrefix(text, "start") || !strings.HasSuffix(text, "end") {
		t.Errorf("a long text became %d bytes", len(text))
	}
	if err := wire.FromStatusError(wire.PanicError(plain)); !wire.IsPanic(err) || contract.ClassOf(err) != contract.ClassRetryable {
		t.Errorf("panic: %v", err)
	}
}

func TestForeignErrors(t *testing.T) {
	tests := []struct {
		err  error
		want contract.Class
	}{
		{status.Error(codes.Unavailable, "connection refused"), contract.ClassInterrupted},
		{status.Error(codes.Canceled, ""), contract.ClassInterrupted},
		{status.Error(codes.DeadlineExceeded, ""), contract.ClassInterrupted},
		{status.Error(codes.Unimplemented, "unknown method"), contract.ClassPermanent},
		{status.Error(codes.ResourceExhausted, "message larger than max"), contract.ClassPermanent},
		{status.Error(codes.Internal, ""), contract.ClassRetryable},
		{context.Canceled, contract.ClassInterrupted},
		{errors.New("whatever"), contract.ClassRetryable},
		{contract.Permanent(errors.New("classed")), contract.ClassPermanent},
	}
	for _, test := range tests {
		if got := contract.ClassOf(wire.FromStatusError(test.err)); got != test.want {
			t.Errorf("%v: class %s, want %s", test.err, got, test.want)
		}
	}
}

// FuzzWorkEvent: whatever bytes a plugin sends, the host gets an event with a
// field set, or an error.
func FuzzWorkEvent(f *testing.F) {
	for _, e := range []contract.WorkEvent{{}, {Resume: []byte{}}, {Publish: &artifact}, {Result: &contract.Result{WorkTime: 1}}} {
		data, err := proto.Marshal(wire.WorkEventToProto(e))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var message pluginv1.WorkEvent
		if proto.Unmarshal(data, &message) != nil {
			return
		}
		e, err := wire.WorkEventFromProto(&message)
		if err == nil && e.Progress == nil && e.Resume == nil && e.Publish == nil && e.Result == nil {
			t.Errorf("empty event from %x", data)
		}
	})
}

// FuzzMessages: no bytes from the other side panic, and what is accepted keeps
// the promises of the contract.
func FuzzMessages(f *testing.F) {
	task := contract.Task{Block: block, Dir: "/d", Inputs: []contract.Artifact{artifact}, Deadline: when}
	event := contract.Event{ID: "i", Kind: contract.EventProved, Block: &block, Artifacts: []contract.Artifact{artifact}}
	poll := contract.PollResponse{Blocks: []contract.Block{block}, Orphaned: []contract.Hash{{7}}, NextCursor: []byte("n")}
	request := contract.PollRequest{Selection: contract.Selection{ShardIndex: 1, ShardCount: 2}, Wait: time.Second}
	for _, m := range []proto.Message{wire.TaskToProto(task), wire.EventToProto(event), wire.PollResponseToProto(poll),
		wire.PollRequestToProto(request), wire.ManifestToProto(contract.Manifest{Name: "n", Version: "1", Kind: "prover", Schema: []byte("{}")})} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	local := func(t *testing.T, artifacts []contract.Artifact) {
		for _, a := range artifacts {
			if !filepath.IsLocal(a.Path) || a.Path == "." || filepath.Base(a.Name) != a.Name || a.Size < 0 {
				t.Errorf("accepted %+v", a)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var task pluginv1.Task
		if proto.Unmarshal(data, &task) == nil {
			if got, err := wire.TaskFromProto(&task); err == nil {
				local(t, got.Inputs)
			}
		}
		var event pluginv1.Event
		if proto.Unmarshal(data, &event) == nil {
			if got, err := wire.EventFromProto(&event); err == nil {
				local(t, got.Artifacts)
			}
		}
		var poll pluginv1.PollResponse
		if proto.Unmarshal(data, &poll) == nil {
			if got, err := wire.PollResponseFromProto(&poll); err == nil {
				for i := 1; i < len(got.Blocks); i++ {
					if got.Blocks[i].Number <= got.Blocks[i-1].Number {
						t.Errorf("accepted %+v", got.Blocks)
					}
				}
			}
		}
		var request pluginv1.PollRequest
		if proto.Unmarshal(data, &request) == nil {
			if got, err := wire.PollRequestFromProto(&request); err == nil && (got.Wait < 0 || got.Max < 0) {
				t.Errorf("accepted %+v", got)
			}
		}
		var manifest pluginv1.DescribeResponse
		if proto.Unmarshal(data, &manifest) == nil {
			if got, err := wire.ManifestFromProto(&manifest); err == nil && (got.Name == "" || !json.Valid(got.Schema)) {
				t.Errorf("accepted %+v", got)
			}
		}
	})
}

package server_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/plugins/prover-ere/server"
)

// TestRecorded: the client against the recorded answers of a real server.
func TestRecorded(t *testing.T) {
	s := server.New(eretest.Replay(t)+"/", time.Second)
	ctx, none := t.Context(), func() {}
	sent := 0
	p, err := s.Prove(ctx, []byte("hello"), func() { sent++ })
	if err != nil || string(p.PublicValues) != "hello" || string(p.Container) != "PROOF:hello" || p.Report.Time != 0x133f || p.Report.Cycles != 0 || sent != 1 || !p.Reconnected {
		t.Errorf("prove-ok: %+v %v, sent %d times", p, err, sent)
	}
	if p, err := s.Prove(ctx, []byte("abc"), none); err != nil || p.Report != (server.ProveReport{Time: 0xb62, Cycles: 777}) {
		t.Errorf("prove-ok-cycles: %+v %v", p, err)
	}
	if p, err := s.Prove(ctx, nil, none); err != nil || len(p.PublicValues) != 0 || string(p.Container) != "PROOF:" {
		t.Errorf("prove-empty-stdin: %+v %v", p, err)
	}
	for input, want := range map[string]string{"err": "Prove: guest failed: exit code 1", "panic": "Prove: prove panicked"} {
		_, err := s.Prove(ctx, []byte(input), none)
		if refusal, ok := errors.AsType[*server.Refusal](err); !ok || refusal.Error() != want {
			t.Errorf("prove %s: %v", input, err)
		}
	}
	e, err := s.Execute(ctx, []byte("hello"))
	if err != nil || string(e.PublicValues) != "hello" || e.Report.Cycles != 12345 || e.Report.Regions["setup"] != 45 || e.Report.Time != 0x6ee8 {
		t.Errorf("execute-ok: %+v %v", e, err)
	}
	if _, err := s.Execute(ctx, []byte("err")); err == nil || err.Error() != "Execute: guest failed: exit code 1" {
		t.Errorf("execute-guest-error: %v", err)
	}
	if publics, err := s.Verify(ctx, []byte("PROOF:hello")); err != nil || string(publics) != "hello" {
		t.Errorf("verify-ok: %q %v", publics, err)
	}
	if _, err := s.Verify(ctx, []byte("xx")); err == nil || err.Error() != "Verify: bad proof" {
		t.Errorf("verify-bad: %v", err)
	}
	if err := s.Health(ctx); err != nil {
		t.Errorf("health: %v", err)
	}
	id, err := s.Identify(ctx)
	if err != nil || id.Ere != (server.Version{Major: 0, Minor: 16, Patch: 2}) || id.ZKVM != "double" || id.SDK != "0.0.1" || !strings.HasPrefix(string(id.ProgramVK), "ELF-BYTES-FOR-DOUBLE") {
		t.Errorf("metrics and programvk: %+v %v", id, err)
	}
}

// TestHTTPErrors: the recorded bodies of refused requests say what is wrong.
func TestHTTPErrors(t *testing.T) {
	for _, e := range eretest.Recordings(t) {
		head, body, _ := strings.Cut(string(e.Response), "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 4") || body == "" {
			continue
		}
		var got server.HTTPError
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Code == "" || got.Msg == "" || got.Code == "malformed" && !strings.Contains(got.Error(), got.Meta["error"]) {
			t.Errorf("%s: %+v %v", e.Name, got, err)
		}
	}
}

// TestOlderServer: a server before 0.11 cannot tell its guest.
func TestOlderServer(t *testing.T) {
	s := server.New(eretest.Start(t, eretest.Behaviour{Version: "0.9.1"}).URL, time.Second)
	if id, err := s.Identify(t.Context()); err != nil || id.ProgramVK != nil || id.Ere.FramesInput() {
		t.Errorf("%+v %v", id, err)
	}
}

// TestOtherService: what is no ere-server is named as such.
func TestOtherService(t *testing.T) {
	other := httptest.NewServer(nil) // 404 page not found
	defer other.Close()
	_, err := server.New(other.URL, time.Second).Identify(t.Context())
	if status, ok := errors.AsType[*server.HTTPError](err); !ok || status.Status != 404 {
		t.Errorf("%v", err)
	}
	other.Close()
	if _, err := server.New(other.URL, time.Second).Identify(t.Context()); !server.Refused(err) {
		t.Errorf("%v", err)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]server.Version{"0.16.2": {Minor: 16, Patch: 2}, "v0.9.0": {Minor: 9}, "0.17.0-rc.1": {Minor: 17}, "1.0.0": {Major: 1}} {
		if got, err := server.ParseVersion(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0.16", "a.b.c", "0.16.x", "0.16.2.1"} {
		if v, err := server.ParseVersion(text); err == nil {
			t.Errorf("%q is read as %v", text, v)
		}
	}
	if v := (server.Version{Minor: 17}); !v.Newer() || (server.Version{Minor: 16, Patch: 9}).Newer() || !(server.Version{Major: 1}).Newer() {
		t.Error("newer")
	}
}

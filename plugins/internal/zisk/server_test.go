package zisk_test

import (
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/internal/zisk"
)

func TestServerCommand(t *testing.T) {
	full := zisk.Request{Action: zisk.Prove, ELF: "g.elf", ProvingKey: "/k", Unlock: true, Port: 23200, Extra: []string{"-x", "2"}}
	emulator := zisk.Request{Action: zisk.Prove, ELF: "g.elf", Emulator: true}
	execute := zisk.Request{Action: zisk.Execute, ELF: "g.elf"}
	for _, tc := range []struct {
		version string
		request zisk.Request
		want    string
		err     string
	}{
		{"0.14.0", full, "server --port 7878 --elf g.elf --proving-key /k --aggregation --unlock-mapped-memory --asm-port 23200 -x 2", ""},
		{"0.15.0", emulator, "server --port 7878 --elf g.elf --aggregation --emulator", ""},
		{"0.15.0", execute, "", "does not execute"},
		{"0.16.1", full, "", "ZisK 0.16.1 has no server"},
		{"0.18.0", full, "", "ZisK 0.18.0 has no server"},
		{"1.0.0-beta", full, "", "ZisK 1.0.0-beta has no server"},
	} {
		v := version(t, tc.version)
		args, err := v.ServerCommand(tc.request, 7878)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %q", tc.version, err, tc.err)
			}
			continue
		}
		if got := strings.Join(args, " "); err != nil || got != tc.want || !v.HasServer() {
			t.Errorf("%s:\n got %s (%v)\nwant %s", tc.version, got, err, tc.want)
		}
	}
}

// TestServerLines reads lines as the server's logger writes them, which ends the
// level without a colon.
func TestServerLines(t *testing.T) {
	const head = "\x1b[2m2026-01-01T00:00:00.000000Z\x1b[0m \x1b[32m INFO\x1b[0m "
	if got := zisk.Text(head + ">>> GENERATING_PROOFS"); got != ">>> GENERATING_PROOFS" {
		t.Errorf("text %q", got)
	}
	var tracker zisk.Tracker
	if p, moved := tracker.Line(head + ">>> GENERATING_PROOFS"); !moved || p.Phase != "GENERATING_PROOFS" {
		t.Errorf("progress %+v", p)
	}
	if !zisk.IsReady(head + "ZisK Server waiting for requests on port 7878 for ELF 'g.elf'") {
		t.Error("the server waits")
	}
	if zisk.IsReady(head + "Received 'Status' request") {
		t.Error("the server does not wait")
	}

	var d zisk.Diagnosis
	d.Line(head + "<<< PLAN")
	if f := d.Current(); f != nil {
		t.Errorf("a failure in good output: %v", f)
	}
	const panicked = "thread '<unnamed>' panicked at server/src/handler_prove.rs:75:22:"
	if !zisk.IsPanic(panicked) || zisk.IsPanic(head+"no thread 'x' panicked at y") {
		t.Error("Panicked")
	}
	d.Line(panicked)
	d.Line(head + ">>> PLAN") // of the other stream
	d.Line("Failed to generate proof: Error generating proof: Service mo process crashed with signal: 11")
	if f := d.Current(); f == nil || f.Kind != zisk.Guest || strings.Contains(f.Summary, "exit status") || strings.Contains(f.Line, "PLAN") {
		t.Errorf("got %+v", f)
	}
}

// TestIsRequest checks which lines of the server only report requests.
func TestIsRequest(t *testing.T) {
	for line, want := range map[string]bool{
		"2025-11-20T10:00:00.000000Z  INFO Received 'status' request":                                     true,
		"2025-11-20T10:00:00.000000Z  INFO ZisK Server waiting for requests on port 7878 for ELF 'g.elf'": true,
		"2025-11-20T10:00:00.000000Z  INFO >>> GENERATING_PROOFS":                                         false,
		"": false,
	} {
		if got := zisk.IsRequest(line); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}
}

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// TestBadPipelines: all faults of a pipeline file are printed at once, with place and remedy, before anything
// is started.
func TestBadPipelines(t *testing.T) {
	t.Parallel()
	good := devchain(t)
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown plugin":           {"plugin: prover-stateless", "plugin: prover-stateles", []string{"pipeline.yaml:", "prover-stateles", "did you mean", "prover-stateless"}},
		"unknown key":              {"log: {level:", "logg: {level:", []string{"pipeline.yaml:", "logg", "log"}},
		"unknown config key":       {"format: g8", "formt: g8", []string{"pipeline.yaml:", "formt", "format"}},
		"wrong type":               {"every: 1,", "every: often,", []string{"pipeline.yaml:", "every", "whole number"}},
		"wrong type in config":     {"format: g8", "format: [g8]", []string{"pipeline.yaml:", "format"}},
		"unknown format":           {"format: g8", "format: g99", []string{"pipeline.yaml:", "format", "g8"}},
		"half an account":          {`api_key: ""`, `api_key: "secret-half-account"`, []string{"ETHPROOFS_RPC_URL"}},
		"too short a period":       {"period: 1s", "period: 1ms", []string{"period", "1s"}},
		"variable that is not set": {"period: 1s", `period: "${NO_SUCH_VARIABLE}"`, []string{"pipeline.yaml:", "NO_SUCH_VARIABLE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, swap(t, good, c.old, c.new))
			for _, command := range []string{"validate", "run"} {
				code, out, log := s.run(command)
				if code != 2 && !(command == "validate" && code == 1) {
					t.Errorf("%s: exit %d\n%s%s", command, code, out, log)
				}
				for _, want := range c.want {
					if !strings.Contains(out+log, want) {
						t.Errorf("%s does not say %q:\n%s%s", command, want, out, log)
					}
				}
				if strings.Contains(out+log, "secret-half-account") {
					t.Errorf("%s prints a secret", command)
				}
			}
			if _, err := os.Stat(s.path("data", "checkpoint.db")); err == nil {
				t.Error("a run that could not begin made a checkpoint")
			}
		})
	}
}

// TestNodeTroubles: a failing node delays a block. The reason is shown, and the block is finished when the
// node works again.
func TestNodeTroubles(t *testing.T) {
	t.Parallel()
	dir := shared(t, "data", "hoodi", "1265656")
	only := func(method string, then func(w http.ResponseWriter)) func(string, http.ResponseWriter) bool {
		return func(called string, w http.ResponseWriter) bool {
			if !strings.HasPrefix(called, method) {
				return false
			}
			then(w)
			return true
		}
	}
	hijack := func(w http.ResponseWriter) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}
	for name, c := range map[string]struct {
		trick func(string, http.ResponseWriter) bool
		want  string
	}{
		"500":                {only("", func(w http.ResponseWriter) { http.Error(w, "boom", http.StatusInternalServerError) }), "500"},
		"garbage":            {only("", func(w http.ResponseWriter) { fmt.Fprint(w, "<html>not JSON") }), "JSON"},
		"closed connections": {only("", hijack), "EOF"},
		"no debug_executionWitness": {only("debug_executionWitness", func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method debug_executionWitness does not exist/is not available"}}`)
		}), "debug"},
		"empty witness": {only("debug_executionWitness", func(w http.ResponseWriter) {
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"state":[],"codes":[],"keys":[],"headers":[]}}`)
		}), "witness"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, 560048, dir)
			n.misbehave(c.trick)
			s := newSite(t, strings.Replace(fmt.Sprintf(checked, "1265656", n.URL), "plugin: source-rpc", "plugin: source-rpc\n    retry: {max: 100, backoff: 100ms}", 1))
			p := s.start("run", "--blocks", "1")
			s.until(p, "the trouble is shown", func(snap status.Snapshot) bool {
				text, _ := json.Marshal(snap)
				return strings.Contains(string(text), c.want) || strings.Contains(p.log.String(), c.want)
			})
			n.misbehave(nil)
			if code := p.wait(); code != 0 {
				t.Errorf("exit %d after the node was mended", code)
			}
			t.Log(p.log)
		})
	}
}

// TestWrongData: a block with wrong data goes to the failed list with the reason. The next block is not
// delayed.
func TestWrongData(t *testing.T) {
	t.Parallel()
	dir, other := shared(t, "data", "hoodi", "1265656"), shared(t, "data", "hoodi", "974567")
	for name, c := range map[string]struct {
		spoil func(n *node)
		want  string
	}{
		"witness of another block": {func(n *node) { n.wits[1265656] = n.wits[974567] }, "another block"},
		"unknown transaction type": {func(n *node) {
			n.blocks[1265656] = []byte(strings.Replace(string(n.blocks[1265656]), `"type":"0x2"`, `"type":"0x7f"`, 1))
			n.blocks[1265656] = []byte(strings.Replace(string(n.blocks[1265656]), `"type": "0x2"`, `"type": "0x7f"`, 1))
		}, "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, 560048, dir, other)
			c.spoil(n)
			s := newSite(t, strings.Replace(fmt.Sprintf(checked, "1265656, 974567", n.URL), "plugin: source-rpc", "plugin: source-rpc\n    retry: {max: 1, backoff: 50ms}", 1))
			code, out, log := s.run("run", "--blocks", "2")
			if code != 1 || len(rows(out)) != 2 || !strings.Contains(out, "1 block done") {
				t.Errorf("exit %d, want 1 with one block done and one failed\n%s%s", code, out, log)
			}
			show := s.must("blocks", "show", "1265656")
			if !strings.Contains(show, "failed") || !strings.Contains(show, c.want) {
				t.Errorf("blocks show does not give the reason %q:\n%s", c.want, show)
			}
			t.Log(show)
		})
	}
}

// TestDiskFull: while the disk is full, no attempt is counted and no block is lost.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, devchain(t))
	if err := os.MkdirAll(s.path("data", "attempts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", s.path("data", "attempts")).CombinedOutput(); err != nil {
		t.Skipf("needs a small file system of its own, and may not mount one: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", s.path("data", "attempts")).Run() })
	p := s.start("run", "--blocks", "2")
	snap := s.until(p, "a stage pauses", func(snap status.Snapshot) bool {
		for _, st := range snap.Stages {
			if strings.Contains(st.Paused, "no space left") {
				return true
			}
		}
		return false
	})
	if snap.Counts.Failed > 0 {
		t.Errorf("a full disk failed %d blocks", snap.Counts.Failed)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=64m", s.path("data", "attempts")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d after room was made", code)
	}
}

func TestMissingTool(t *testing.T) {
	t.Parallel()
	s, tool, server := operator(t, proving(t), zisktest.Scenario{})
	for i, v := range s.env {
		if strings.Contains(v, tool.Dir) {
			s.env[i] = "PATH=" + os.Getenv("PATH")
		}
	}
	code, out, log := s.run("doctor")
	if code == 0 || !strings.Contains(out+log, "cargo-zisk") {
		t.Errorf("doctor: exit %d\n%s%s", code, out, log)
	}
	t.Log(out)
	p := s.start("run", "--blocks", "1")
	eventually(t, "the missing tool is named", func() bool { return strings.Contains(p.log.String(), "cargo-zisk") })
	if len(server.Writes()) > 0 && p.cmd.ProcessState != nil {
		t.Errorf("a block was announced although nothing can prove it: %v", server.Writes())
	}
}

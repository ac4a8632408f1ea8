package e2e

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
)

// The secrets of the pipeline besides EthProofs' key.
const (
	slackSecret  = "slack-path-3f0e9a77c1"
	signSecret   = "signing-secret-8d1c40b2aa"
	headerSecret = "header-secret-5b7e2f9d03"
)

// TestReportersInTrouble runs a pipeline under debug logging whose Slack never
// answers, whose webhook fails at first and whose EthProofs loses a reply. None
// of it holds up another, and no secret is left anywhere.
func TestReportersInTrouble(t *testing.T) {
	slack := hanging(t)
	var posts atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("Authorization") != "Bearer "+headerSecret || r.Header.Get("webhook-signature") == "" {
			t.Errorf("the webhook got the headers %v", r.Header)
		}
		if posts.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "your secret is ", headerSecret)
		}
	}))
	t.Cleanup(hook.Close)
	s, _, server := operator(t, proving(t)+`
  - name: slack
    plugin: reporter-slack
    config: {url: "${SLACK_WEBHOOK:-}"}
  - name: hook
    plugin: reporter-webhook
    config: {url: "${HOOK_URL}", secret: "${HOOK_SECRET}", headers: {Authorization: "Bearer ${HOOK_TOKEN}"}}
log: {level: "${LOG_LEVEL:-info}"}
`, zisktest.Scenario{PhaseMS: 1})
	server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{LoseReply: true}))
	s.env = append(s.env, "LOG_LEVEL=debug", "SLACK_WEBHOOK="+slack+"/services/"+slackSecret,
		"HOOK_URL="+hook.URL, "HOOK_SECRET="+signSecret, "HOOK_TOKEN="+headerSecret)

	p := s.start("run")
	s.until(p, "EthProofs has two proofs, one of them after a lost reply, and the webhook its events", func(status.Snapshot) bool {
		writes := strings.Join(server.Writes(), "\n")
		return strings.Count(writes, "proved") >= 3 && strings.Contains(writes, " 409") && posts.Load() > 3
	})
	monotonicWithLostReply(t, server)

	written := map[string]string{"log": p.log.String(), "output": p.out.String()}
	if !strings.Contains(written["log"], "asked EthProofs") {
		t.Error("the log is not at the level debug: nothing was tested")
	}
	listen := listenAddress(t, s)
	for _, path := range []string{"/metrics", "/health", "/api/v1/status", "/api/v1/config"} {
		written[path] = get(t, "http://"+listen+path)
	}
	for _, args := range [][]string{{"status", "--json"}, {"validate", "--json"}, {"doctor"}, {"blocks", "list"}} {
		_, out, log := s.run(args...)
		written["proofline "+strings.Join(args, " ")] = out + log
	}
	for _, pid := range tree(p.cmd.Process.Pid) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		written[fmt.Sprintf("arguments of process %d", pid)] = string(line)
	}
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGTERM) // what waits for Slack is not waited for
	p.wait()
	written["log to the end"] = p.log.String()
	files := 0
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		written[path] = string(content)
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
	for place, text := range written {
		for _, secret := range []string{ethproofstest.AlphaKey, slackSecret, signSecret, headerSecret} {
			if strings.Contains(text, secret) {
				at := strings.Index(text, secret)
				t.Errorf("%s holds the secret %s: …%q…", place, secret, text[max(0, at-120):at])
			}
		}
	}
}

// monotonicWithLostReply checks that the block whose reply was lost got 409 and
// that no phase went back.
func monotonicWithLostReply(t *testing.T, server *ethproofstest.Server) {
	t.Helper()
	rank := map[string]int{"queued": 1, "proving": 2, "proved": 3}
	reached := map[uint64]int{}
	for _, r := range server.Requests() {
		if phase := rank[r.Path[strings.LastIndexByte(r.Path, '/')+1:]]; phase > 0 {
			if phase < reached[r.Block] {
				t.Errorf("block %d went back: %v", r.Block, server.Writes())
			}
			reached[r.Block] = phase
		}
	}
	writes := server.Writes()
	lost := slices.IndexFunc(writes, func(w string) bool { return strings.HasPrefix(w, "proved") && strings.HasSuffix(w, " lost") })
	if lost < 0 || !slices.Contains(writes[lost:], strings.Replace(writes[lost], "lost", "409", 1)) {
		t.Errorf("a lost reply must be followed by 409: %v", writes)
	}
}

// hanging is a server that takes connections and never answers.
func hanging(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// get reads a page of the monitor; one that does not exist is empty.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return body.String()
}

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/plugins/reporter-notify/cloudevent"
	"github.com/proofline/proofline/sdk/contract"
)

// The secrets of the pipeline besides EthProofs' key.
const (
	slackSecret  = "slack-path-3f0e9a77c1"
	signSecret   = "signing-secret-8d1c40b2aa"
	headerSecret = "header-secret-5b7e2f9d03"
)

// TestReportersInTrouble runs a pipeline with debug logging whose Slack never responds,
// whose webhook fails at first, and whose EthProofs loses a response. No reporter delays
// another one, and no secret is left anywhere.
func TestReportersInTrouble(t *testing.T) {
	t.Parallel()
	slack := hanging(t)
	var posts atomic.Int64
	var accepted sync.Map // by block number
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event cloudevent.Event
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Errorf("the webhook got no JSON: %v", err)
		}
		if event.Data.Kind == contract.EventAccepted {
			accepted.Store(event.Data.Block.Number, event.Data.Facts)
		}
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
	s.until(p, "EthProofs has two proofs, one of them after a lost reply, and the webhook hears of both", func(status.Snapshot) bool {
		writes := strings.Join(server.Writes(), "\n")
		heard, before := 0, false
		accepted.Range(func(_, answer any) bool {
			heard++
			before = before || answer.(map[string]string)[contract.FactOutcome] == contract.OutcomeAcceptedBefore
			return true
		})
		return strings.Count(writes, "proved") >= 3 && strings.Contains(writes, " 409") && posts.Load() > 3 && heard >= 2 && before
	})
	lost := monotonicWithLostReply(t, server)
	outcomes := map[string]int{}
	accepted.Range(func(number, answer any) bool {
		facts := answer.(map[string]string)
		outcomes[facts[contract.FactOutcome]]++
		want := contract.OutcomeAccepted
		if number == lost {
			want = contract.OutcomeAcceptedBefore
		}
		if facts[contract.FactOutcome] != want || facts[contract.FactReporter] != "ethproofs" || facts[contract.FactProvingTimeMS] == "" {
			t.Errorf("block %d is accepted with the facts %v", number, facts)
		}
		if show := s.must("blocks", "show", fmt.Sprint(number)); !strings.Contains(show, want+", cluster_version 1") {
			t.Errorf("blocks show does not say %q:\n%s", want, show)
		}
		return true
	})
	if outcomes[contract.OutcomeAccepted] == 0 || outcomes[contract.OutcomeAcceptedBefore] != 1 {
		t.Errorf("outcomes %v, want one block accepted by an earlier try", outcomes)
	}

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

// TestLastProofIsToldBeforeTheEnd: a limited run ends after the other reporters have
// received that its last proof was accepted, whatever their order in the pipeline file.
func TestLastProofIsToldBeforeTheEnd(t *testing.T) {
	t.Parallel()
	s, _, server := operator(t, swap(t, proving(t), "  - name: ethproofs\n", `  - name: hook
    plugin: reporter-webhook
    config: {command: [sh, -c, "sleep 1; cat >> \"$0\"", "${EVENTS}"], events: [accepted]}
  - name: ethproofs
`), zisktest.Scenario{PhaseMS: 1})
	server.Inject(ethproofstest.Once("/proved", ethproofstest.Fault{Latency: 2 * time.Second}))
	s.env = append(s.env, "EVENTS="+s.path("events"))
	if code, out, log := s.run("run", "--blocks", "1"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, log)
	}
	content, err := os.ReadFile(s.path("events"))
	var event cloudevent.Event
	if err == nil {
		err = json.Unmarshal(content, &event)
	}
	if err != nil || event.Data.Kind != contract.EventAccepted || event.Data.Facts[contract.FactReporter] != "ethproofs" {
		t.Errorf("the hook has heard %q (%v), want that ethproofs has the proof", content, err)
	}
}

// monotonicWithLostReply checks that the block whose response was lost got code 409 later,
// and that no phase went back. It returns the block's number.
func monotonicWithLostReply(t *testing.T, server *ethproofstest.Server) uint64 {
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
		t.Fatalf("a lost reply must be followed by 409: %v", writes)
	}
	number, err := strconv.ParseUint(strings.Fields(writes[lost])[1], 10, 64)
	if err != nil {
		t.Fatalf("%q: %v", writes[lost], err)
	}
	return number
}

// hanging is a server that accepts connections and never responds.
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

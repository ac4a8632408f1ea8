package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// The planted secrets. None of them occurs anywhere by chance.
const (
	nodeKey      = "k3y-in-the-path/of a node"
	nodeUser     = "0perator-of-it"
	nodePassword = "pa55&w+rd/of=a node"
	hookToken    = "h00k-t0ken/with a blank"
	ownPassword  = "hunter2/of the+plugin"
	ownToken     = "t0ken?of&the=environment"
)

// forms returns the forms in which a secret is searched.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	list := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`), strings.ReplaceAll(secret, "/", `\/`)}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		list = append(list, e.EncodeToString([]byte(secret)))
	}
	return list
}

// echo returns the content of a request, raw and decompressed, and the server's secrets in
// every form.
func echo(r *http.Request, given ...string) string {
	user, password, _ := r.BasicAuth()
	said := []string{r.URL.String(), r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), user, password, user + ":" + password}
	for _, secret := range given {
		said = append(said, forms(secret)...)
	}
	return strings.Join(said, " and ")
}

// echoing wraps a server. Its first response to each kind of request is an error that
// contains the request, and all its responses have a header that does.
func echoing(t *testing.T, next http.Handler, fault func(w http.ResponseWriter, body []byte, said string), given ...string) *url.URL {
	var mu sync.Mutex
	seen := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var call struct{ Method string }
		_ = json.Unmarshal(body, &call)
		mu.Lock()
		seen[r.URL.Path+call.Method]++
		n := seen[r.URL.Path+call.Method]
		mu.Unlock()
		said := echo(r, given...)
		w.Header().Set("X-Echo", said)
		if n%4 == 2 {
			fault(w, body, said)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

const secretsPipeline = `
version: 1
name: secrets
log: {level: debug}
monitor: {listen: "LISTEN"}
select: {blocks: [1, 2, 3, 4, 5], order: oldest_first, drop_after: 0s}
plugins: {dirs: [plugins]}
stages:
  - {name: source, plugin: source-rpc, retry: {max: 20, backoff: 50ms}, config: {endpoints: ["${NODE_ONE}", "${NODE_TWO}"], poll: 200ms}}
  - {name: input, plugin: builder-ethrex, config: {format: g8, framing: raw, network: hoodi}}
  - name: hostile
    plugin: prover-hostile
    needs: [input]
    env: [HOSTILE_TOKEN]
    retry: {max: 1, backoff: 50ms}
    config: {password: "${HOSTILE_PASSWORD}", gossip: true, blocks: {"2": tell, "3": tell and fail, "4": tell and panic once, "5": tell and pause once}}
  - name: prove
    plugin: prover-zisk
    needs: [input, hostile]
    config: {elf: "${ELF_PATH}", %s}
  - {name: ethproofs, plugin: reporter-ethproofs, config: {url: "${ETHPROOFS_RPC_URL}", api_key: "${ETHPROOFS_API_KEY}", cluster_id: "${ETHPROOFS_CLUSTER_ID}", accept_test_proofs: true, pace: 6000}}
  - {name: hook, plugin: reporter-notify, config: {to: webhook, url: "${HOOK}", timeout: 5s}}
`

// TestSecretsStayInside: a node, EthProofs, a webhook and a plugin return every secret that
// they have received, in every text. No secret appears in what the host writes or returns:
// log, checkpoint, attempts, output, bundle, every route of the monitor, every command that
// prints something, the list of processes.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	dirs := []string{}
	for n := 1; n <= 5; n++ {
		dirs = append(dirs, witnesstest.Geth(t, n))
	}
	s, _, site := operator(t, fmt.Sprintf(secretsPipeline, locks(t)), zisktest.Scenario{Seconds: 1})
	hostile, err := buildHostile()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("plugins"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(hostile, s.path("plugins", filepath.Base(hostile))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"NODE_ONE", "NODE_TWO"} {
		u := echoing(t, newNode(t, 560048, dirs...), func(w http.ResponseWriter, body []byte, said string) {
			var call struct{ ID json.RawMessage }
			_ = json.Unmarshal(body, &call)
			text, _ := json.Marshal(said)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":%s,"data":{"url":%[2]s}}}`, call.ID, text)
		}, nodeKey, nodeUser, nodePassword, nodeUser+":"+nodePassword)
		u.User, u.Path, u.RawQuery = url.UserPassword(nodeUser, nodePassword), "/v3/"+nodeKey, "apikey="+url.QueryEscape(nodeKey)
		s.env = append(s.env, name+"="+u.String())
	}
	account := echoing(t, site, func(w http.ResponseWriter, _ []byte, said string) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"error":"maintenance","message":%q}`, said)
	}, ethproofstest.AlphaKey)
	hook := echoing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, echo(r, hookToken)) }), func(w http.ResponseWriter, _ []byte, said string) {
		http.Error(w, said, http.StatusBadGateway)
	}, hookToken)
	hook.Path = "/services/" + hookToken
	s.env = append(s.env, "ETHPROOFS_RPC_URL="+account.String()+ethproofstest.Base, "HOOK="+hook.String(), "HOSTILE_PASSWORD="+ownPassword, "HOSTILE_TOKEN="+ownToken)

	planted := []string{}
	for _, secret := range []string{nodeKey, nodeUser, nodePassword, nodeUser + ":" + nodePassword, ethproofstest.AlphaKey, hookToken, ownPassword, ownToken} {
		planted = append(planted, forms(secret)...)
	}
	slices.Sort(planted)
	planted = slices.Compact(planted)
	searched := 0
	search := func(place, text string) {
		searched += len(text)
		for _, form := range planted {
			if i := strings.Index(text, form); i >= 0 {
				t.Errorf("%s holds %q: …%.200s", place, form, text[max(0, i-100):])
			}
		}
	}

	doctor := s.start("doctor")
	doctor.wait()
	search("doctor", doctor.out.String()+doctor.log.String())
	p := s.start("run")
	ready := func(snap status.Snapshot) bool {
		return snap.Counts.Done+snap.Counts.Failed == 5 && snap.Counts.Failed == 1
	}
	s.until(p, "four blocks are done and one has failed", ready)
	eventually(t, "EthProofs has four proofs", func() bool {
		return len(slices.DeleteFunc(site.Writes(), func(w string) bool { return !strings.HasPrefix(w, "proved ") || !strings.HasSuffix(w, " 200") })) == 4
	})
	for _, pid := range tree(p.cmd.Process.Pid) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		search(fmt.Sprintf("the command line of process %d", pid), string(line))
	}
	// both nodes have answered some calls and failed some, and so has EthProofs
	counted := regexp.MustCompile(`(?m)^proofline_endpoint_errors_total\{endpoint="(0 http|1 http|http)[^"]*",stage="(source|ethproofs)"\} [1-9]`)
	eventually(t, "the metrics count calls to the endpoints", func() bool {
		answer, err := http.Get("http://" + listenAddress(t, s) + "/metrics")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return len(counted.FindAll(text, -1)) == 3
	})
	for route, text := range everyRoute(t, s, 3) {
		search("GET "+route, text)
	}
	bundle := bundleOf(t, s, 3, "running.tar.gz")
	commands := [][]string{{"status"}, {"status", "--json"}, {"blocks", "list"}, {"blocks", "list", "--json"}, {"blocks", "logs", "3"}, {"score"}, {"plugins", "list"}, {"validate"}}
	for n := 1; n <= 5; n++ {
		commands = append(commands, []string{"blocks", "show", fmt.Sprint(n)}, []string{"blocks", "show", "--json", fmt.Sprint(n)})
	}
	for _, command := range commands {
		_, out, log := s.run(command...)
		search(strings.Join(command, " "), out+log)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	search("the output", p.out.String())
	search("the log", p.log.String())
	for name, text := range bundle {
		search("the bundle's "+name, text)
	}
	for _, dir := range []string{"data", "output"} {
		err := filepath.WalkDir(s.path(dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			search(path, string(text))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	// The echoes have arrived: otherwise nothing was tested.
	for _, want := range []string{"no luck with [redacted]", "panic: [redacted]", "entry [redacted]", "not now: [redacted]", `"key": "[redacted]"`} {
		if !strings.Contains(p.log.String(), want) && !strings.Contains(s.must("blocks", "show", "--json", "2"), want) {
			t.Errorf("%q is nowhere", want)
		}
	}
	for stage, want := range map[string]string{"source": "[redacted]", "ethproofs": "maintenance", "hook": "502"} {
		if !regexp.MustCompile(`stage=` + stage + ` .*` + regexp.QuoteMeta(want)).MatchString(p.log.String()) {
			t.Errorf("the log of stage %s shows no %q", stage, want)
		}
	}
	t.Logf("%d forms of the secrets, %d bytes searched", len(planted), searched)
}

// everyRoute reads every route of the monitor, those of a block for this number; of
// the stream of events what comes within a second.
func everyRoute(t *testing.T, s *site, number int) map[string]string {
	t.Helper()
	client := &http.Client{Timeout: patience}
	get := func(route string) string {
		answer, err := client.Get("http://" + listenAddress(t, s) + route)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if strings.HasSuffix(route, "/events") {
			stop := time.AfterFunc(time.Second, func() { answer.Body.Close() })
			defer stop.Stop()
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil && !strings.HasSuffix(route, "/events") {
			t.Errorf("GET %s: %v", route, err)
		}
		return fmt.Sprint(answer.Header) + string(text)
	}
	var api struct{ Paths map[string]any }
	text := get("/api/v1/openapi.json")
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &api); err != nil || len(api.Paths) < 20 {
		t.Fatalf("%d routes, %v", len(api.Paths), err)
	}
	var jobs []status.Job
	if err := json.Unmarshal([]byte(s.must("blocks", "show", "--json", fmt.Sprint(number))), &jobs); err != nil || len(jobs) != 1 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	fill := strings.NewReplacer("{number}", fmt.Sprint(number), "{job}", jobs[0].ID, "{stage}", "hostile", "{attempt}", "1")
	answers := map[string]string{"/": get("/"), "/metrics": get("/metrics"), "/block/3": get(fmt.Sprintf("/block/%d", number)), "/docs/reference": get("/docs/reference")}
	for route := range api.Paths {
		answers[route] = get(fill.Replace(route))
	}
	return answers
}

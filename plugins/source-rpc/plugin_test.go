package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// decode reads a config block as the host would.
func decode(t *testing.T, text string) (Config, []sdk.Finding) {
	t.Helper()
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	findings := s.Decode([]byte(text), &cfg)
	if len(findings) == 0 {
		findings = cfg.Validate()
	}
	return cfg, findings
}

func TestConfig(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a URL", `{"endpoints":["http://localhost:8545"]}`, ""},
		{"a map", `{"endpoints":[{"url":"https://u:p@host/key","ws":"wss://host/key","weight":2,"roles":["head"],"headers":{"X-Key":"k"}},"http://b"]}`, ""},
		{"nothing", `{}`, "/endpoints"},
		{"empty list", `{"endpoints":[]}`, "/endpoints"},
		{"empty variable", `{"endpoints":[""]}`, "the endpoint has no URL; is the variable set?"},
		{"no URL", `{"endpoints":["localhost:8545"]}`, "want http://host[:port][/path]"},
		{"WebSocket as URL", `{"endpoints":["ws://localhost:8546"]}`, "want http://host[:port][/path]"},
		{"HTTP as WebSocket", `{"endpoints":[{"url":"http://a","ws":"http://a"}]}`, "ws: want ws://host[:port][/path]"},
		{"unknown role", `{"endpoints":[{"url":"http://a","roles":["proof"]}]}`, `unknown role "proof"`},
		{"unknown key", `{"endpoints":[{"url":"http://a","wss":"x"}]}`, `unknown field "wss"`},
		{"wrong type", `{"endpoints":[{"url":"http://a","weight":"heavy"}]}`, "weight: want a float64, got a string"},
		{"no witness", `{"endpoints":[{"url":"http://a","roles":["head"]}]}`, "no endpoint has the role witness"},
		{"twice", `{"endpoints":["http://a/s3cret","http://a/s3cret"]}`, "the endpoint http://a/… is listed twice"},
		{"too fast", `{"endpoints":["http://a"],"poll":"1ms"}`, "/poll"},
		{"white space around it", `{"endpoints":[" http://a:8545/s3cret\r\n",{"url":"http://b\n","ws":"\tws://b ","headers":{"X-Key":"s3cret-k\n"}}],"headers":{"A":"s3cret-v\r"}}`, ""},
		{"a carriage return inside", `{"endpoints":["http://a\r/s3cret"]}`, "url holds a control character, carriage return (U+000D), at place 9"},
		{"a line feed in a header", `{"endpoints":[{"url":"http://a","headers":{"X-Key":"s3cr\net"}}]}`, "the header X-Key holds a control character, line feed (U+000A), at place 5"},
		{"a null in a header of all", `{"endpoints":["http://a"],"headers":{"X-Key":"s3cr\u0000et"}}`, "the header X-Key holds a control character, NUL (U+0000)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, findings := decode(t, c.text)
			text := fmt.Sprint(findings)
			if c.want == "" && len(findings) > 0 || !strings.Contains(text, c.want) || strings.Contains(text, "s3cret") {
				t.Errorf("got %v, want %q", text, c.want)
			}
		})
	}
	cfg, _ := decode(t, `{"endpoints":[{"url":"https://u:p@host/key","headers":{"A":"1"}}],"headers":{"A":"0","B":"2"},"timeout":"3s"}`)
	e := cfg.endpoints()[0]
	if e.Options.Header.Get("A") != "1" || e.Options.Header.Get("B") != "2" || e.Options.Timeout.Seconds() != 3 || e.NoHead || e.NoWitness {
		t.Errorf("endpoint %+v", e)
	}
	if cfg.Provides() != nil || fmt.Sprint((&Config{ChainID: 5}).Provides()) != "map[chain_id:5]" {
		t.Errorf("provides %v", (&Config{ChainID: 5}).Provides())
	}
	if shown, _ := json.Marshal(cfg); strings.Contains(string(shown), "u:p@host") {
		t.Errorf("the URL prints: %s", shown)
	}
}

func TestCheck(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := func(set func(*ethnodetest.Node)) string {
		n := ethnodetest.Start(t, chain)
		if set != nil {
			n.Set(set)
		}
		return fmt.Sprintf(`{"url":%q,"ws":%q}`, n.URL, n.WS)
	}
	good := node(nil)
	other := ethnodetest.NewChain(10)
	other.ID = 1
	for _, c := range []struct {
		name, endpoints string
		severity        sdk.Severity
		want            string
	}{
		{"good", good, sdk.SeverityWarning, "its head 10 is"}, // the made-up chain is old
		{"good", good, sdk.SeverityInfo, "ethnodetest/v1, chain 1337, head 10, witness of"},
		{"down", `"http://127.0.0.1:1/s3cret"`, sdk.SeverityError, "is the node running"},
		{"one of two is down", good + `,"http://127.0.0.1:1"`, sdk.SeverityWarning, "is the node running"},
		{"syncing", node(func(n *ethnodetest.Node) { n.Syncing = true }), sdk.SeverityError, "the node is syncing, 254 blocks behind"},
		{"no debug", node(func(n *ethnodetest.Node) { n.NoDebug = true }), sdk.SeverityError, "enable the debug namespace"},
		{"another chain", good + fmt.Sprintf(`,%q`, ethnodetest.Start(t, other).URL), sdk.SeverityWarning, "serves chain 1, but most endpoints serve chain 1337"},
		{"no WebSocket", fmt.Sprintf(`{"url":%q,"ws":"ws://127.0.0.1:1/s3cret"}`, ethnodetest.Start(t, chain).URL), sdk.SeverityWarning, "no newHeads over ws://127.0.0.1:1/…"},
		{"unauthorized", node(func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, _ *http.Request, _ ethnodetest.Call) bool {
				http.Error(w, "", http.StatusUnauthorized)
				return true
			}
		}), sdk.SeverityError, "credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, findings := decode(t, `{"endpoints":[`+c.endpoints+`]}`)
			if len(findings) > 0 {
				t.Fatal(findings)
			}
			found := false
			for _, f := range cfg.Check(t.Context()) {
				found = found || f.Severity == c.severity && strings.Contains(f.String(), c.want)
				if strings.Contains(f.String(), "s3cret") {
					t.Errorf("a finding holds the key: %v", f)
				}
			}
			if !found {
				t.Errorf("want %s: %s; got %v", c.severity, c.want, cfg.Check(t.Context()))
			}
		})
	}
}

func TestSource(t *testing.T) {
	chain := ethnodetest.NewChain(10)
	node := ethnodetest.Start(t, chain)
	cfg, _ := decode(t, fmt.Sprintf(`{"endpoints":[%q],"poll":"50ms","max_head_age":"0s"}`, node.URL))
	s, err := open(t.Context(), cfg, sdk.Env{Pipeline: "p", Stage: "source", StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	resp, err := s.Poll(t.Context(), contract.PollRequest{Selection: contract.Selection{Every: 1}, Max: 5})
	if err != nil || len(resp.Blocks) != 1 {
		t.Fatalf("%+v, %v", resp, err)
	}
	if want := "follows " + node.URL + ": looking every 50ms"; s.Note() != want {
		t.Errorf("note %q, want %q", s.Note(), want)
	}
	if h := s.Health(t.Context()); h.State != contract.HealthReady {
		t.Errorf("health %+v", h)
	}
	old, _ := decode(t, fmt.Sprintf(`{"endpoints":[%q]}`, node.URL)) // the made-up chain is of 2023
	aged, err := open(t.Context(), old, sdk.Env{Pipeline: "p", Stage: "source", StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer aged.Close()
	if h := aged.Health(t.Context()); h.State != contract.HealthReady || !strings.Contains(h.Detail, "is the consensus client running") {
		t.Errorf("health of an old head %+v", h)
	}
	dir := t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	task, err := sdk.OpenTask(contract.Task{Job: resp.Blocks[0].JobID(), Block: resp.Blocks[0], Dir: dir}, slog.New(slog.DiscardHandler), func(contract.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer task.Close()
	if result, err := s.Fetch(t.Context(), task); err != nil || len(result.Outputs) != 2 {
		t.Errorf("%+v, %v", result, err)
	}
}

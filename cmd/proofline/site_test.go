package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/sdk/contract"
)

// missing returns the record of ten blocks. The last two were announced and are not proved.
func missing() score.Record {
	r := score.Record{Pipeline: "mainnet", Targets: contract.Selection{Every: 1}}
	for i := range 10 {
		b := score.Block{Number: uint64(100 + i), Time: time.Now().Add(-time.Hour), Announced: true, ProvingMS: 5_000}
		if i < 8 {
			b.Report = score.Accepted
		}
		r.Blocks = append(r.Blocks, b)
	}
	return r
}

// TestScoreBySite: the site does not count one of the two blocks without a proof. Its
// responses are recordings of GET /blocks.
func TestScoreBySite(t *testing.T) {
	hosted(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v0/blocks/108":
			fmt.Fprintf(w, `{"block_number":108,"timestamp":%q,"gas_used":1,"transaction_count":1,"hash":"0xab","created_at":"2026-11-25T11:00:20.000Z"}`,
				time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"))
		case "/api/v0/blocks/109":
			http.Error(w, "Block not found", http.StatusNotFound)
		default:
			t.Errorf("asked of %s", r.URL.Path)
		}
	}))
	t.Cleanup(site.Close)
	for _, c := range []struct {
		line string
		code int
		says []string
	}{
		{"score --site-url " + site.URL, 0, []string{"88.89% (8)", "11.11% (1)", "EthProofs was asked of 2 blocks"}},
		{"score --most 1 --site-url " + site.URL, 0, []string{"88.89% (8)", "EthProofs was asked of 1 blocks"}}, // the newest
		{"score --most 0 --site-url " + site.URL, 0, []string{"80.00% (8)", "EthProofs was asked of 0 blocks"}},
		{"score --site", exitConfig, []string{"the list of stages is empty"}},
		{"score --site-url ethproofs", exitEnvironment, []string{"no http or https URL"}},
	} {
		code, stdout, stderr := execute(t, strings.Fields(c.line)...)
		for _, says := range c.says {
			if code != c.code || !strings.Contains(stdout+stderr, says) {
				t.Errorf("%s: exit code %d, %s%s; want %d, %q", c.line, code, stdout, stderr, c.code, says)
			}
		}
	}
	site.Close()
	if code, stdout, stderr := execute(t, "score", "--site-url", site.URL); code != 0 || !strings.Contains(stderr, "not asked of every block (0 of 2)") || !strings.Contains(stdout, "80.00% (8)") {
		t.Errorf("a site that is away: %d %s%s", code, stdout, stderr)
	}
}

// TestSiteOfTheReporters: the facts of the reporters name the site to query. The reporters'
// own command returns the verdicts of the site.
func TestSiteOfTheReporters(t *testing.T) {
	workplace(t, "127.0.0.1:0")
	t.Setenv("URL_OF_TEST", "http://node")
	reporter := func(site, answer string) {
		t.Helper()
		facts := `{}`
		if site != "" {
			facts = fmt.Sprintf(`{"reporter.site": %q, "reporter.verify_stored": "look"}`, site)
		}
		text := fmt.Sprintf(`#!/bin/sh
case "$1" in
describe) echo '{"name":"reporter-test","version":"0.1.0","kind":"reporter","summary":"a test","config_schema":{"type":"object"}}' ;;
validate) echo '{"findings": [], "traits": {"provides": %s}}' ;;
look) test "$2 $3 $4 $5" = "--config - --json 24000100" && test "$(cat)" = '{"key":"secret"}' || exit 2; %s ;;
*) exit 2 ;;
esac
`, facts, answer)
		if err := os.WriteFile("plugins/reporter-test", []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("pipeline.yaml")
	if err == nil {
		err = os.WriteFile("pipeline.yaml", []byte(strings.Replace(string(text), "plugin: reporter-test}", `plugin: reporter-test, config: {key: secret}}`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		site, answer string
		line         string
		code         int
		says         string
	}{
		{"", "", "score --site", exitConfig, "no reporter of pipeline.yaml names a site"},
		{"http://127.0.0.1:1/api/v0", "", "score --site", 0, "EthProofs was asked of 0 blocks"}, // the pipeline has never run
		{"", "", "verify --site 24000100", exitEnvironment, "no reporter of the pipeline sends to a site with a verifier"},
		{"http://x", `echo '[{"proof":"7","valid":true,"took_ms":12.5}]'`, "verify --site 24000100", 0, "report: proof 7 is verified (12 ms)\n"},
		{"http://x", `echo '[{"proof":"7","valid":true},{"proof":"8","valid":false,"reason":"wrong key"}]'`, "verify --site 24000100", exitRuntime, "report: proof 8 is refused: wrong key\n"},
		{"http://x", `echo '[{"proof":"7","valid":null,"reason":"no verifier"}]'`, "verify --site 24000100", exitEnvironment, "report: proof 7 cannot be verified there: no verifier\n"},
		{"http://x", `echo 'there is no proof of it' >&2; exit 1`, "verify --site 24000100", exitEnvironment, "report: there is no proof of it"},
		{"http://x", `echo '[{"proof":"7","valid":true}]'`, "verify --site --json 24000100", 0, `"reporter": "report",`},
		{"http://x", "", "verify --site proof.bin", exitConfig, "proof.bin"},
	} {
		reporter(c.site, c.answer)
		code, stdout, stderr := execute(t, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%s with %q: exit code %d, %s%s; want %d, %q", c.line, c.answer, code, stdout, stderr, c.code, c.says)
		}
	}
}

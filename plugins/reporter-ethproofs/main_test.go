package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofstest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// decode reads a config block as the SDK does.
func decode(t *testing.T, block string) (Config, []sdk.Finding) {
	t.Helper()
	s, err := schema.For[Config]()
	if err != nil {
		t.Fatal(err)
	}
	var config Config
	findings := s.Decode([]byte(block), &config)
	if len(findings) == 0 {
		findings = config.Validate()
	}
	return config, findings
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name, block string
		dry         bool
		says        []string // one per finding
	}{
		{"nothing", `{}`, true, nil},
		{"unset variables", `{"url":"","api_key":"","cluster_id":""}`, true, nil},
		{"all", `{"url":"https://ethproofs.org","api_key":"k","cluster_id":"1"}`, false, nil},
		{"number", `{"url":"https://ethproofs.org/api/v0/","api_key":"k","cluster_id":2}`, false, nil},
		{"no key, no cluster", `{"url":"https://ethproofs.org","api_key":"","cluster_id":""}`, false,
			[]string{"/api_key: api_key is not set, but others of url, api_key and cluster_id are (set ETHPROOFS_API_KEY", "/cluster_id: cluster_id is not set"}},
		{"no url", `{"api_key":"k","cluster_id":1}`, false, []string{"set ETHPROOFS_RPC_URL, or none of the three for a dry run"}},
		{"dry on purpose", `{"cluster_id":1,"dry_run":true}`, true, nil},
		{"no scheme", `{"url":"ethproofs.org","api_key":"k","cluster_id":1}`, false, []string{"must begin with https://"}},
		{"clear", `{"url":"http://ethproofs.org","api_key":"k","cluster_id":1}`, false, []string{"warning: config/url: the key travels unencrypted"}},
		{"cluster 0", `{"cluster_id":0}`, true, []string{"less than the minimum of 1"}},
		{"cluster of words", `{"cluster_id":"one"}`, true, []string{"want a whole number"}},
		{"too fast", `{"pace":6001}`, true, []string{"more than the maximum of 6000"}},
	} {
		config, findings := decode(t, c.block)
		if len(findings) != len(c.says) {
			t.Errorf("%s: findings %v, want %d", c.name, findings, len(c.says))
			continue
		}
		for i, says := range c.says {
			if !strings.Contains(findings[i].String(), says) {
				t.Errorf("%s: %q does not say %q", c.name, findings[i], says)
			}
		}
		if config.isDryRun() != c.dry {
			t.Errorf("%s: dry run %t, want %t", c.name, config.isDryRun(), c.dry)
		}
	}
}

// TestProvides: what the host compares. The same cluster of one key is one place,
// however the URL is written; nothing tells the key.
func TestProvides(t *testing.T) {
	full := Config{URL: "https://ethproofs.org", APIKey: sdk.NewSecret(ethproofstest.AlphaKey), Cluster: 1, Pace: 50}
	facts := full.Provides()
	if facts[contract.TraitOneProver] != "true" || facts[contract.TraitSite] != ethproofs.Production || facts[contract.TraitLimit] != "60" ||
		facts[contract.TraitVerifyStored] != "verify-stored" || strings.Contains(fmt.Sprint(facts), ethproofstest.AlphaKey) {
		t.Errorf("%v", facts)
	}
	for name, change := range map[string]struct {
		change                 func(*Config)
		sameAccount, samePlace bool
	}{
		"written otherwise": {func(c *Config) {
			c.URL, c.APIKey = ethproofs.Production+"/", sdk.NewSecret(ethproofstest.AlphaKey+"\n")
		}, true, true},
		"another cluster": {func(c *Config) { c.Cluster = 2 }, true, false},
		"another key":     {func(c *Config) { c.APIKey = sdk.NewSecret(ethproofstest.BetaKey) }, false, false},
		"another server":  {func(c *Config) { c.URL = "https://staging--ethproofs.netlify.app" }, false, false},
		"dry run":         {func(c *Config) { c.DryRun = true }, false, false},
		"nothing":         {func(c *Config) { *c = Config{} }, false, false},
	} {
		other := full
		change.change(&other)
		got := other.Provides()
		if got[contract.TraitOneProver] != "true" || (got[contract.TraitAccount] == facts[contract.TraitAccount]) != change.sameAccount ||
			(got[contract.TraitDestination] == facts[contract.TraitDestination]) != change.samePlace {
			t.Errorf("%s: %v beside %v", name, got, facts)
		}
	}
	full.Pace = 600 // an exempted key
	if limit, has := full.Provides()[contract.TraitLimit]; has {
		t.Errorf("a key without a limit has one of %s", limit)
	}
}

func TestBurstKeepsTheServersLimit(t *testing.T) {
	for pace := 1; pace <= 59; pace++ {
		if b := burst(pace); b < 1 || b+pace > 60 {
			t.Errorf("pace %d has a burst of %d", pace, b)
		}
	}
}

func TestCheck(t *testing.T) {
	server := ethproofstest.Start(t)
	for _, c := range []struct {
		name, key string
		cluster   int
		url       string
		says      string
	}{
		{"good", ethproofstest.AlphaKey, 1, server.URL, `info: config/cluster_id: the key is valid; cluster 1 is "alpha-01", version 1`},
		{"wrong key", "nope", 1, server.URL, "error: config/api_key: the server refuses the key"},
		{"unknown cluster", ethproofstest.AlphaKey, 9, server.URL, "to one of: 1 (alpha-01)"},
		{"wrong path", ethproofstest.AlphaKey, 1, server.URL + "/nowhere", "there is no EthProofs API"},
		{"nobody there", ethproofstest.AlphaKey, 1, "http://127.0.0.1:1", "cannot be asked"},
	} {
		config := Config{URL: c.url, APIKey: sdk.NewSecret(c.key), Cluster: c.cluster, Timeout: sdk.Duration(5 * time.Second)}
		findings := config.Check(t.Context())
		if len(findings) != 1 || !strings.Contains(findings[0].String(), c.says) || strings.Contains(findings[0].String(), ethproofstest.AlphaKey) {
			t.Errorf("%s: %v, want one that says %q", c.name, findings, c.says)
		}
	}
	if findings := (Config{}).Check(t.Context()); len(findings) != 1 || findings[0].Severity != sdk.SeverityWarning {
		t.Errorf("dry run: %v", findings)
	}
}

// run is one opened reporter with everything it wrote.
type run struct {
	t         *testing.T
	reporter  *reporter
	dir       string
	logs      bytes.Buffer
	published []string
	before    func() // called at every publish
}

func start(t *testing.T, config Config) *run {
	t.Helper()
	r := &run{t: t, dir: t.TempDir(), before: func() {}}
	state := filepath.Join(r.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reporter, err := open(t.Context(), config, sdk.Env{Pipeline: "test", Stage: "ethproofs", StateDir: state, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r.reporter = reporter
	t.Cleanup(func() {
		if err := reporter.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// report hands an event over as the SDK does.
func (r *run) report(kind contract.EventKind, number uint64, proof []byte) (*sdk.Result, error) {
	r.t.Helper()
	event := contract.Event{ID: string(kind), Kind: kind, Time: time.Now(), Try: 1, Facts: map[string]string{},
		Block: &contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{1}},
		Dir:   filepath.Join(r.dir, string(kind), time.Now().Format("150405.000000000"))}
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.MkdirAll(filepath.Join(event.Dir, sub), 0o700); err != nil {
			r.t.Fatal(err)
		}
	}
	if proof != nil {
		if err := os.WriteFile(filepath.Join(event.Dir, "in", "proof.bin"), proof, 0o600); err != nil {
			r.t.Fatal(err)
		}
		event.Artifacts = []contract.Artifact{{Name: "proof.bin", Path: "in/proof.bin", Size: int64(len(proof)), SHA256: sha256.Sum256(proof), Role: contract.RoleProof}}
		event.Facts[contract.FactProvingTimeMS] = "8123"
	}
	opened, err := sdk.OpenEvent(event, slog.New(slog.NewJSONHandler(&r.logs, nil)), func(w sdk.WorkEvent) error {
		if w.Publish != nil {
			r.before()
			r.published = append(r.published, w.Publish.Name)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer opened.Close()
	return r.reporter.Report(r.t.Context(), opened)
}

func TestReportKeepsEachBodyBeforeItIsSent(t *testing.T) {
	server := ethproofstest.Start(t)
	config, findings := decode(t, `{"url":"`+server.URL+`","api_key":"`+ethproofstest.AlphaKey+`","cluster_id":"1"}`)
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	r := start(t, config)
	r.before = func() {
		if sent := len(server.Writes()); sent != len(r.published) {
			t.Errorf("%d requests were made when body %d was kept", sent, len(r.published)+1)
		}
	}
	proof := bytes.Repeat([]byte("proof"), 100)
	for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved} {
		var content []byte
		if kind == contract.EventProved {
			content = proof
		}
		result, err := r.report(kind, 24000100, content)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if result.Facts["outcome"] != "accepted" || result.Facts["proof_id"] != "1" {
			t.Errorf("%s: facts %v", kind, result.Facts)
		}
	}
	if want := []string{"queued.json", "proving.json", "24000100.json"}; !slices.Equal(r.published, want) {
		t.Errorf("kept %v, want %v", r.published, want)
	}
	if row, ok := server.Proof("alpha", 1, 24000100); !ok || !bytes.Equal(server.Stored(row), proof) {
		t.Errorf("the server's row: %+v", row)
	}
	if !strings.Contains(r.reporter.Note(), server.URL+" as cluster 1") || r.reporter.Health(t.Context()).State != sdk.HealthReady {
		t.Errorf("note %q, health %v", r.reporter.Note(), r.reporter.Health(t.Context()))
	}
	if e := r.reporter.Health(t.Context()).Endpoints; len(e) != 1 || !strings.HasPrefix(server.URL, strings.TrimSuffix(e[0].Name, "/…")) || !e[0].Usable || e[0].Calls < 3 || e[0].Failed != 0 || e[0].Time <= 0 {
		t.Errorf("endpoints %+v", e)
	}
}

func TestProofThatIsNotOnDiskIsNotSent(t *testing.T) {
	server := ethproofstest.Start(t)
	r := start(t, Config{URL: server.URL, APIKey: sdk.NewSecret(ethproofstest.AlphaKey), Cluster: 1, Pace: 50, MaxProofBytes: 10, Timeout: sdk.Duration(time.Second)})
	if _, err := r.report(contract.EventProved, 1, nil); sdk.ClassOf(err) != sdk.ClassPermanent || !strings.Contains(err.Error(), `no artifact with the role "proof"`) {
		t.Errorf("no artifact: %v", err)
	}
	if _, err := r.report(contract.EventProved, 1, make([]byte, 11)); sdk.ClassOf(err) != sdk.ClassPermanent || !strings.Contains(err.Error(), "max_proof_bytes") {
		t.Errorf("too large: %v", err)
	}
	if writes := server.Writes(); len(writes) != 0 {
		t.Errorf("sent %v", writes)
	}
}

func TestDryRunKeepsTheExactBodies(t *testing.T) {
	r := start(t, Config{MaxProofBytes: 100, Pace: 50})
	if !strings.HasPrefix(r.reporter.Note(), "dry run") || !strings.Contains(r.logs.String(), "nothing is sent") {
		t.Errorf("note %q, log %s", r.reporter.Note(), r.logs.String())
	}
	result, err := r.report(contract.EventProved, 24000100, []byte("abcd"))
	if err != nil || result.Facts["outcome"] != "dry run" {
		t.Fatalf("%v, %v", result, err)
	}
	found, _ := filepath.Glob(filepath.Join(r.dir, "proved", "*", "out", "24000100.json"))
	if len(found) != 1 {
		t.Fatalf("bodies: %v", found)
	}
	body, err := os.ReadFile(found[0])
	if err != nil || string(body) != `{"block_number":24000100,"cluster_id":0,"proving_time":8123,"proof":"YWJjZA=="}` {
		t.Errorf("%s, %v", body, err)
	}
}

// TestKeyIsNowhere makes every kind of answer happen under debug logging and
// searches whatever the plugin wrote.
func TestKeyIsNowhere(t *testing.T) {
	server := ethproofstest.Start(t)
	key := ethproofstest.AlphaKey
	config := Config{URL: server.URL, APIKey: sdk.NewSecret(key), Cluster: 1, Pace: 50, MaxProofBytes: 1000,
		Timeout: sdk.Duration(time.Second), GiveUp: sdk.Duration(time.Hour)}
	var failures []error
	var runs []*run
	for number, status := range []int{0, 400, 401, 403, 404, 409, 413, 429, 500, 502, 302} {
		server.Inject(func(q ethproofstest.Request) *ethproofstest.Fault {
			if status == 0 || q.Path == "/clusters" {
				return nil
			}
			return &ethproofstest.Fault{Status: status, Body: "your key " + key + " is odd",
				Header: http.Header{"Location": {"https://elsewhere.test/" + key + "?key=" + key}, "Retry-After": {"0"}}}
		})
		r := start(t, config)
		runs = append(runs, r)
		for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProved} {
			_, err := r.report(kind, uint64(number+1), []byte("proof"))
			failures = append(failures, err)
		}
		failures = append(failures, errors.New(r.reporter.Note()), errors.New(r.reporter.Health(t.Context()).Detail))
	}
	marshalled, _ := json.Marshal(config)
	failures = append(failures, errors.New(string(marshalled)))
	for _, err := range failures {
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("the key is in %v", err)
		}
	}
	files := 0
	for _, r := range runs {
		if r.logs.Len() == 0 || strings.Contains(r.logs.String(), key) {
			t.Errorf("the log holds the key or nothing: %s", r.logs.String())
		}
		err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(key)) {
				t.Errorf("the key is in %s", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	if want := len(runs) * 3; files < want { // ledger and two bodies each
		t.Errorf("searched %d files, want at least %d", files, want)
	}
	if line, err := os.ReadFile("/proc/self/cmdline"); err == nil && bytes.Contains(line, []byte(key)) {
		t.Error("the key is in the command line")
	}
}

func TestDoctorComparesTheVerificationKey(t *testing.T) {
	server := ethproofstest.Start(t)
	path := filepath.Join(t.TempDir(), "vk.bin")
	if err := os.WriteFile(path, []byte("a verification key"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := Config{URL: server.URL, APIKey: sdk.NewSecret(ethproofstest.AlphaKey), Cluster: 1, VerificationKey: path,
		Pace: 50, MaxProofBytes: 1000, Timeout: sdk.Duration(5 * time.Second)}
	check := func(says string) {
		t.Helper()
		findings := config.Check(t.Context())
		if len(findings) != 2 || !strings.Contains(findings[1].String(), says) {
			t.Errorf("%v, want a second one that says %q", findings, says)
		}
	}
	check("warning: config/verification_key: none of the 0 active verification keys")
	server.UploadKey("alpha", 1, []byte("a verification key"))
	r := start(t, config)
	for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProved} { // makes the cluster active
		if _, err := r.report(kind, 1, []byte("proof")); err != nil {
			t.Fatal(err)
		}
	}
	check("info: config/verification_key: the verification key is active at EthProofs for alpha (zisk, version 1)")
	server.UploadKey("alpha", 1, []byte("another key"))
	check("warning: config/verification_key: none of the 1 active")
}

// TestKeyWithWhiteSpace: a key from a file ends in a line break, which is no part of
// it; what cannot stand in a header is named, and the key is not shown.
func TestKeyWithWhiteSpace(t *testing.T) {
	server := ethproofstest.Start(t)
	for _, around := range []string{"%s\n", "%s\r\n", " %s\t"} {
		config := Config{URL: server.URL, APIKey: sdk.NewSecret(fmt.Sprintf(around, ethproofstest.AlphaKey)), Cluster: 1, Pace: 50, MaxProofBytes: 1000, Timeout: sdk.Duration(5 * time.Second)}
		if findings := append(config.Validate(), config.Check(t.Context())...); len(findings) != 1 || findings[0].Severity != sdk.SeverityInfo {
			t.Errorf("%q: %v", around, findings)
		}
		r := start(t, config)
		if _, err := r.report(contract.EventQueued, 1, nil); err != nil {
			t.Errorf("%q: %v", around, err)
		}
	}
	for key, says := range map[string]string{"verysecret\nverysecret": "line feed (U+000A), at place 11 of 21", "verysecret\x00": "NUL (U+0000)", "verysecret\x1b[A": "escape (U+001B)",
		"very secret": "a space at place 5", "verysecr\u00e9t": "outside ASCII (U+00E9)", "verysecret\u0085x": "U+0085", " \n": "consists of white space"} {
		config := Config{URL: server.URL, APIKey: sdk.NewSecret(key), Cluster: 1, Pace: 50}
		findings := config.Validate()
		if len(findings) != 1 || findings[0].Pointer != "/api_key" || !strings.Contains(findings[0].Summary, says) || strings.Contains(findings[0].String(), "verysecr") {
			t.Errorf("%q: %v, want %q", key, findings, says)
		}
		if _, err := open(t.Context(), config, sdk.Env{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}); sdk.ClassOf(err) != sdk.ClassPermanent || strings.Contains(err.Error(), "verysecr") {
			t.Errorf("%q: open: %v", key, err)
		}
	}
}

// TestCommands runs the binary's commands as an operator does.
func TestCommands(t *testing.T) {
	server := ethproofstest.Start(t)
	server.SetUnlimited(true)
	server.SetVerifier(func(proof, _ []byte) (bool, string) { return string(proof) == "genuine", "" })
	r := start(t, Config{URL: server.URL, APIKey: sdk.NewSecret(ethproofstest.AlphaKey), Cluster: 1, Pace: 6000, MaxProofBytes: 1000, Timeout: sdk.Duration(5 * time.Second)})
	for number, proof := range map[uint64]string{100: "genuine", 200: "forged"} {
		for _, kind := range []contract.EventKind{contract.EventQueued, contract.EventProved} {
			if _, err := r.report(kind, number, []byte(proof)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stage, dry := filepath.Join(t.TempDir(), "stage.json"), filepath.Join(t.TempDir(), "dry.json")
	for path, content := range map[string]string{
		stage: fmt.Sprintf(`{"url": %q, "api_key": %q, "cluster_id": "1", "pace": 20}`, server.URL, ethproofstest.AlphaKey),
		dry:   `{"url": "", "api_key": "", "cluster_id": ""}`,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(key string, args ...string) (string, bool) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), asPlugin+"=1", "ETHPROOFS_RPC_URL="+server.URL, "ETHPROOFS_API_KEY="+key)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), ethproofstest.AlphaKey) {
			t.Errorf("%v shows the key: %s", args, out)
		}
		return string(out), err == nil
	}
	for _, c := range []struct {
		args []string
		ok   bool
		says string
	}{
		{[]string{"clusters"}, true, "CLUSTER_ID  NAME      VERSION  OLDER VERSIONS  HARDWARE\n1           alpha-01  1        -               -\n"},
		{[]string{"clusters", "create", "--name", "rack 4", "--zkvm-version", "1", "--gpus", "8", "--hardware", "8x RTX 5090"}, true, "created cluster 2 (rack 4) for every block (1:1): set ETHPROOFS_CLUSTER_ID=2"},
		{[]string{"clusters", "create", "--name", "rack 5"}, false, "--zkvm-version"},
		{[]string{"clusters", "upgrade", "--cluster", "1"}, false, "nothing to change"},
		{[]string{"clusters", "upgrade", "--cluster", "1", "--zkvm-version", "1"}, true, "it stays at version 1"},
		{[]string{"clusters", "upgrade", "--cluster", "2", "--zkvm-version", "2"}, true, "cluster 2 (rack 4) has gone from version 3 to 4"},
		{[]string{"clusters", "upgrade", "--cluster", "9", "--zkvm-version", "2"}, false, "the team has no cluster 9 (it has: 1, 2)"},
		{[]string{"clusters"}, true, "2           rack 4    4        3               8x RTX 5090\n"},
		{[]string{"clusters", "pause", "--cluster", "1"}, true, "cluster 1 (alpha-01) is paused"},
		{[]string{"clusters", "resume", "--cluster", "1"}, true, "cluster 1 (alpha-01) is active"},
		{[]string{"clusters", "destroy"}, false, "unknown command \"destroy\""},
		{[]string{"proofs", "100"}, true, "alpha  1                8.123s        7"},
		{[]string{"proofs", "101"}, true, "EthProofs has no proof of block 101"},
		{[]string{"proofs", "ten"}, false, "want a block number"},
		{[]string{"verify-stored", "100"}, true, "EthProofs' own verifier takes proof"},
		{[]string{"verify-stored", "200"}, false, "EthProofs' own verifier refuses proof"},
		{[]string{"verify-stored", "300"}, false, "EthProofs has no proof of block 300"},
		{[]string{"verify-stored", "--json", "200"}, true, `"valid":false`},
		{[]string{"verify-stored", "--config", stage, "--json", "100"}, true, `"valid":true`},
		{[]string{"verify-stored", "--config", dry, "100"}, false, "a dry run"},
	} {
		out, ok := command(ethproofstest.AlphaKey, c.args...)
		if ok != c.ok || !strings.Contains(out, c.says) {
			t.Errorf("%v: success %t, %q; want %t, %q", c.args, ok, out, c.ok, c.says)
		}
	}
	if out, ok := command("", "verify-stored", "--config", stage, "100"); !ok {
		t.Errorf("the key of the configuration alone: %q", out)
	}
	if out, ok := command("nope", "clusters"); ok || !strings.Contains(out, "ETHPROOFS_API_KEY") {
		t.Errorf("wrong key: %q", out)
	}
	if out, ok := command("", "clusters"); ok || !strings.Contains(out, "set ETHPROOFS_API_KEY") {
		t.Errorf("no key: %q", out)
	}
}

package ethproofs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://ethproofs.org":                          Production,
		"https://ethproofs.org/":                         Production,
		" https://EthProofs.org/api/v0/\n":               Production,
		"https://staging--ethproofs.netlify.app/api/v0":  "https://staging--ethproofs.netlify.app/api/v0",
		"http://127.0.0.1:3000":                          "http://127.0.0.1:3000/api/v0",
		"https://proxy.internal/ethproofs/production//":  "https://proxy.internal/ethproofs/production",
		"ethproofs.org":                                  "",
		"ftp://ethproofs.org":                            "",
		"https://":                                       "",
		"https:///api/v0":                                "",
		"https://user:hunter2@ethproofs.org":             "",
		"https://ethproofs.org/?key=hunter2":             "",
		"https://ethproofs.org/#hunter2":                 "",
		"https://user:hunter2@ethproofs.org:port/api/v0": "",
	} {
		got, err := ParseURL(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", raw, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error shows a secret: %v", raw, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("https://ethproofs.org/api/v0/")
	f.Add("http://[::1]:80")
	f.Add("https://a:b@c")
	f.Fuzz(func(t *testing.T, raw string) {
		base, err := ParseURL(raw)
		if err != nil {
			return
		}
		again, err := ParseURL(base)
		if err != nil || again != base {
			t.Errorf("%q became %q, which became %q, %v", raw, base, again, err)
		}
		if strings.ContainsAny(base, "?#@") && !strings.Contains(raw, "%") {
			t.Errorf("%q became %q", raw, base)
		}
	})
}

func TestSendsKeyInClear(t *testing.T) {
	for base, want := range map[string]bool{
		"https://ethproofs.org/api/v0": false, "http://ethproofs.org/api/v0": true, "http://127.0.0.1:1/api/v0": false,
		"http://[::1]:1/api/v0": false, "http://localhost/api/v0": false, "http://10.0.0.7/api/v0": true,
	} {
		if got := SendsKeyInClear(base); got != want {
			t.Errorf("%s: %t, want %t", base, got, want)
		}
	}
}

func TestBodies(t *testing.T) {
	status, err := StatusBody(24000100, 1)
	if err != nil || string(status) != `{"block_number":24000100,"cluster_id":1}` {
		t.Errorf("status: %s, %v", status, err)
	}
	proved, err := ProvedBody(24000100, 1, Proof{ProvingTime: 8123, Cycles: 123456789, VerifierID: "v", Content: []byte("abcd")}, 4)
	if err != nil || string(proved) != `{"block_number":24000100,"cluster_id":1,"proving_time":8123,"proving_cycles":123456789,"proof":"YWJjZA==","verifier_id":"v"}` {
		t.Errorf("proved: %s, %v", proved, err)
	}
	// An identifier that looks like the place of the proof is not taken for it.
	proved, err = ProvedBody(1, 1, Proof{ProvingTime: 1, VerifierID: `"proof":"","x":"`, Content: []byte("abcd")}, 4)
	if err != nil || string(proved) != `{"block_number":1,"cluster_id":1,"proving_time":1,"proof":"YWJjZA==","verifier_id":"\"proof\":\"\",\"x\":\""}` {
		t.Errorf("proved with an odd identifier: %s, %v", proved, err)
	}
	proved, err = ProvedBody(0, 1, Proof{ProvingTime: 1, Content: []byte{0xfb, 0xff}}, 4)
	if err != nil || string(proved) != `{"block_number":0,"cluster_id":1,"proving_time":1,"proof":"+/8="}` {
		t.Errorf("proved without options: %s, %v", proved, err)
	}
	if _, err := ProvedBody(1, 1, Proof{ProvingTime: 1, Content: []byte("abcde")}, 4); err == nil {
		t.Error("a proof over the limit was taken")
	}
	if _, err := StatusBody(1, 40000); err == nil {
		t.Error("cluster 40000 was taken")
	}
}

// TestLargestDefaultBody checks that the default limit keeps the request under
// the 6 MB of the site's platform.
func TestLargestDefaultBody(t *testing.T) {
	body, err := ProvedBody(maxExact, MaxCluster, Proof{ProvingTime: MaxProvingTime, Cycles: maxExact, VerifierID: strings.Repeat("v", 200),
		Content: make([]byte, MaxProofBytes)}, MaxProofBytes)
	if err != nil || len(body) >= 6_000_000 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestGenuineProofIsEncodedPadded(t *testing.T) {
	shared := os.Getenv("PROOFLINE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	proof, err := os.ReadFile(filepath.Join(shared, "data", "zisk-proof", "ethproofs-wire.bin"))
	if err != nil {
		t.Skipf("the shared test data is absent: %v", err)
	}
	body, err := ProvedBody(1, 1, Proof{ProvingTime: 1, Content: proof}, MaxProofBytes)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct{ Proof string }
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	// 254,624 bytes are 339,500 characters with padding.
	if decoded, err := base64.StdEncoding.Strict().DecodeString(sent.Proof); err != nil || len(sent.Proof) != 339_500 || !slices.Equal(decoded, proof) {
		t.Errorf("%d characters, %v", len(sent.Proof), err)
	}
	if err := CheckGenuine(proof); err != nil {
		t.Error(err)
	}
}

func TestAnswersAreMadeFitForLogs(t *testing.T) {
	const key = "a-very-secret-key"
	answer := func(status int, body string) error {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		defer server.Close()
		client := NewClient(server.URL, key, "test", time.Second, nil)
		defer client.Close()
		_, _, err := client.Send(t.Context(), Queued, []byte("{}"))
		return err
	}
	err := answer(400, "bad key\n\x1b[31m "+key+" "+strings.Repeat("x", 10_000))
	if status, ok := errors.AsType[*StatusError](err); !ok || status.Status != 400 || strings.Contains(err.Error(), key) ||
		len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("%v", err)
	}
	if err := answer(200, "<html>welcome to the hotel</html>"); err == nil || !strings.Contains(err.Error(), "names no proof_id") {
		t.Errorf("a captive portal: %v", err)
	}
	if err := answer(500, ""); err == nil || !strings.Contains(err.Error(), "an empty body") {
		t.Errorf("an empty 500: %v", err)
	}
	client := NewClient("http://127.0.0.1:1/api/v0", key, "test", time.Second, nil)
	if _, err := client.Clusters(t.Context()); err == nil || strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "GET http://127.0.0.1:1/api/v0/clusters") {
		t.Errorf("nobody listens: %v", err)
	}
}

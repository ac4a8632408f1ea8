package ethproofstest

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is a served fake with shorthands for the table's requests.
type site struct {
	*Server
	t   *testing.T
	url string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := Start(t)
	s.SetUnlimited(true)
	return &site{s, t, s.URL}
}

// send makes a request as alpha. An absolute path is below the host, another
// below Base.
func (s *site) send(method, path, body string, options ...func(*http.Request)) (*http.Response, string) {
	s.t.Helper()
	url := s.url + "/" + path
	if strings.HasPrefix(path, "/") {
		url = strings.TrimSuffix(s.url, Base) + path
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+AlphaKey)
	for _, o := range options {
		o(request)
	}
	response, err := (&http.Client{Transport: http.DefaultTransport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(content)
}

// want checks a status and the whole body, JSON put on one line.
func (s *site) want(method, path, body string, status int, answer string, options ...func(*http.Request)) {
	s.t.Helper()
	response, got := s.send(method, path, body, options...)
	if response.StatusCode != status || flat(got) != answer {
		s.t.Errorf("%s %s %.80s: got %d %q, want %d %q", method, path, body, response.StatusCode, flat(got), status, answer)
	}
}

// flat puts an issue array on one line.
func flat(body string) string {
	prefix, issues := "", body
	if rest, ok := strings.CutPrefix(body, "Invalid request: "); ok {
		prefix, issues = "Invalid request: ", rest
	}
	var out bytes.Buffer
	if json.Compact(&out, []byte(issues)) != nil {
		return body
	}
	return prefix + out.String()
}

func (s *site) q(block any) string { return fmt.Sprintf(`{"block_number":%v,"cluster_id":1}`, block) }

func (s *site) d(block any, more string) string {
	return fmt.Sprintf(`{"block_number":%v,"cluster_id":1,%s}`, block, more)
}

// id sends a write that must succeed and returns the proof_id.
func (s *site) id(phase, body string, options ...func(*http.Request)) int {
	s.t.Helper()
	response, got := s.send("POST", "proofs/"+phase, body, options...)
	var answer struct {
		ID int `json:"proof_id"`
	}
	if response.StatusCode != 200 || json.Unmarshal([]byte(got), &answer) != nil || answer.ID == 0 {
		s.t.Fatalf("%s %.80s: %d %q", phase, body, response.StatusCode, got)
	}
	return answer.ID
}

func authorization(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del("Authorization"); r.Header["Authorization"] = []string{value} }
}

func key(k string) func(*http.Request) { return authorization("Bearer " + k) }

func noKey(r *http.Request) { r.Header.Del("Authorization") }

func (s *site) row(block uint64) Proof {
	s.t.Helper()
	row, ok := s.Proof("alpha", 1, block)
	if !ok {
		s.t.Fatalf("no row for block %d", block)
	}
	return row
}

func TestReplyForms(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		name, method, path, body string
		option                   func(*http.Request)
		status                   int
		contentType              string
		limits                   bool
	}{
		{"success", "POST", "proofs/queued", s.q(1), nil, 200, "application/json", true},
		{"refused", "POST", "proofs/queued", `{}`, nil, 400, "text/plain;charset=UTF-8", true},
		{"database error", "POST", "proofs/queued", s.q(1.5), nil, 500, "text/plain;charset=UTF-8", true},
		{"query refused", "GET", "proofs?limit=5000", "", nil, 422, "application/json", true},
		{"exception", "POST", "proofs/queued", `{`, nil, 500, "", false},
		{"method", "GET", "proofs/queued", "", nil, 405, "", false},
		{"no key", "POST", "proofs/queued", s.q(1), noKey, 401, "text/plain;charset=UTF-8", false},
		{"other scheme", "POST", "proofs/queued", s.q(1), authorization("Token " + AlphaKey), 200, "application/json", false},
		{"clusters", "GET", "clusters", "", nil, 200, "application/json", false},
	} {
		option := c.option
		if option == nil {
			option = func(*http.Request) {}
		}
		response, body := s.send(c.method, c.path, c.body, option)
		if response.StatusCode != c.status || response.Header.Get("Content-Type") != c.contentType {
			t.Errorf("%s: got %d %q, want %d %q", c.name, response.StatusCode, response.Header.Get("Content-Type"), c.status, c.contentType)
		}
		if c.contentType == "" && body != "" {
			t.Errorf("%s: body %q, want none", c.name, body)
		}
		if limits := response.Header.Get("X-RateLimit-Reset") != ""; limits != c.limits {
			t.Errorf("%s: rate limit headers %t, want %t", c.name, limits, c.limits)
		}
		if reset := response.Header.Get("X-RateLimit-Reset"); reset != "" {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", reset); err != nil {
				t.Errorf("%s: reset: %v", c.name, err)
			}
			if response.Header.Get("X-RateLimit-Remaining") != "-1" {
				t.Errorf("%s: remaining %q with the limiter off, want -1", c.name, response.Header.Get("X-RateLimit-Remaining"))
			}
		}
	}
	_, body := s.send("POST", "proofs/queued", `{"cluster_id":1}`)
	const indented = "Invalid request: [\n  {\n    \"code\": \"invalid_type\",\n    \"expected\": \"number\",\n    \"received\": \"undefined\",\n    \"path\": [\n      \"block_number\"\n    ],\n    \"message\": \"Required\"\n  }\n]"
	if body != indented {
		t.Errorf("issues are laid out as %q", body)
	}
}

func TestGoodPath(t *testing.T) {
	bare := New()
	bare.SetUnlimited(true)
	served := httptest.NewServer(bare)
	t.Cleanup(served.Close)
	bare.URL = served.URL + Base
	s := &site{bare, t, bare.URL}
	s.want("POST", "clusters", `{"name":"alpha-01","zkvm_version_id":1,"num_gpus":8,"deployment_type":"on-prem","hardware_description":"8x RTX 5090"}`, 200, `{"id":1}`)
	s.want("POST", "clusters", `{"name":"beta-01","zkvm_version_id":1}`, 200, `{"id":1}`, key(BetaKey))
	s.want("GET", "clusters", "", 200, `[{"id":1,"name":"alpha-01","hardware_description":"8x RTX 5090","versions":[{"id":1}]}]`)
	s.want("POST", "proofs/queued", s.q(24000100), 200, `{"proof_id":1}`)
	s.want("POST", "proofs/proving", s.q(24000100), 200, `{"proof_id":1}`)
	proof := bytes.Repeat([]byte{0, 1, 254, 255}, 250)
	s.want("POST", "proofs/proved", s.d(24000100, fmt.Sprintf(`"proving_time":8123,"proving_cycles":123456789,"proof":%q`,
		base64.StdEncoding.EncodeToString(proof))), 200, `{"proof_id":1}`)
	row := s.row(24000100)
	if row.Status != "proved" || row.Time != 8123 || row.Cycles != 123456789 || row.Size != 1000 || !s.Active("alpha", 1) {
		t.Errorf("row %+v, active %t", row, s.Active("alpha", 1))
	}

	_, listed := s.send("GET", "proofs?block=24000100&limit=5", "")
	var list struct {
		Proofs []struct {
			ID      int    `json:"proof_id"`
			Status  string `json:"proof_status"`
			Time    int    `json:"proving_time"`
			Size    int    `json:"size_bytes"`
			Cluster string `json:"cluster_id"`
			Block   struct {
				Gas uint64 `json:"gas_used"`
			}
		}
		Total int `json:"total_count"`
		Limit int
	}
	if err := json.Unmarshal([]byte(listed), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Proofs) != 1 || list.Proofs[0].ID != 1 || list.Proofs[0].Status != "proved" || list.Proofs[0].Time != 8123 ||
		list.Proofs[0].Size != 1000 || len(list.Proofs[0].Cluster) != 36 || list.Proofs[0].Block.Gas != 20000100 ||
		list.Total != 1 || list.Limit != 5 {
		t.Errorf("GET /proofs: %s", listed)
	}

	response, block := s.send("GET", "blocks/24000100", "", noKey)
	if response.StatusCode != 200 || !strings.Contains(block, `"gas_used":20000100,"transaction_count":3,"hash":"0x`) {
		t.Errorf("GET /blocks: %d %s", response.StatusCode, block)
	}
	s.want("GET", "blocks/1", "", 404, "Block not found", noKey)
	response, _ = s.send("GET", "blocks/0x"+strings.Repeat("ab", 32), "", noKey)
	if response.StatusCode != 500 {
		t.Errorf("GET /blocks/<hash>: %d, want 500", response.StatusCode)
	}

	response, _ = s.send("GET", "proofs/download/1", "")
	location := response.Header.Get("Location")
	if response.StatusCode != 302 || !strings.Contains(location, "/object/public/proof-binaries/alpha_") || !strings.HasSuffix(location, "_1.bin") {
		t.Fatalf("download: %d %q", response.StatusCode, location)
	}
	_, stored := s.send("GET", strings.TrimPrefix(location, served.URL), "", noKey)
	if stored != string(proof) {
		t.Errorf("downloaded %d bytes that differ from the %d posted", len(stored), len(proof))
	}
}

func TestGenuineProofIsStoredByteForByte(t *testing.T) {
	shared := os.Getenv("PROOFLINE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	proof, err := os.ReadFile(filepath.Join(shared, "data", "zisk-proof", "ethproofs-wire.bin"))
	if err != nil {
		t.Skipf("the shared test data is absent: %v", err)
	}
	s := newSite(t)
	s.id("queued", s.q(7))
	s.id("proved", s.d(7, fmt.Sprintf(`"proving_time":1,"proof":%q`, base64.StdEncoding.EncodeToString(proof))))
	if got := s.Stored(s.row(7)); !bytes.Equal(got, proof) {
		t.Errorf("%d bytes stored differ from the %d posted", len(got), len(proof))
	}
}

func TestAuthorization(t *testing.T) {
	s := newSite(t)
	own := s.id("queued", s.q(24000200))
	s.want("POST", "proofs/queued", s.q(24000200), 401, "No API key provided", noKey)
	s.want("POST", "proofs/queued", s.q(24000200), 401, "Invalid API key", key("nope"))
	s.want("POST", "proofs/queued", s.q(24000200), 401, "No API key provided", authorization(AlphaKey))
	s.want("POST", "proofs/queued", s.q(24000200), 401, "No API key provided", authorization("Bearer  "+AlphaKey))
	for _, header := range []string{"bearer " + AlphaKey, "Token " + AlphaKey, "Bearer " + AlphaReadKey} {
		if id := s.id("queued", s.q(24000200), authorization(header)); id != own {
			t.Errorf("another proof_id: %d, want %d", id, own)
		}
	}
	if id := s.id("queued", s.q(24000200), key(BetaKey)); id == own {
		t.Error("two teams share a proof_id")
	}
}

func TestClusterAndBody(t *testing.T) {
	s := newSite(t)
	const prefix = "Invalid request: "
	for _, c := range []struct {
		body   string
		status int
		answer string
	}{
		{`{"block_number":24000300,"cluster_id":7}`, 404, "Cluster not found"},
		{`{"block_number":24000300,"cluster_id":"1"}`, 400, prefix + `[{"code":"invalid_type","expected":"number","received":"string","path":["cluster_id"],"message":"Expected number, received string"}]`},
		{`{"block_number":24000300,"cluster_id":1.5}`, 500, ""},
		{`{"block_number":24000300,"cluster_id":40000}`, 500, ""},
		{`{"block_number":24000300,`, 500, ""},
		{``, 500, ""},
		{`{"cluster_id":1}`, 400, prefix + `[{"code":"invalid_type","expected":"number","received":"undefined","path":["block_number"],"message":"Required"}]`},
		{s.q(`"24000300"`), 400, prefix + `[{"code":"invalid_type","expected":"number","received":"string","path":["block_number"],"message":"Expected number, received string"}]`},
		{s.q(-1), 400, prefix + `[{"code":"too_small","minimum":0,"type":"number","inclusive":true,"exact":false,"message":"block_number must be a positive number","path":["block_number"]}]`},
		{s.q(24000300.5), 500, "Internal server error"},
		{s.q("null"), 400, prefix + `[{"code":"invalid_type","expected":"number","received":"null","path":["block_number"],"message":"Expected number, received null"}]`},
		{`[]`, 400, prefix + `[{"code":"invalid_type","expected":"object","received":"array","path":[],"message":"Expected object, received array"}]`},
	} {
		s.want("POST", "proofs/queued", c.body, c.status, c.answer)
	}
	s.id("queued", s.d(24000301, `"foo":"bar","proof_status":"proved","proving_time":1`))
	if row := s.row(24000301); row.Status != "queued" || row.Time != 0 {
		t.Errorf("unknown keys had an effect: %+v", row)
	}
	s.id("queued", s.q(24000302), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	s.id("queued", s.q(24000303), func(r *http.Request) { r.ContentLength = -1 })
	s.id("queued", s.q(99000000))

	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write([]byte(s.q(24000304)))
	_ = zip.Close()
	s.want("POST", "proofs/queued", packed.String(), 500, "", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	response, _ := s.send("POST", "proofs/queued/", s.q(24000305))
	if response.StatusCode != 308 || response.Header.Get("Location") != Base+"/proofs/queued" {
		t.Errorf("trailing slash: %d %q", response.StatusCode, response.Header.Get("Location"))
	}
	s.want("GET", "proofs/queued", "", 405, "")
	s.want("POST", "/api/v1/proofs/queued", s.q(1), 404, "")
}

func TestRepeatsAndOrder(t *testing.T) {
	s := newSite(t)
	const fields = `"proving_time":9000,"proof":"AAECAwQFBgc="`
	const done = "Proof already proved"
	first := s.id("queued", s.q(24000400))
	same := func(phase, body string) {
		t.Helper()
		if id := s.id(phase, body); id != first {
			t.Errorf("%s: proof_id %d, want %d", phase, id, first)
		}
	}
	same("queued", s.q(24000400))
	same("proving", s.q(24000400))
	same("proving", s.q(24000400))
	same("queued", s.q(24000400))
	if status := s.row(24000400).Status; status != "queued" {
		t.Errorf("status after a late queued: %s, want queued", status)
	}
	same("proved", s.d(24000400, fields))
	s.want("POST", "proofs/proved", s.d(24000400, fields), 409, done)
	s.want("POST", "proofs/queued", s.q(24000400), 409, done)
	s.want("POST", "proofs/proving", s.q(24000400), 409, done)

	s.id("proving", s.q(24000500))
	s.want("POST", "proofs/proved", s.d(24000600, fields), 500, "Internal server error")
	announced := s.id("queued", s.q(24000600))
	if id := s.id("proved", s.d(24000600, fields)); id != announced {
		t.Errorf("healed: proof_id %d, want %d", id, announced)
	}
	others := s.id("queued", s.q(24000700), key(BetaKey))
	if id := s.id("proved", s.d(24000700, fields)); id == others {
		t.Error("alpha proved beta's row")
	}

	s.id("queued", s.q(24000800))
	var running sync.WaitGroup
	var mu sync.Mutex
	var statuses []int
	for range 10 {
		running.Go(func() {
			response, err := http.DefaultClient.Do(must(http.NewRequest("POST", s.URL+"/proofs/proved", strings.NewReader(s.d(24000800, fields)))))
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			mu.Lock()
			statuses = append(statuses, response.StatusCode)
			mu.Unlock()
		})
	}
	running.Wait()
	slices.Sort(statuses)
	if want := append([]int{200}, slices.Repeat([]int{409}, 9)...); !slices.Equal(statuses, want) {
		t.Errorf("ten at once: %v, want %v", statuses, want)
	}
}

func must(r *http.Request, err error) *http.Request {
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+AlphaKey)
	return r
}

func TestFieldsOfProved(t *testing.T) {
	s := newSite(t)
	const prefix = "Invalid request: "
	number := func(field, received string) string {
		return fmt.Sprintf(`%s[{"code":"invalid_type","expected":"number","received":%q,"path":[%q],"message":"Expected number, received %s"}]`, prefix, received, field, received)
	}
	for i, c := range []struct {
		fields string
		status int
		answer string
		size   int
	}{
		{`"proving_time":0,"proof":"AAEC"`, 400, prefix + `[{"code":"too_small","minimum":0,"type":"number","inclusive":false,"exact":false,"message":"proving_time must be a positive number","path":["proving_time"]}]`, 0},
		{`"proving_time":8123.7,"proof":"AAEC"`, 500, "Internal server error", 0},
		{`"proving_time":2147483648,"proof":"AAEC"`, 500, "Internal server error", 0},
		{`"proving_time":"8123","proof":"AAEC"`, 400, number("proving_time", "string"), 0},
		{`"proof":"AAEC"`, 400, prefix + `[{"code":"invalid_type","expected":"number","received":"undefined","path":["proving_time"],"message":"Required"}]`, 0},
		{`"proving_time":1,"proving_cycles":0,"proof":"AAEC"`, 400, prefix + `[{"code":"too_small","minimum":0,"type":"number","inclusive":false,"exact":false,"message":"proving_cycles must be a positive integer","path":["proving_cycles"]}]`, 0},
		{`"proving_time":1,"proving_cycles":1.5,"proof":"AAEC"`, 400, prefix + `[{"code":"invalid_type","expected":"integer","received":"float","message":"Expected integer, received float","path":["proving_cycles"]}]`, 0},
		{`"proving_time":1,"proving_cycles":9007199254740992,"proof":"AAEC"`, 200, "", 3},
		{`"proving_time":1,"proving_cycles":null,"proof":"AAEC"`, 400, number("proving_cycles", "null"), 0},
		{`"proving_time":1`, 400, prefix + `[{"code":"invalid_type","expected":"string","received":"undefined","path":["proof"],"message":"Required"}]`, 0},
		{`"proving_time":1,"proof":""`, 200, "", 0},
		{`"proving_time":1,"proof":"!!! not base64 !!!"`, 200, "", 6},
		{`"proving_time":1,"proof":"0xdeadbeef"`, 200, "", 7},
		{`"proving_time":1,"proof":"_-8"`, 200, "", 2},
		{`"proving_time":1,"proof":[1,2,3]`, 400, prefix + `[{"code":"invalid_type","expected":"string","received":"array","path":["proof"],"message":"Expected string, received array"}]`, 0},
		{`"proving_time":1,"proof":"AAEC","verifier_id":"` + strings.Repeat("v", 5000) + `"`, 200, "", 3},
		{`"proving_time":1,"proof":"AAEC","verifier_id":null`, 400, prefix + `[{"code":"invalid_type","expected":"string","received":"null","path":["verifier_id"],"message":"Expected string, received null"}]`, 0},
		{`"proving_time":1,"proof":"AAEC","proving_cost":540,"size_bytes":1,"team_id":"00000000","proof_status":"queued"`, 200, "", 3},
	} {
		block := 24001000 + i
		s.id("queued", s.q(block))
		if c.status == 200 {
			s.id("proved", s.d(block, c.fields))
		} else {
			s.want("POST", "proofs/proved", s.d(block, c.fields), c.status, c.answer)
		}
		status := "queued"
		if c.status == 200 {
			status = "proved"
		}
		if row := s.row(uint64(block)); row.Status != status || row.Size != c.size {
			t.Errorf("%.60s: row is %s with %d bytes, want %s with %d", c.fields, row.Status, row.Size, status, c.size)
		}
	}
}

func TestSizes(t *testing.T) {
	s := newSite(t)
	for i, c := range []struct {
		decoded, body, status int
	}{
		{614_400, 819_271, 200},
		{4_500_000, 6_000_071, 200},
		{7_864_200, 10_485_671, 200},
		{7_864_300, 10_485_807, 500},
		{12_000_000, 16_000_071, 500},
	} {
		block := 24000900 + i
		s.id("queued", s.q(block))
		body := s.d(block, `"proving_time":8123,"proof":"`+base64.StdEncoding.EncodeToString(make([]byte, c.decoded))+`"`)
		if len(body) != c.body {
			t.Errorf("a proof of %d bytes makes a body of %d, want %d", c.decoded, len(body), c.body)
		}
		if c.status == 200 {
			s.id("proved", body)
			continue
		}
		s.want("POST", "proofs/proved", body, 500, "")
		if status := s.row(uint64(block)).Status; status != "queued" {
			t.Errorf("%d bytes: status %s, want queued", c.body, status)
		}
	}
}

func TestClustersAndVersions(t *testing.T) {
	s := newSite(t) // versions 1 (alpha) and 2 (beta) exist
	const fields = `"proving_time":1,"proof":"AAEC"`
	old := s.id("queued", s.q(1))
	s.id("proved", s.d(1, fields))
	pending := s.id("queued", s.q(2))
	s.want("PATCH", "clusters/1", `{"zkvm_version_id":2}`, 200, `{"success":true}`)
	s.want("GET", "clusters", "", 200, `[{"id":1,"name":"alpha-01","hardware_description":null,"versions":[{"id":1},{"id":3}]}]`)
	if id := s.id("queued", s.q(1)); id == old {
		t.Error("the new version shares the old proof_id")
	}
	if id := s.id("proved", s.d(2, fields)); id == pending {
		t.Error("proved went to the old version's row")
	}
	if s.proofs[proofKey{2, 1}].Status != "queued" || s.row(2).Status != "proved" {
		t.Error("the old row must stay queued and the new one be proved")
	}
	s.want("PATCH", "clusters/1", `{}`, 400, "No fields to update")
	s.want("PATCH", "clusters/1", `{"num_gpus":1}`, 400, "Changing num_gpus from 8 to 1 would change GPU configuration from multi-gpu to single-gpu. This is not supported via API.")
	s.want("PATCH", "clusters/2", `{"name":"x"}`, 404, "Cluster not found")
	s.want("PATCH", "clusters/1", `{"is_active":false}`, 200, `{"success":true}`)
	s.id("queued", s.q(3))
	if s.Active("alpha", 1) {
		t.Error("queued made the cluster active")
	}
	s.id("proved", s.d(3, fields))
	if !s.Active("alpha", 1) {
		t.Error("proved did not make the cluster active")
	}
	s.want("POST", "clusters", `{"name":"one","zkvm_version_id":1,"num_gpus":1,"deployment_type":"on-prem"}`, 200, `{"id":2}`)
	s.want("POST", "clusters", `{"name":"one","zkvm_version_id":99}`, 400, "Invalid zkvm version")
	s.want("POST", "clusters", `{"zkvm_version_id":1,"num_gpus":0}`, 400, `[{"code":"invalid_type","expected":"string","received":"undefined","path":["name"],"message":"Required"},{"code":"too_small","minimum":0,"type":"number","inclusive":false,"exact":false,"message":"Number must be greater than 0","path":["num_gpus"]}]`)
}

func TestKeysDownloadsQueries(t *testing.T) {
	s := newSite(t)
	s.want("GET", "verification-keys/active", "", 200, `[]`, noKey)
	s.want("GET", "verification-keys/download/1", "", 403, "Forbidden: admin mode required for downloading verification keys")
	s.want("GET", "verification-keys/download/1", "", 404, "No vk binary found", key(AdminKey))
	s.want("POST", "/api/verification-keys/upload", "", 401, "Unauthorized")
	s.want("GET", "proofs/download/999", "", 404, "No proof found")
	s.want("GET", "proofs/download/1", "", 401, "No API key provided", noKey)
	s.want("GET", "proofs?limit=5000", "", 422, `[{"code":"too_big","maximum":1000,"type":"number","inclusive":true,"exact":false,"message":"Number must be less than or equal to 1000","path":["limit"]}]`)
}

func TestFaultsBehindTheHandlers(t *testing.T) {
	s := newSite(t)
	const fields = `"proving_time":1,"proof":"AAEC"`
	s.SetStorageDown(true)
	s.id("queued", s.q(1))
	id := s.id("proved", s.d(1, fields))
	s.SetStorageDown(false)
	s.want("POST", "proofs/proved", s.d(1, fields), 409, "Proof already proved")
	response, _ := s.send("GET", fmt.Sprintf("proofs/download/%d", id), "")
	_, object := s.send("GET", strings.TrimPrefix(response.Header.Get("Location"), strings.TrimSuffix(s.URL, Base)), "")
	if response.StatusCode != 302 || !strings.Contains(object, "Object not found") {
		t.Errorf("download after a failed upload: %d, %s", response.StatusCode, object)
	}

	s.SetRPCDown(true)
	s.id("queued", s.q(2))
	s.id("proved", s.d(2, fields))
	if _, block := s.send("GET", "blocks/2", "", noKey); !strings.Contains(block, `"timestamp":null`) {
		t.Errorf("block while the site's RPC is down: %s", block)
	}
}

func TestLimiter(t *testing.T) {
	s := newSite(t)
	s.SetUnlimited(false)
	now := time.Date(2026, 11, 22, 12, 0, 13, 0, time.UTC)
	s.SetClock(func() time.Time { return now })
	for i := range 60 {
		s.id("queued", s.q(1+i))
	}
	response, body := s.send("POST", "proofs/queued", s.q(61))
	if body != `{"error":"Rate limit exceeded","message":"Rate limit exceeded. Try again in 47 seconds","retryAfter":47}` ||
		response.StatusCode != 429 || response.Header.Get("Retry-After") != "47" || response.Header.Get("X-RateLimit-Remaining") != "0" ||
		response.Header.Get("X-RateLimit-Reset") != "2026-11-22T12:01:00.000Z" || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("61st: %d %v %s", response.StatusCode, response.Header, body)
	}
	if response, _ := s.send("GET", "clusters", ""); response.StatusCode != 200 {
		t.Errorf("GET /clusters while limited: %d", response.StatusCode)
	}
	if response, _ := s.send("POST", "proofs/queued", s.q(62), authorization("Token "+AlphaKey)); response.StatusCode != 200 {
		t.Errorf("another scheme while limited: %d", response.StatusCode)
	}
	s.id("queued", s.q(62), key(BetaKey))
	now = now.Add(60 * time.Second) // 12:01:13; 47/60 of the first minute still counts
	response, _ = s.send("POST", "proofs/queued", s.q(63))
	if got := response.Header.Get("X-RateLimit-Remaining"); response.StatusCode != 200 || got != "12" {
		t.Errorf("a minute later: %d, %s remain, want 60-47-1", response.StatusCode, got)
	}
	if response, _ := s.send("GET", "proofs/download/1", ""); response.StatusCode != 429 {
		t.Errorf("download over its ceiling of 30: %d", response.StatusCode)
	}
}

func TestInjectedFaults(t *testing.T) {
	s := newSite(t)
	client := &http.Client{Transport: s.Transport()}
	post := func(phase string) (int, error) {
		response, err := client.Do(must(http.NewRequestWithContext(t.Context(), "POST", s.URL+"/proofs/"+phase, strings.NewReader(s.q(5)))))
		if err != nil {
			return 0, err
		}
		response.Body.Close()
		return response.StatusCode, nil
	}
	s.Inject(Once("/proving", Fault{LoseReply: true}))
	if _, err := post("proving"); err == nil {
		t.Error("a lost reply must be an error")
	}
	if s.row(5).Status != "proving" {
		t.Error("a lost reply must leave its effect")
	}
	s.Inject(Once("/queued", Fault{LoseRequest: true}))
	if _, err := post("queued"); err == nil || s.row(5).Status != "proving" {
		t.Error("a lost request must be an error without an effect")
	}
	s.Inject(Once("/queued", Fault{Status: 503, Body: "busy"}))
	if status, err := post("queued"); err != nil || status != 503 {
		t.Errorf("injected answer: %d, %v", status, err)
	}
	if status, err := post("queued"); err != nil || status != 200 {
		t.Errorf("after the fault: %d, %v", status, err)
	}
	want := []string{"proving 5 lost", "queued 5 lost", "queued 5 503", "queued 5 200"}
	if got := s.Writes(); !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
	for _, r := range s.Requests() {
		if r.Header.Get("Authorization") != "" || r.Team != "alpha" {
			t.Errorf("recorded %v with team %q and header %v", r, r.Team, r.Header)
		}
	}
}

// TestVerify follows the handler's text: every stream begins with downloading and
// ends with complete or error.
func TestVerify(t *testing.T) {
	s := newSite(t)
	const fields = `"proving_time":1,"proof":"AAEC"`
	s.id("queued", s.q(1))
	id := s.id("proved", s.d(1, fields))
	waiting := s.id("queued", s.q(2))
	last := func(id int) string {
		t.Helper()
		response, body := s.send("GET", fmt.Sprintf("/api/verify/proofs/%d", id), "", noKey)
		events := strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n")
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" || !strings.Contains(events[0], `"status":"downloading"`) {
			t.Errorf("verify %d: %d %v %s", id, response.StatusCode, response.Header, body)
		}
		return events[len(events)-1]
	}
	want := func(event, part string) {
		t.Helper()
		if !strings.HasPrefix(event, "data: {") || !strings.Contains(event, part) {
			t.Errorf("the last event is %s, want %s", event, part)
		}
	}
	want(last(id), `"isValid":null`)
	want(last(999), `"status":"error"`)
	want(last(waiting), `Proof status is queued, not proved`)
	s.SetVerifier(func(proof, key []byte) (bool, string) { return bytes.Equal(proof, []byte{0, 1, 2}), string(key) })
	s.UploadKey("alpha", 1, []byte("a key"))
	want(last(id), `"isValid":true`)
	want(last(id), `a key`)
	s.AddVersion("alpha", 1)
	want(last(id), `no longer active`)
}

func TestActiveKeys(t *testing.T) {
	s := newSite(t)
	s.want("GET", "verification-keys/active", "", 200, `[]`, noKey)
	s.UploadKey("alpha", 1, []byte{0, 1, 2})
	s.want("GET", "verification-keys/active", "", 200, `[]`, noKey) // the cluster has proved nothing
	s.id("queued", s.q(1))
	s.id("proved", s.d(1, `"proving_time":1,"proof":"AAEC"`))
	_, body := s.send("GET", "verification-keys/active", "", noKey)
	if !strings.Contains(body, `"cluster_version_index":1,"team":"alpha"`) || !strings.Contains(body, `"vk_binary":"AAEC"`) {
		t.Errorf("active keys: %s", body)
	}
	s.SetUnlimited(false)
	for range 10 {
		s.send("GET", "verification-keys/active", "", noKey)
	}
	if response, _ := s.send("GET", "verification-keys/active", "", noKey); response.StatusCode != 429 {
		t.Errorf("the eleventh question of a minute: %d, want 429", response.StatusCode)
	}
}

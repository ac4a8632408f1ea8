package prover_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-ere/eretest"
	"github.com/proofline/proofline/plugins/prover-ere/prover"
	"github.com/proofline/proofline/sdk"
)

type behaviour = eretest.Behaviour

// TestProve: what comes of a proof, by the model of the server.
func TestProve(t *testing.T) {
	server := eretest.Start(t, behaviour{Cycles: 777})
	s := newStage(t, nil, server)
	p, a := s.open(), s.attempt("1-100-aa", framed("hello"), nil)
	result, err := p.Prove(t.Context(), a.Task)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Outputs) != 2 || result.Outputs[0].Name != "proof.ere.bin" || result.Outputs[0].Role != sdk.RoleProof || result.Outputs[1].Name != "result.json" {
		t.Errorf("%+v", result.Outputs)
	}
	if result.WorkTime != 4927*time.Nanosecond { // the report's, not the wall clock's
		t.Errorf("work time %v", result.WorkTime)
	}
	for name, want := range map[string]string{"ere_version": "0.16.2", "zkvm": "double", "zkvm_version": "0.0.1", "public_values": hex.EncodeToString([]byte("hello")),
		"proof_bytes": "11", "container": "ere", "proving_cycles": "777"} {
		if result.Facts[name] != want {
			t.Errorf("%s is %q, want %q", name, result.Facts[name], want)
		}
	}
	if !a.has(sdk.PhaseAccepted) || !a.has("PROVING") {
		t.Errorf("phases %v", a.phases)
	}
	if err := s.verify(p, a, result, nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	other := func(string, []byte) []byte { return []byte("xx") }
	if err := s.verify(p, a, result, other); sdk.ClassOf(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "bad proof") {
		t.Errorf("verify of another container: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.state, "slot-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestInputForms: which bytes reach the guest, by version and configuration.
func TestInputForms(t *testing.T) {
	for _, test := range []struct {
		version, form, framing string
		input                  map[string][]byte
		want                   string
	}{
		{"0.16.2", "auto", "", framed("hello"), "hello"},
		{"0.11.0", "auto", "", framed("hello"), "hello"},
		{"0.10.0", "auto", "", framed("hello"), "\x05\x00\x00\x00hello"},
		{"0.9.1", "auto", "framed", framed("hello"), "\x05\x00\x00\x00hello"},
		{"0.9.1", "raw", "", framed("hello"), "hello"},
		{"0.16.2", "u32-length", "", framed("hello"), "\x05\x00\x00\x00hello"},
		{"0.16.2", "auto", "", map[string][]byte{"input.bin": []byte("not framed")}, "not framed"},
		{"0.16.2", "auto", "raw", framed("hello"), string(framed("hello")["input.bin"])},
		{"0.17.0", "auto", "", framed("hello"), "hello"}, // unknown: as the newest known
	} {
		server := eretest.Start(t, behaviour{Version: test.version})
		s := newStage(t, map[string]any{"input": test.form}, server)
		facts := map[string]string{}
		if test.framing != "" {
			facts["framing"] = test.framing
		}
		if _, err := s.open().Prove(t.Context(), s.attempt("1-100-aa", test.input, facts).Task); err != nil {
			t.Errorf("%+v: %v", test, err)
		}
		if _, ok := server.Inputs.Load(test.want); !ok {
			server.Inputs.Range(func(got, _ any) bool { t.Errorf("%+v: the guest got %q", test, got); return true })
		}
	}
	server := eretest.Start(t, behaviour{})
	s := newStage(t, nil, server)
	for text, framing := range map[string]string{"": "", "not framed": "framed"} {
		a := s.attempt("1-100-aa", map[string][]byte{"input.bin": []byte(text)}, map[string]string{"framing": framing})
		if _, err := s.open().Prove(t.Context(), a.Task); sdk.ClassOf(err) != sdk.ClassPermanent {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestContainers: real containers of ere's own tests are rewritten, and verified on
// the bytes that are reported.
func TestContainers(t *testing.T) {
	for _, test := range []struct {
		fixture, zkvm, sdk, file, container string
	}{
		{"zisk-1.1.0-alpha", "zisk", "1.1.0-alpha", "proof.words.bin", "words"},
		{"sp1-6.1.0", "sp1", "6.1.0", "proof.sp1.bin", "sp1 v6.1.0"},
	} {
		proof, publics, key := eretest.Fixture(t, test.fixture)
		server := eretest.Start(t, behaviour{ZKVM: test.zkvm, SDK: test.sdk, Key: key, Proof: proof, PublicValues: publics})
		s := newStage(t, map[string]any{"proof": "ethproofs", "zkvm": test.zkvm, "guest_vk": hex.EncodeToString(key)}, server)
		p, a := s.open(), s.attempt("1-100-aa", framed("hello"), nil)
		result, err := p.Prove(t.Context(), a.Task)
		if err != nil {
			t.Errorf("%s: %v", test.fixture, err)
			continue
		}
		if o := result.Outputs[0]; o.Name != test.file || o.Role != sdk.RoleProof || result.Facts["container"] != test.container {
			t.Errorf("%s: %+v %v", test.fixture, o, result.Facts)
		}
		if err := s.verify(p, a, result, nil); err != nil {
			t.Errorf("%s: verify: %v", test.fixture, err)
		}
		err = s.verify(p, a, result, func(name string, data []byte) []byte {
			if name != test.file {
				return data
			}
			changed := bytes.Clone(data)
			changed[len(data)/2] ^= 1
			return changed
		})
		if sdk.ClassOf(err) != sdk.ClassRetryable || err == nil || !strings.Contains(err.Error(), "bytes that are reported") {
			t.Errorf("%s: a changed proof is verified: %v", test.fixture, err)
		}
	}
}

// TestIdentity: a server that is not the one meant is refused, also after a restart.
func TestIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "guest.vk")
	if err := os.WriteFile(file, []byte("a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		how    behaviour
		config map[string]any
		want   string
	}{
		{"zkVM", behaviour{ZKVM: "sp1"}, map[string]any{"zkvm": "zisk"}, "it proves with sp1, not with zisk"},
		{"version", behaviour{Version: "0.15.0"}, map[string]any{"version": "0.16"}, "it is ere-server 0.15.0, not 0.16"},
		{"old", behaviour{Version: "0.8.1"}, nil, "it is ere-server 0.8.1, which has no slot"},
		{"guest", behaviour{Key: []byte("other")}, map[string]any{"guest_vk": file}, "its guest has the key 6f74686572…, not 61206b6579…"},
		{"container", behaviour{Version: "0.9.0", ZKVM: "sp1"}, map[string]any{"zkvm": "sp1", "proof": "ethproofs"}, "the container of SP1 of ere-server 0.9.0 is not known"},
	} {
		server := eretest.Start(t, test.how)
		s := newStage(t, test.config, server)
		_, err := s.open().Prove(t.Context(), s.attempt("1-100-aa", framed("hello"), nil).Task)
		if sdk.ClassOf(err) != sdk.ClassEnvironment || err == nil || !strings.Contains(err.Error(), test.want) || server.Proofs.Load() != 0 {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		config, _ := s.decode()
		if found := findingsText(config.Check(t.Context())); !strings.Contains(found, test.want) {
			t.Errorf("%s: doctor says %s", test.name, found)
		}
	}

	server := eretest.Start(t, behaviour{})
	s := newStage(t, nil, server)
	p := s.open()
	if _, err := p.Prove(t.Context(), s.attempt("1-100-aa", framed("hello"), nil).Task); err != nil {
		t.Fatal(err)
	}
	server.Become(behaviour{Key: []byte("another guest")})
	server.Restart(t)
	_, err := p.Prove(t.Context(), s.attempt("1-101-bb", framed("hello"), nil).Task)
	if sdk.ClassOf(err) != sdk.ClassEnvironment || err == nil || !strings.Contains(err.Error(), "its guest has the key") {
		t.Errorf("after a restart with another guest: %v", err)
	}
}

func findingsText(findings []sdk.Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

// TestValidate: what a configuration cannot mean is said before anything starts.
func TestValidate(t *testing.T) {
	for _, test := range []struct {
		config map[string]any
		want   string // empty for no finding
	}{
		{map[string]any{}, ""},
		{map[string]any{"proof": "ethproofs"}, "error: config/zkvm: proof: ethproofs needs the name of the zkVM"},
		{map[string]any{"proof": "ethproofs", "zkvm": "zisk"}, ""},
		{map[string]any{"proof": "ethproofs", "zkvm": "openvm"}, "a proof of openvm cannot be rewritten"},
		{map[string]any{"proof": "ethproofs", "zkvm": "airbender"}, "a proof of airbender cannot be rewritten"},
		{map[string]any{"proof": "ethproofs", "zkvm": "risc0"}, "EthProofs has no verifier for RISC Zero"},
		{map[string]any{"proof": "ethproofs", "action": "execute"}, ""},
		{map[string]any{"version": "0.8"}, "ere-server 0.8.0 is older than 0.9.0"},
		{map[string]any{"version": "new"}, `"new" is not a version of ere-server`},
		{map[string]any{"setup_vk": "00", "zkvm": "sp1"}, "only zisk has such a key"},
		{map[string]any{"endpoints": []string{"http://gpu.example:3000"}}, "warning: config/endpoints/0: gpu.example:3000 is another machine"},
		{map[string]any{"endpoints": []string{"http://gpu.example:3000"}, "insecure_remote": true}, ""},
		{map[string]any{"endpoints": []string{"http://localhost:3000/twirp"}}, "the address has more than host and port"},
		{map[string]any{"endpoints": []string{"http://localhost:1", "http://localhost:1"}}, "the address is there twice"},
		{map[string]any{"endpoints": []string{}}, "endpoints"},
		{map[string]any{"on_timeout": []string{"docker", "restart", "{container}"}}, "container"},
	} {
		s := newStage(t, nil)
		s.config["endpoints"] = []string{"http://127.0.0.1:3000"}
		for k, v := range test.config {
			s.config[k] = v
		}
		_, findings := s.decode()
		if got := findingsText(findings); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%v: %q, want %q", test.config, got, test.want)
		}
	}
}

// TestGate: execute proves nothing, tells the cycles, and refuses a bad block.
func TestGate(t *testing.T) {
	server := eretest.Start(t, behaviour{})
	s := newStage(t, map[string]any{"action": "execute"}, server)
	p := s.open()
	result, err := p.Prove(t.Context(), s.attempt("1-100-aa", framed("hello"), nil).Task)
	if err != nil || result.Facts["proving_cycles"] != "12345" || result.Outputs[0].Name != "execution.json" || server.Proofs.Load() != 0 {
		t.Fatalf("%+v %v", result, err)
	}
	if _, err := p.Prove(t.Context(), s.attempt("1-101-bb", framed("err"), nil).Task); sdk.ClassOf(err) != sdk.ClassPermanent {
		t.Errorf("%v", err)
	}
	refused := map[string]string{"public_values": hex.EncodeToString([]byte("the good block"))}
	if _, err := p.Prove(t.Context(), s.attempt("1-102-cc", framed("hello"), refused).Task); sdk.ClassOf(err) != sdk.ClassPermanent {
		t.Errorf("other public values than the builder expects: %v", err)
	}
	if config, _ := s.decode(); config.MakesProof() {
		t.Error("a gate says that it makes proofs")
	}
}

// TestCyclesByExecution: the guest runs a second time beside the proof.
func TestCyclesByExecution(t *testing.T) {
	server := eretest.Start(t, behaviour{})
	s := newStage(t, map[string]any{"cycles": "execute"}, server)
	result, err := s.open().Prove(context.Background(), s.attempt("1-100-aa", framed("hello"), nil).Task)
	if err != nil || result.Facts["proving_cycles"] != "12345" || result.Facts["execution_ms"] != "0" {
		t.Errorf("%+v %v", result, err)
	}
}

var _ sdk.Verifier = (*prover.Prover)(nil)

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// proofVector returns the path of a file in the folder of the reference verifier, or skips
// the test.
func proofVector(t *testing.T, name ...string) string {
	t.Helper()
	return witnesstest.Shared(t, append([]string{"vectors", "zisk-verifier", "fixtures"}, name...)...)
}

func TestVerifyCommand(t *testing.T) {
	wire := proofVector(t, "1.1.0-alpha", "wire.bin")
	data, err := os.ReadFile(wire)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	body, err := json.Marshal(map[string]any{"block_number": 7, "proof": base64.StdEncoding.EncodeToString(data)})
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := proof.Compress(data)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(proofVector(t, "synthetic", "1.4.0-alpha-blake3-vadcop_final_compressed.wire.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	foreignFile := write("foreign.bin", foreign)
	foreignKey, err := proof.KeyOf(foreign[len(foreign)-40 : len(foreign)-8])
	if err != nil {
		t.Fatal(err)
	}
	config := write("pipeline.yaml", []byte("version: 1\nname: x\ndata: "+dir+"/data\noutput: "+dir+"/output\nstages: []\n"))
	write("output/100/proof.words.bin", data)
	write("output/101/vadcop_final_proof.bin", flipped)
	key, program := proofVector(t, "1.1.0-alpha", "setup_vk.bin"), proofVector(t, "1.1.0-alpha", "program_vk.bin")
	for name, tc := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"wire form":            {[]string{wire}, 0, []string{"verified", "1.1.0-alpha, 1.2.0-alpha, poseidon1", "published for ZisK 1.1.0-alpha", "does not bind a block hash", "not compared", "7138 × poseidon1/8"}},
		"keys given":           {[]string{wire, "--vk", key, "--program", program, "--version", "1.1.0-alpha"}, 0, []string{"verified"}},
		"file of eth-act/ere":  {[]string{proofVector(t, "1.1.0-alpha", "proof.bin"), "--vk", key}, 0, []string{"verified", "layout ere"}},
		"saved by 1.1":         {[]string{proofVector(t, "shapes", "saved-1.1-minimal.bin")}, 0, []string{"verified", "bincode-1.1"}},
		"zstd":                 {[]string{write("proof.zst", compressed)}, 0, []string{"verified"}},
		"request":              {[]string{write("7.json", body)}, 0, []string{"verified"}},
		"block":                {[]string{"100", "--file", config}, 0, []string{"verified", "proof.words.bin"}},
		"block, flipped":       {[]string{"101", "--file", config}, 1, []string{"refused"}},
		"no such block":        {[]string{"102", "--file", config}, 3, []string{"no proof of block 102"}},
		"flipped":              {[]string{write("flipped.bin", flipped)}, 1, []string{"refused"}},
		"cut":                  {[]string{write("cut.bin", data[:1000])}, 1, []string{"refused", "no proof in any layout"}},
		"another program":      {[]string{wire, "--program", key}, 1, []string{"refused", "program"}},
		"another setup":        {[]string{wire, "--vk", program}, 1, []string{"refused", "proving setup"}},
		"unknown release":      {[]string{wire, "--version", "1.7"}, 3, []string{"not established", "1.7"}},
		"unknown setup":        {[]string{foreignFile}, 3, []string{"not established", "--vk"}},
		"unknown setup, given": {[]string{foreignFile, "--vk", foreignKey.String()}, 0, []string{"verified", "1.4.0-alpha, blake3"}},
		"no such file":         {[]string{filepath.Join(dir, "none.bin")}, 3, []string{"none.bin"}},
		"bad key":              {[]string{wire, "--vk", "abc"}, 2, []string{"neither a file nor 64"}},
		"bad version":          {[]string{wire, "--version", "latest"}, 2, []string{"no version"}},
		"nothing":              {nil, 2, []string{"name one proof file"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := execute(t, append([]string{"verify"}, tc.args...)...)
			if code != tc.code {
				t.Errorf("exit %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out+errs, want) {
					t.Errorf("%q is not in\n%s%s", want, out, errs)
				}
			}
			if tc.code != 2 && len(out) > 0 {
				_, text, _ := execute(t, append([]string{"verify", "--json"}, tc.args...)...)
				var r verifyReport
				if err := json.Unmarshal([]byte(text), &r); err != nil || (r.Verdict == verdictVerified) != (code == 0) || (r.Reason == "") != (code == 0) {
					t.Errorf("as JSON: %v\n%s", err, text)
				}
			}
		})
	}
}

// TestHollowSetup verifies a proof that was made without any program under the published
// minimal setup of 0.17 and 0.18. The report says that it shows nothing.
func TestHollowSetup(t *testing.T) {
	packed, err := os.Open(proofVector(t, "synthetic", "0.16.0-poseidon2-vadcop_final_compressed.wire.bin.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	report, err := verifyProof(data, verifyOptions{})
	if err != nil || report.Verdict != verdictVerified || !report.Hollow || report.Published != "0.18.0" {
		t.Fatalf("%+v, %v", report, err)
	}
	var b strings.Builder
	if err := writeVerified(&b, report); err != nil || !strings.Contains(b.String(), "shows nothing against a dishonest prover") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestPrintableOutputs(t *testing.T) {
	hash := "0x" + strings.Repeat("ab", 32)
	for name, tc := range map[string]struct {
		outputs, want string
	}{
		"a length of eight bytes": {"\x42\x00\x00\x00\x00\x00\x00\x00" + hash + strings.Repeat("\x00", 100), hash},
		"a length of one byte":    {"\x42" + hash + "\x00\x00", hash},
		"bytes":                   {"\x02\x01\x02\x03\x04", ""},
		"more behind the text":    {"\x03abcd", ""},
		"zeros":                   {strings.Repeat("\x00", 256), ""},
		"nothing":                 {"", ""},
	} {
		if got := printable([]byte(tc.outputs)); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

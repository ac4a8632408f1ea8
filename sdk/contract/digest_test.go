package contract

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"
)

func TestDigest(t *testing.T) {
	want := Digest(sha256.Sum256([]byte("abc")))
	// FIPS 180-2, appendix B.1.
	const digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	text, err := json.Marshal(Artifact{Name: "a", SHA256: want})
	if err != nil || !strings.Contains(string(text), `"sha256":"`+digits+`"`) {
		t.Errorf("%s, %v", text, err)
	}
	old, err := json.Marshal([32]byte(want))
	if err != nil || old[0] != '[' {
		t.Fatalf("%s, %v", old, err)
	}
	for _, text := range []string{`"` + digits + `"`, string(old)} {
		var got Digest
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{`"abc"`, `7`, `"` + digits + `00"`, `"0x` + digits[2:] + `"`} {
		var got Digest
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is taken for a digest", text)
		}
	}
}

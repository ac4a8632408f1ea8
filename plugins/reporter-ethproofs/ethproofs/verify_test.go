package ethproofs

import (
	"strings"
	"testing"
)

// The streams are written after the text of the handler,
// ethproofs/ethproofs:app/api/verify/proofs/[id]/route.ts@98b7a6f1.
func TestReadVerdict(t *testing.T) {
	const begin = "data: {\"status\":\"downloading\",\"timestamp\":\"2026-11-25T12:00:00.000Z\"}\n\n"
	for stream, want := range map[string]string{
		begin + "data: {\"status\":\"complete\",\"isValid\":true,\"verifyTime\":12.5}\n\n":               "valid",
		begin + "data: {\"status\":\"complete\",\"isValid\":false,\"error\":\"bad proof\"}\n\n":          "refused: bad proof",
		begin + "data: {\"status\":\"complete\",\"isValid\":null,\"error\":\"Unsupported zkVM: x\"}\n\n": "not verified: Unsupported zkVM: x",
		begin + "data: {\"status\":\"error\",\"error\":\"Proof status is queued,\\nnot proved\"}\n\n":    "error: the verifier failed: Proof status is queued, not proved",
		begin:         `error: the verifier's answer ended after "downloading"`,
		"":            `error: the verifier's answer ended after "nothing"`,
		"data: {\n\n": "error: an event of the verifier cannot be read: unexpected end of JSON input",
	} {
		verdict, err := readVerdict(strings.NewReader(stream))
		got := "not verified: " + verdict.Reason
		switch {
		case err != nil:
			got = "error: " + err.Error()
		case verdict.Valid != nil && *verdict.Valid:
			got = "valid"
		case verdict.Valid != nil:
			got = "refused: " + verdict.Reason
		}
		if got != want {
			t.Errorf("%q: %s, want %s", stream, got, want)
		}
	}
}

func FuzzReadVerdict(f *testing.F) {
	f.Add("data: {\"status\":\"complete\",\"isValid\":true}\n\n")
	f.Add("event: x\ndata: {\"status\":\"error\",\"error\":\"\\u0000\"}\r\n")
	f.Fuzz(func(t *testing.T, stream string) {
		if _, err := readVerdict(strings.NewReader(stream)); err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}

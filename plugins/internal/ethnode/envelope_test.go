package ethnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// open parses an answer that arrives in pieces of n bytes.
func open(answer string, n int) (result string, err error) {
	var out bytes.Buffer
	e := &envelope{dst: &out}
	for text := []byte(answer); len(text) > 0; {
		k := min(n, len(text))
		if _, err := e.Write(text[:k]); err != nil {
			return out.String(), err
		}
		text = text[k:]
	}
	return out.String(), e.Close()
}

func TestEnvelope(t *testing.T) {
	for _, c := range []struct{ name, answer, result, err string }{
		{"plain", `{"jsonrpc":"2.0","id":1,"result":{"a":["0x12",{"b":"}"}]}}`, `{"a":["0x12",{"b":"}"}]}`, ""},
		{"result first", `{"result":"0x1","id":1,"jsonrpc":"2.0"}`, `"0x1"`, ""},
		{"spaces", " {\n \"id\" : null , \"result\" : [ 1 , 2 ] } \r\n", `[ 1 , 2 ]`, ""},
		{"escapes", `{"result":"a\"b\\","id":{"x":"\\\""}}`, `"a\"b\\"`, ""},
		{"literal", `{"id":1,"result":false}`, `false`, ""},
		{"short", `{"id":1,"result":7}`, `7`, ""},
		{"null", `{"id":1,"result":null}`, ``, errNullResult.Error()},
		{"null and error null", `{"id":1,"error":null,"result":[]}`, `[]`, ""},
		{"error", `{"id":1,"error":{"code":-32000,"message":"no such block"}}`, ``, "error -32000: no such block"},
		{"error beside null", `{"id":1,"result":null,"error":{"code":1,"message":"m"}}`, ``, "error 1: m"},
		{"error is a text", `{"error":"overloaded"}`, ``, "error 0: overloaded"},
		{"nothing", ``, ``, "answer is empty"},
		{"neither", `{"id":1}`, ``, "neither result nor error"},
		{"empty object", `{}`, ``, "neither result nor error"},
		{"array", `[1]`, ``, "want an object"},
		{"html", `<html>`, ``, "want an object"},
		{"cut in a string", `{"result":"0x12`, `"0x12`, io.ErrUnexpectedEOF.Error()},
		{"cut after the result", `{"result":"0x12"`, `"0x12"`, io.ErrUnexpectedEOF.Error()},
		{"tail", `{"result":"0x12"}x`, `"0x12"`, "want nothing after the answer"},
		{"two results", `{"result":"0x12","result":"0x12"}`, `"0x12"`, "two results"},
		{"no value", `{"id":,"result":1}`, ``, `member "id" has no value`},
		{"deep", `{"result":` + strings.Repeat("[", 100) + `}`, "", "nested too deeply"},
		{"long id", `{"id":"` + strings.Repeat("x", envelopeLimit) + `","result":1}`, "", "is over"},
	} {
		for _, n := range []int{1, 3, 1 << 20} {
			result, err := open(c.answer, n)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%s in pieces of %d: error %v, want %q", c.name, n, err, c.err)
			}
			if c.result != "" && result != c.result {
				t.Errorf("%s in pieces of %d: result %q, want %q", c.name, n, result, c.result)
			}
		}
	}
}

// FuzzEnvelope compares envelope with encoding/json. It accepts every document that is valid
// for encoding/json, and gives the same result where both accept it.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"a":["0x12",{"b":"}"}]}}`), 3)
	f.Add([]byte(`{"id":1,"error":{"code":-32000,"message":"no such block"}}`), 1)
	f.Add([]byte(`{"result":"a\"b\\","id":{"x":"\\\""}}`), 2)
	f.Fuzz(func(t *testing.T, answer []byte, n int) {
		result, err := open(string(answer), max(n%64, 1))
		whole, errWhole := open(string(answer), len(answer)+1)
		if (err == nil) != (errWhole == nil) || err == nil && result != whole {
			t.Fatalf("pieces matter: %q, %v; whole %q, %v", result, err, whole, errWhole)
		}
		var members []struct {
			name  string
			value json.RawMessage
		}
		dec := json.NewDecoder(bytes.NewReader(answer))
		if tok, e := dec.Token(); e != nil || tok != json.Delim('{') {
			return
		}
		for dec.More() {
			name, e := dec.Token()
			if e != nil {
				return
			}
			var value json.RawMessage
			if dec.Decode(&value) != nil {
				return
			}
			members = append(members, struct {
				name  string
				value json.RawMessage
			}{name.(string), value})
		}
		if _, e := dec.Token(); e != nil {
			return
		}
		if _, e := dec.Token(); e != io.EOF || bytes.ContainsRune(answer, '\\') {
			return
		}
		var results []json.RawMessage
		failed := false
		for _, m := range members {
			if m.name == "result" {
				results = append(results, m.value)
			}
			failed = failed || m.name == "error" && string(m.value) != "null" || len(m.name) > 60
		}
		if len(results) == 1 && !failed && string(results[0]) != "null" && err == nil && strings.TrimSpace(result) != string(results[0]) {
			t.Fatalf("result %q, encoding/json says %q", result, results[0])
		}
		if len(results) == 1 && !failed && string(results[0]) != "null" && err != nil && !strings.Contains(err.Error(), "too deeply") {
			t.Fatalf("refused: %v", err)
		}
	})
}

func TestEnvelopeReportsDestination(t *testing.T) {
	broken := errors.New("disk full")
	e := &envelope{dst: brokenWriter{broken}}
	_, err := io.Copy(e, iotest.OneByteReader(strings.NewReader(`{"result":"0x123456"}`)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

package jsonhex

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// readers returns readers of the same document, in memory and in pieces.
func readers(data []byte) map[string]*Reader {
	return map[string]*Reader{
		"memory":   NewReader(data),
		"stream":   NewStreamReader(bytes.NewReader(data)),
		"one byte": NewStreamReader(iotest.OneByteReader(bytes.NewReader(data))),
		"data+EOF": NewStreamReader(iotest.DataErrReader(bytes.NewReader(data))),
	}
}

// tree reads any document; numbers and booleans as their text.
func tree(r *Reader) (v any, err error) {
	kind, err := r.Peek()
	if err != nil {
		return nil, err
	}
	switch kind {
	case Object:
		m := map[string]any{}
		err = r.Object(func(key []byte) (err error) {
			m[string(key)], err = tree(r)
			return err
		})
		return m, err
	case Array:
		list := []any{}
		err = r.Array(func(int) error {
			v, err := tree(r)
			list = append(list, v)
			return err
		})
		return list, err
	case String:
		text, err := r.Text()
		return string(text), err
	case Null:
		_, err := r.Null()
		return nil, err
	}
	raw, err := r.Raw()
	return json.Number(raw), err
}

// scalars replaces numbers and booleans as encoding/json reads them by their
// text.
func scalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = scalars(v[k])
		}
	case []any:
		for i := range v {
			v[i] = scalars(v[i])
		}
	case bool:
		if v {
			return json.Number("true")
		}
		return json.Number("false")
	}
	return v
}

func standard(data []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	return scalars(v), nil
}

var documents = []string{
	`{}`, `[]`, ` [ ] `, `null`, `true`, `-1.5e+10`, `""`, `"\\"`, `"a\"b\\\"c"`, `"\u00e4\n"`,
	`{"a":{"b":[1,{"c":null}],"d":"x"},"e":[[],{},"y",false]}`,
	"\t{ \"a\" :\n[ 1 , 2 ] }\r\n",
	`{"\u0061":1,"long":"` + strings.Repeat("z", 300_000) + `","after":[true]}`,
}

func TestEqualsEncodingJSON(t *testing.T) {
	for _, text := range documents {
		want, err := standard([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range readers([]byte(text)) {
			have, err := tree(r)
			if err == nil {
				err = r.End()
			}
			if err != nil || !reflect.DeepEqual(have, want) {
				t.Errorf("%s, %s: %v, %v", Excerpt([]byte(text)), name, have, err)
			}
		}
		for name, r := range readers([]byte(text)) {
			raw, err := r.Raw()
			if err != nil || string(raw) != strings.TrimSpace(text) {
				t.Errorf("raw %s, %s: %d bytes, %v", Excerpt([]byte(text)), name, len(raw), err)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  "the document ends where a value is expected at byte 0",
		`{"a":`:                             "the document ends where a value is expected at byte 5",
		`{"a"}`:                             `want a colon after the key "a" at byte 4`,
		`{"a":1,}`:                          "want a string, have no JSON value",
		`{1:2}`:                             "want a string, have a number at byte 1",
		`[1 2]`:                             `unexpected character '2' after the element of an array at byte 3`,
		`[1,2`:                              "the document ends after the element of an array at byte 4",
		`["a`:                               "the string has no end at byte 1",
		`["\x"]`:                            "bad escape in a string at byte 1",
		`nul`:                               "unknown literal at byte 0",
		`[] []`:                             `unexpected character '[' after the document at byte 3`,
		strings.Repeat("[", maxDepth+1):     "nested deeper than 1000 levels",
		strings.Repeat(`{"a":`, maxDepth+1): "nested deeper than 1000 levels",
	} {
		for name, r := range readers([]byte(text)) {
			err := r.Skip()
			if err == nil {
				err = r.End()
			}
			if text == `["\x"]` {
				_, err = tree(readers([]byte(text))[name])
			}
			if text == `{"a":1,}` {
				want = "unexpected character '}'"
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: have %v, want %s", Excerpt([]byte(text)), name, err, want)
			}
		}
	}
}

func TestSourceFails(t *testing.T) {
	fault := errors.New("disk on fire")
	for _, text := range []string{``, `["0x12`, `["0x12"]`, `[tr`, `{"a"`} {
		r := NewStreamReader(iotest.DataErrReader(&failing{text: text, err: fault}))
		err := r.Skip()
		if err == nil {
			err = r.End()
		}
		if !errors.Is(err, fault) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

type failing struct {
	text string
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	n := copy(p, f.text)
	if f.text = f.text[n:]; n == 0 {
		return 0, f.err
	}
	return n, nil
}

func TestHex(t *testing.T) {
	var want [][]byte
	var text strings.Builder
	text.WriteString("[")
	for n := range 600 {
		b := bytes.Repeat([]byte{byte(n), 0xa5}, n)
		want = append(want, b)
		if n > 0 {
			text.WriteString(", ")
		}
		digits := hex.EncodeToString(b)
		if n%2 == 0 {
			digits = strings.ToUpper(digits)
		}
		text.WriteString(`"0x` + digits + `"`)
	}
	text.WriteString("]")
	for name, r := range readers([]byte(text.String())) {
		var have [][]byte
		err := r.Array(func(int) error {
			b, err := r.Hex()
			have = append(have, b)
			return err
		})
		if err != nil || !reflect.DeepEqual(have, want) {
			t.Errorf("%s: %d strings, %v", name, len(have), err)
		}
	}
	for text, want := range map[string]string{
		`"12"`:     `want a string that begins with 0x, have "12" at byte 1`,
		`"0x123"`:  "odd number of hexadecimal digits (3) at byte 1",
		`"0x12g4"`: "a character that is no hexadecimal digit in the string at byte 1",
		`"0x1 34"`: "a character that is no hexadecimal digit",
		`12`:       "want a string, have a number at byte 1",
	} {
		for name, r := range readers([]byte(" " + text)) {
			if _, err := r.Hex(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: have %v, want %s", text, name, err, want)
			}
		}
	}
}

// FuzzReader compares with encoding/json: what the reader takes, the standard
// library takes too and reads the same, except for numbers and invalid UTF-8.
func FuzzReader(f *testing.F) {
	for _, text := range documents[:len(documents)-1] {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first any
		var firstErr error
		for i, name := range []string{"memory", "stream", "one byte"} {
			r := readers(data)[name]
			v, err := tree(r)
			if err == nil {
				err = r.End()
			}
			if i == 0 {
				first, firstErr = v, err
			} else if (err == nil) != (firstErr == nil) || err == nil && !reflect.DeepEqual(v, first) {
				t.Fatalf("in memory %v, %v; %s %v, %v", first, firstErr, name, v, err)
			}
		}
		want, err := standard(data)
		if err == nil && firstErr != nil {
			t.Fatalf("refused: %v", firstErr)
		}
		if err == nil && !bytes.ContainsRune(data, 0xfffd) && json.Valid(data) && isASCII(data) && !reflect.DeepEqual(first, want) {
			t.Fatalf("have %v, want %v", first, want)
		}
	})
}

func isASCII(data []byte) bool {
	for _, b := range data {
		if b >= 0x80 {
			return false
		}
	}
	return true
}

// endless delivers a beginning and then one character for ever.
type endless struct {
	begin string
	seen  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.begin)
	e.begin = e.begin[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'a'
	}
	e.seen += len(p)
	return len(p), nil
}

// A value that never ends is given up, whatever it is read as, after a bounded part
// of it.
func TestEndlessValues(t *testing.T) {
	for name, c := range map[string]struct {
		begin string
		read  func(r *Reader) error
		most  int
		want  string
	}{
		"text":          {`"`, func(r *Reader) error { _, err := r.Text(); return err }, 4 * maxText, "a value is over 1048576 bytes"},
		"raw":           {`{"a":"`, func(r *Reader) error { _, err := r.Raw(); return err }, 4 * maxText, "a value is over 1048576 bytes"},
		"a key":         {`{"`, func(r *Reader) error { return r.Object(func([]byte) error { return nil }) }, 4 * maxText, "a value is over 1048576 bytes"},
		"a byte string": {`"0x`, func(r *Reader) error { _, err := r.Hex(); return err }, 2 * maxHex, "a string is over 67108864 characters"},
	} {
		src := &endless{begin: c.begin}
		if err := c.read(NewStreamReader(src)); err == nil || !strings.Contains(err.Error(), c.want) || src.seen > c.most {
			t.Errorf("%s: %v after %d bytes", name, err, src.seen)
		}
	}
}

package input_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestDecodeIsStrict checks that an encoding that Encode would not write is refused, and that
// the error names the place.
func TestDecodeIsStrict(t *testing.T) {
	good := file(t, witnesstest.Shared(t, "vectors", "amsterdam", "d4_sar00", "stateless_input.bin"))
	put := func(at int, value uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], value); return b }
	}
	for _, c := range []struct {
		name, want string
		change     func([]byte) []byte
	}{
		{"nothing", "too short for a schema id", func([]byte) []byte { return nil }},
		{"no schema", "schema id 0x1502", func(b []byte) []byte { b[1] = 2; return b }},
		{"unknown fork", "schema id 0x1601", func(b []byte) []byte { b[0] = 0x16; return b }},
		{"cut off", "fewer than the 16 of the fixed part", func(b []byte) []byte { return b[:10] }},
		{"first offset", "input.new_payload_request: the first offset is 17, want 16", put(2, 17)},
		{"offset behind the end", "input.witness: its offset", put(6, 1<<30)},
		{"offset before the other", "input.witness: its offset 3 is before", put(6, 3)},
		{"a byte too many", "input.witness.headers[0]: an item of", func(b []byte) []byte { return append(b, make([]byte, 1000)...) }},
		{"fork of another payload", "execution_payload.extra_data: the first offset is 540, want 528", func(b []byte) []byte { b[0] = 0x14; return b }},
	} {
		_, err := input.Decode(c.change(bytes.Clone(good)), guest.SSZD4)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %s", c.name, err, c.want)
		}
	}
}

// FuzzDecode checks that every input that decodes encodes to the same bytes, and has a root.
func FuzzDecode(f *testing.F) {
	// Minimal inputs of every fork and dialect.
	for fork := guest.Paris; fork <= guest.Amsterdam; fork++ {
		for _, dialect := range guest.Dialects() {
			in := input.Input{Dialect: dialect, Fork: fork}
			in.Payload.Transactions = [][]byte{{1}, {}, {2, 3}}
			in.Witness.State = [][]byte{{4}, {5, 6}}
			b, err := in.Encode()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, dialect == guest.SSZD3)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, d3 bool) {
		dialect := guest.SSZD4
		if d3 {
			dialect = guest.SSZD3
		}
		in, err := input.Decode(data, dialect)
		if err != nil {
			return
		}
		again, err := in.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("decodes, but encodes to %x: %v", again, err)
		}
		in.Output()
		in.Leaves()
	})
}

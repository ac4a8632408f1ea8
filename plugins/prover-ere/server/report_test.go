package server

import (
	"bytes"
	"testing"
)

// FuzzReports: no report makes the reader panic or allocate without end, and what it
// takes has exactly one form.
func FuzzReports(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x3f\x13\x00\x00\x00"))                                 // prove-ok.response
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x62\x0b\x00\x00\x01\x09\x03\x00\x00\x00\x00\x00\x00")) // prove-ok-cycles.response
	f.Add([]byte("90\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00setup-\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8n\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		if r, err := parseProveReport(data); err == nil && len(data) != 13 && len(data) != 21 || r.Time < 0 {
			t.Errorf("%x: %+v", data, r)
		}
		if r, err := parseExecuteReport(data); err == nil && len(data) < 28 || r.Time < 0 {
			t.Errorf("%x: %+v", data, r)
		}
		if _, err := parseInfo(data); err == nil && !bytes.Contains(data, []byte(infoMetric)) {
			t.Errorf("%q is a page of metrics", data)
		}
		if !bytes.Equal(before, data) {
			t.Error("the report was changed")
		}
	})
}

// TestReportOfAnotherVersion: lengths that no known version sends are refused.
func TestReportOfAnotherVersion(t *testing.T) {
	for _, data := range [][]byte{nil, make([]byte, 12), make([]byte, 14), append(make([]byte, 12), 1), append(make([]byte, 12), 2)} {
		if r, err := parseProveReport(data); err == nil {
			t.Errorf("%x: %+v", data, r)
		}
	}
}

package eretest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestReplay: every recorded request gets the recorded bytes.
func TestReplay(t *testing.T) {
	url := Replay(t)
	for _, e := range Recordings(t) {
		if e.Name == afterPanic {
			continue
		}
		if got := exchange(t, url, e.Request); !bytes.Equal(got, e.Response) {
			t.Errorf("%s: answered %q, recorded is %q", e.Name, got, e.Response)
		}
	}
}

// exchange sends bytes over a connection of their own and reads until its end.
func exchange(t *testing.T, url string, request []byte) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// answer is what of a recorded and of a modelled answer must agree.
type answer struct {
	status      int
	contentType string
	body        string
}

// TestModel: the model answers recorded requests as the real server did: status, type
// and body, with the nanoseconds of reports and the words of the server's JSON parser
// left out. JSON requests, which the client never sends, and the figures of metrics are
// not modelled.
func TestModel(t *testing.T) {
	plain, counting := Start(t, Behaviour{}), Start(t, Behaviour{Cycles: 777})
	compared := 0
	for _, e := range Recordings(t) {
		if strings.HasPrefix(e.Name, "json-") || e.Name == "metrics" {
			continue
		}
		server := plain
		if e.Name == "prove-ok-cycles" {
			server = counting
		}
		got, want := readAnswer(t, e, exchange(t, server.URL, e.Request)), readAnswer(t, e, e.Response)
		if got != want {
			t.Errorf("%s: the model answers %+v, the server has answered %+v", e.Name, got, want)
		}
		compared++
	}
	if compared < 20 {
		t.Errorf("only %d exchanges were compared", compared)
	}
}

func readAnswer(t *testing.T, e Exchange, data []byte) answer {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(e.Request)))
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(bytes.NewReader(data))
	if bytes.HasPrefix(data, []byte("HTTP/1.1 100 ")) {
		if _, err := http.ReadResponse(from, r); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.ReadResponse(from, r)
	if err != nil {
		t.Fatalf("%s: %v in %q", e.Name, err, data)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{response.StatusCode, response.Header.Get("Content-Type"), string(body)}
	switch {
	case a.contentType == "application/json":
		a.body, _, _ = strings.Cut(a.body, `"error":`)
	case strings.Contains(r.URL.Path, "Execute") && len(body) > 20: // nanoseconds come last
		a.body = string(body[:len(body)-4])
	case strings.Contains(r.URL.Path, "Prove") && bytes.Contains(body, []byte("PROOF:")):
		at := bytes.LastIndexByte(body, 0x1a) + 2 + 8 // field 3, its length, the seconds
		a.body = fmt.Sprintf("%q…%q", body[:at], body[at+4:])
	}
	return a
}

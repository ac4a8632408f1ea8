package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// peer answers each connection with the next text and hands out the request.
func peer(t *testing.T, answers ...string) (Client, <-chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	requests := make(chan string, len(answers))
	go func() {
		for _, answer := range answers {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			requests <- line
			_, _ = conn.Write([]byte(answer))
			conn.Close()
		}
	}()
	return Client{Port: listener.Addr().(*net.TCPAddr).Port}, requests
}

func TestProve(t *testing.T) {
	c, requests := peer(t, `{"zisk_response":"zisk_prove_response","cmd":"prove","result":"in_progress","code":0,"node":0,"server_id":"x","elf_file":"e","input":"i"}`)
	if err := c.Prove(t.Context(), Job{Input: "/in", Folder: "/out", Prefix: "p", MinimalMemory: true}); err != nil {
		t.Fatal(err)
	}
	line := <-requests
	if !strings.HasSuffix(line, "}\n") {
		t.Errorf("request %q", line)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"command": "prove", "input": "/in", "folder": "/out", "prefix": "p", "minimal_memory": true,
		"aggregation": true, "rma": false, "final_snark": false, "verify_proofs": false}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s is %v, want %v", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("request %s", line)
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct{ answer, want string }{
		{`{"zisk_response":"zisk_status_response","cmd":"status","result":"ok","code":0,"node":0,"server_id":"x","elf_file":"e","uptime":"1s","status":"idle"}`, ""},
		{`{"zisk_response":"zisk_error_response","cmd":"busy","result":"in_progress","code":1003,"node":0,"msg":"Server is busy, please try again later."}`, "busy"},
		{`{"zisk_response":"zisk_invalid_request_response","base":{"cmd":"invalid_request","result":"error","code":1002,"node":0,"msg":"missing field"}}`, "missing field"},
		{`{"zisk_response":"zisk_error_response","cmd":"status","result":"error","code":1001,"node":0}`, "code 1001"},
		{`{"zisk_response":"zisk_status_response","code":0,"status":"asleep"}`, "asleep"},
		{`{}`, "no code"},
		{``, "without an answer"},
		{`HTTP/1.1 400 Bad Request`, "not a JSON"},
		{strings.Repeat(" ", maxAnswer+1), "more than"},
	} {
		c, _ := peer(t, tc.answer)
		s, err := c.Status(t.Context())
		switch {
		case tc.want == "" && (err != nil || !s.Idle || s.ID != "x"):
			t.Errorf("%s: %+v, %v", tc.answer, s, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%.80s: %v, want %q", tc.answer, err, tc.want)
		case tc.want == "busy" && !errors.Is(err, ErrBusy):
			t.Errorf("%v is not ErrBusy", err)
		}
	}
}

// TestNoAnswer has a server that accepts and says nothing: the call ends with
// its context and names the cause.
func TestNoAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, cause)
	defer cancel()
	if err := (Client{Port: listener.Addr().(*net.TCPAddr).Port}).Shutdown(ctx); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := (Client{Port: listener.Addr().(*net.TCPAddr).Port}).Prove(t.Context(), Job{}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"zisk_response":"zisk_status_response","code":0,"status":"idle"}`))
	f.Add([]byte(`{"base":{"code":1002,"msg":"x","base":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := decode(data); err == nil && (a.Code == nil || *a.Code != codeOK) {
			t.Errorf("%q was taken for a yes", data)
		}
	})
}

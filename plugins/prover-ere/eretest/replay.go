package eretest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Replay starts a server that answers each recorded request with the recorded bytes and
// closes the connection, as all recorded answers announce. It returns the address of the
// server. A request that was not recorded fails the test.
func Replay(t testing.TB) (url string) {
	t.Helper()
	recorded := answers(t, Recordings(t))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				replay(t, conn, recorded)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wait.Wait()
	})
	return "http://" + listener.Addr().String()
}

func replay(t testing.TB, conn net.Conn, recorded map[string][]byte) {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return // the client has disconnected
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answer, ok := recorded[key(r, body)]
	if !ok {
		t.Errorf("%s was not recorded", key(r, body))
		return
	}
	_, _ = conn.Write(answer)
}

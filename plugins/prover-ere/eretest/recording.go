package eretest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Exchange is a recorded HTTP exchange with a real ere-server 0.16.2. Its zkVM was a
// stand-in of a few lines. Transport, queue, health and error texts are therefore those
// of the real server, and proofs are not those of a zkVM.
type Exchange struct {
	Name              string
	Request, Response []byte // all bytes of the connection
}

// Recordings returns the recorded exchanges, or skips the test where they are missing.
func Recordings(t testing.TB) []Exchange {
	t.Helper()
	dir := filepath.Join(Shared(t), "vectors", "ere")
	names, err := filepath.Glob(filepath.Join(dir, "*.request"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skipf("needs the recorded exchanges in %s", dir)
	}
	var out []Exchange
	for _, name := range names {
		e := Exchange{Name: strings.TrimSuffix(filepath.Base(name), ".request")}
		if e.Request, err = os.ReadFile(name); err == nil {
			e.Response, err = os.ReadFile(strings.TrimSuffix(name, ".request") + ".response")
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// Shared returns the directory "shared" of test data in the parent folder of the checkout.
func Shared(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test runs outside of the checkout")
		}
		dir = filepath.Dir(dir)
	}
}

// Fixture returns a real container of a zkVM with its public values and program key, from
// the tests of eth-act/ere, or skips the test where it is missing. The name is that of
// the folder without "-fixture".
func Fixture(t testing.TB, name string) (proof, publics, key []byte) {
	t.Helper()
	dir := filepath.Join(Shared(t), "vectors", "ere", name+"-fixture")
	for file, into := range map[string]*[]byte{"proof.bin": &proof, "public_values.bin": &publics, "program_vk.bin": &key} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Skipf("needs the fixtures of ere: %v", err)
		}
		*into = data
	}
	return proof, publics, key
}

// key returns a text that is different for different recorded requests.
func key(r *http.Request, body []byte) string {
	return fmt.Sprintf("%s %s %q %q %q %x", r.Method, r.URL.RequestURI(), r.Header.Values("Content-Type"), r.Header.Values("Content-Encoding"), r.Header.Values("Expect"), body)
}

// afterPanic is the exchange with the same request as prove-ok. It shows that the server
// works after a panic, and its answer differs from that of prove-ok in the time only.
const afterPanic = "prove-after-panic"

// answers returns the recorded answers by the key of their request.
func answers(t testing.TB, recorded []Exchange) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, e := range recorded {
		if e.Name == afterPanic {
			continue
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(e.Request)))
		if err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		out[key(r, body)] = e.Response
	}
	return out
}

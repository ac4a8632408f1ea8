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

// Exchange is one recorded HTTP exchange with a real ere-server 0.16.2, whose zkVM was
// a stand-in of a few lines: transport, queue, health and texts of errors are the
// server's own; proofs are not those of a zkVM.
type Exchange struct {
	Name              string
	Request, Response []byte // as they went over the connection
}

// Recordings reads the recorded exchanges, or skips the test where they are absent.
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

// Shared returns the directory of shared test data beside the checkout.
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

// Fixture reads a real container of a zkVM with its public values and program key, as
// eth-act/ere has them for its own tests, or skips the test. The name is that of the
// folder without "-fixture".
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

// key is what tells recorded requests apart.
func key(r *http.Request, body []byte) string {
	return fmt.Sprintf("%s %s %q %q %q %x", r.Method, r.URL.RequestURI(), r.Header.Values("Content-Type"), r.Header.Values("Content-Encoding"), r.Header.Values("Expect"), body)
}

// afterPanic is the exchange whose request is that of prove-ok: it shows that the
// server works on after a panic, and its answer differs in the time only.
const afterPanic = "prove-after-panic"

// answers maps requests to recorded answers.
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

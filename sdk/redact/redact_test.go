package redact

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Every form of five kinds of secret, in the middle of a text.
func TestForms(t *testing.T) {
	const key, odd, password = "k3y-4711-abc", `q/u+o"t e&d=`, "pa55:wörd"
	r := New(append(append(SecretsOfURL("https://operator:"+url.QueryEscape(password)+"@node.example/v3/"+key+"?token="+url.QueryEscape(odd)),
		SecretsOfHeader(http.Header{"Authorization": {"Bearer t0ken-t0ken"}, "X-Api-Key": {"header-k3y"}})...), odd)...)
	std := base64.StdEncoding.EncodeToString
	for _, form := range []string{
		key, "/v3/" + key, std([]byte(key)), base64.RawURLEncoding.EncodeToString([]byte(key)),
		odd, url.QueryEscape(odd), url.PathEscape(odd), strings.ToLower(url.QueryEscape(odd)), fmt.Sprintf("%q", odd), std([]byte(odd)), `q\/u+o"t e&d=`, `q/u+o\"t e\u0026d=`,
		password, url.QueryEscape(password), std([]byte(password)), std([]byte("operator:" + password)), "operator:" + password,
		"t0ken-t0ken", "Bearer t0ken-t0ken", std([]byte("t0ken-t0ken")), "header-k3y",
	} {
		said := "the node said: " + form + " is not valid"
		clean := r.Text(said)
		for _, secret := range []string{form, key, odd, "pa55", "t0ken", "header-k3y", std([]byte(form))} {
			if strings.Contains(clean, secret) {
				t.Errorf("%q left %q in %q", form, secret, clean)
			}
		}
		if !strings.Contains(clean, Hidden) || !strings.HasPrefix(clean, "the node said: ") || !strings.HasSuffix(clean, " is not valid") {
			t.Errorf("%q became %q", said, clean)
		}
	}
	if said := "version v3 of node.example"; r.Text(said) != said {
		t.Errorf("no secret, and still: %q", r.Text(said))
	}
}

func TestLongestFirst(t *testing.T) {
	r := New("secret", "secret-and-more")
	if have := r.Text("a secret-and-more b secret c"); have != "a [redacted] b [redacted] c" {
		t.Error(have)
	}
	if have := New("abcd", "").Text("abcd"); have != "abcd" {
		t.Errorf("a secret of four bytes: %s", have)
	}
	if have := (*Redactor)(nil).Text("x"); have != "x" {
		t.Error(have)
	}
}

func TestError(t *testing.T) {
	r := New("s3cret")
	err := r.Error(fmt.Errorf("read https://x/s3cret: %w", io.ErrUnexpectedEOF))
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(fmt.Errorf("again: %w", err).Error(), "s3cret") {
		t.Error(err)
	}
	if r.Error(nil) != nil || r.Error(io.EOF) != io.EOF {
		t.Error("an error without secrets was changed")
	}
}

func TestURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://a:8545": "http://a:8545", "http://a:8545/": "http://a:8545", "https://a/v3/key": "https://a/…", "https://u:p@a": "https://a/…",
		"wss://a?k=v": "wss://a/…", "https://a/#f": "https://a/…", "ftp://a/key": "(unreadable URL)", "key": "(unreadable URL)", "http://%zz": "(unreadable URL)",
	} {
		if have := URL(raw); have != want {
			t.Errorf("%s is shown as %s, want %s", raw, have, want)
		}
	}
}

// A redactor of whole values knows the parts of them, too.
func TestParts(t *testing.T) {
	r := New(Parts("https://oper:passw0rd@node.test/v3/k3y-of-a-path?token=t0ken-in-query", "Bearer b3arer-token", "plain-secret")...)
	for _, said := range []string{
		"k3y-of-a-path", "passw0rd", "oper:passw0rd", "b3BlcjpwYXNzdzByZA==", "t0ken-in-query", "b3arer-token", "plain-secret",
		"https://oper:passw0rd@node.test/v3/k3y-of-a-path?token=t0ken-in-query",
	} {
		if text := r.Text("said " + said + "."); text != "said "+Hidden+"." {
			t.Errorf("%q became %q", said, text)
		}
	}
	if text := r.Text("node.test is down"); text != "node.test is down" {
		t.Errorf("the host's name became %q", text)
	}
}

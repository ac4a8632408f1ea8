// Package redact removes secrets from texts that may hold them: error messages of
// other services, log lines, findings. It is applied where texts of other programs enter
// a process, and once more where texts leave it.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Hidden stands in place of a secret.
const Hidden = "[redacted]"

// minSecret is the length in bytes of the shortest secret that is searched for. A shorter
// one occurs by chance in too many texts.
const minSecret = 5

// Redactor replaces secrets in texts. The zero value and nil replace nothing. It is
// safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// New returns a redactor of secrets. It finds each of them in all the forms in which they
// occur in texts: unchanged, quoted, in JSON, escaped for a URL or unescaped from one,
// and in base64. Secrets of fewer than five bytes are not replaced, because they occur by
// chance.
func New(secrets ...string) *Redactor {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, formsOf(secret)...)
	}
	// Longer forms come first, so that none is replaced only in part.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		if len(form) >= minSecret {
			pairs = append(pairs, form, Hidden)
		}
	}
	if len(pairs) == 0 {
		return &Redactor{}
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// Text returns the text with Hidden in place of each secret.
func (r *Redactor) Text(s string) string {
	if r == nil || r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// Error returns an error with the same error chain whose own text holds no secret. It
// returns err itself if there is no secret in its text. Nil stays nil.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	if clean := r.Text(message); clean != message {
		return &cleaned{clean, err}
	}
	return err
}

type cleaned struct {
	text string
	err  error
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }

// formsOf returns the forms of a secret that New lists.
func formsOf(secret string) []string {
	if len(secret) < minSecret {
		return nil
	}
	plain := []string{secret}
	for _, unescape := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape} {
		if s, err := unescape(secret); err == nil && s != secret {
			plain = append(plain, s)
		}
	}
	forms := plain
	for _, s := range plain {
		quoted := strconv.Quote(s)
		forms = append(forms, quoted[1:len(quoted)-1])
		if inJSON, err := json.Marshal(s); err == nil {
			forms = append(forms, string(inJSON[1:len(inJSON)-1]))
		}
		forms = append(forms, strings.ReplaceAll(s, "/", `\/`))
		for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s)} {
			forms = append(forms, escaped, lowerEscapes(escaped))
		}
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			forms = append(forms, encoding.EncodeToString([]byte(s)))
		}
	}
	return forms
}

// lowerEscapes writes the digits of percent escapes in lower case.
func lowerEscapes(escaped string) string {
	out := []byte(escaped)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:], strings.ToLower(string(out[i+1:i+3])))
		}
	}
	return string(out)
}

// URL returns scheme and host of an address, which may be shown. User info, path, query
// and fragment may hold a key and become "…". The result is "(unreadable URL)" for
// anything but an http, https, ws or wss URL with a host.
func URL(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
		return "(unreadable URL)"
	}
	shown := u.Scheme + "://" + u.Host
	if u.User != nil || len(u.Path) > 1 || u.RawQuery != "" || u.Fragment != "" {
		shown += "/…"
	}
	return shown
}

// Parts returns the secrets and those parts of them that are secrets by themselves: for a
// URL the parts that SecretsOfURL returns, and for the value of an Authorization header
// those that SecretsOfHeader returns.
func Parts(secrets ...string) (parts []string) {
	for _, secret := range secrets {
		parts = append(parts, secret)
		if u, err := url.Parse(strings.TrimSpace(secret)); err == nil && u.Host != "" {
			parts = append(parts, SecretsOfURL(secret)...)
		}
		if scheme, _, ok := strings.Cut(secret, " "); ok && slices.Contains([]string{"basic", "bearer"}, strings.ToLower(scheme)) {
			parts = append(parts, SecretsOfHeader(http.Header{"Authorization": {secret}})...)
		}
	}
	return parts
}

// SecretsOfURL returns the parts of an address that must not be shown: user and
// password, alone and joined by a colon, the path and its segments, the values of the
// query, the fragment, and the whole address. Parts of fewer than six bytes, such as the
// segment "v3", are left out, except for the password. A text that is not a URL is
// returned whole.
func SecretsOfURL(raw string) []string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" {
		return []string{raw}
	}
	var parts []string
	add := func(part string) {
		if len(part) >= 6 {
			parts = append(parts, part)
		}
	}
	if URL(raw) != strings.TrimSuffix(u.String(), "/") {
		add(u.String())
	}
	add(u.EscapedPath())
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		add(segment)
	}
	add(u.RawQuery)
	for _, values := range u.Query() {
		for _, v := range values {
			add(v)
		}
	}
	add(u.Fragment)
	if u.User != nil {
		password, _ := u.User.Password()
		add(u.User.String())
		add(u.User.Username())
		parts = append(parts, password, u.User.Username()+":"+password)
	}
	return parts
}

// SecretsOfHeader returns the values of headers, and for a value such as "Bearer …" also
// the part after the first blank. For "Basic …" it also returns the decoded pair of user
// and password, and the password.
func SecretsOfHeader(header http.Header) []string {
	var parts []string
	for _, values := range header {
		for _, v := range values {
			parts = append(parts, v)
			scheme, token, ok := strings.Cut(v, " ")
			if !ok {
				continue
			}
			parts = append(parts, token)
			if pair, err := base64.StdEncoding.DecodeString(token); err == nil && strings.EqualFold(scheme, "Basic") {
				_, password, _ := strings.Cut(string(pair), ":")
				parts = append(parts, string(pair), password)
			}
		}
	}
	return parts
}

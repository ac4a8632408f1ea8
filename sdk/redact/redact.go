// Package redact removes secrets from texts that may hold them: error messages of
// other services, log lines, findings. It is applied where words of others enter a
// process, and once more where texts leave it.
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

// MinSecret is the length of the shortest secret that is searched for, in bytes:
// shorter ones occur by chance everywhere.
const MinSecret = 5

// Redactor replaces secrets in texts. The zero value and nil replace nothing. It is
// safe for concurrent use.
type Redactor struct{ replacer *strings.Replacer }

// New makes a redactor of secrets in all the forms in which they occur in texts:
// as they are, quoted, in JSON, escaped for a URL or unescaped from one, and in
// base64. Longer forms go first, so that none is replaced in part.
func New(secrets ...string) *Redactor {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, formsOf(secret)...)
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	var pairs []string
	for _, form := range slices.Compact(forms) {
		if len(form) >= MinSecret {
			pairs = append(pairs, form, Hidden)
		}
	}
	if len(pairs) == 0 {
		return &Redactor{}
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// Text returns the text without the secrets.
func (r *Redactor) Text(s string) string {
	if r == nil || r.replacer == nil {
		return s
	}
	return r.replacer.Replace(s)
}

// Error returns an error with the same chain whose text, and so the text of
// whatever wraps it, holds no secret. It returns err itself where there is none.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	if clean := r.Text(said); clean != said {
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

func formsOf(secret string) []string {
	if len(secret) < MinSecret {
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

// URL returns the form of an address that may be shown: scheme and host. User info,
// path, query and fragment may hold a key and become "…".
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

// Parts lists secrets, and with those that are an address, a pair as Basic
// authentication has it, or the value of an Authorization header, the parts of them
// that are secrets by themselves.
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

// SecretsOfURL lists the parts of an address that must not be shown: user and
// password, alone and joined as Basic authentication has them, the path and its
// segments, the values of the query, the fragment, and the whole. A segment of
// fewer than six characters, such as "v3", is no key.
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

// SecretsOfHeader lists the values of headers, and what stands behind the first
// word of one, as the token of "Bearer …". The decoded user and password of
// "Basic …" are among them.
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

package ethnode

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Redact returns the form of an endpoint's URL that may be shown: scheme and
// host. User info, path and query may hold an API key and become "…".
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) {
		return "(unreadable URL)"
	}
	shown := u.Scheme + "://" + u.Host
	if u.User != nil || len(u.Path) > 1 || u.RawQuery != "" || u.Fragment != "" {
		shown += "/…"
	}
	return shown
}

// secretsOf lists the parts of an endpoint that must not leave the process,
// should a server or a library repeat them in a message.
func secretsOf(u *url.URL, header http.Header) []string {
	var parts []string
	add := func(text string) {
		if len(text) >= 6 {
			parts = append(parts, text)
		}
	}
	add(u.String())
	add(u.EscapedPath())
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		add(segment)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			add(v)
			add(url.QueryEscape(v))
		}
	}
	if u.User != nil {
		add(u.User.String())
		add(u.User.Username())
		password, _ := u.User.Password()
		add(password)
	}
	for _, values := range header {
		for _, v := range values {
			add(v)
			if _, token, ok := strings.Cut(v, " "); ok {
				add(token)
			}
		}
	}
	return parts
}

// scrub replaces every secret in a text that came from outside.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return text
}

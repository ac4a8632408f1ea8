package monitor

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// policy lets a page load only what this server serves. The only inline style and the only
// inline script that it admits are those that every page carries.
var policy = "default-src 'none'; script-src 'self' " + starter.source + "; style-src " + sheet.source + "; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// tokenCookie keeps the token of a browser, which cannot send a header with a
// stream of events.
const tokenCookie = "proofline_token"

// guard sets the headers of every answer. It refuses requests with a method other than GET
// and HEAD, for an unknown host name, and without the token where one is configured.
func guard(c Config, next http.Handler) http.Handler {
	hostname, _ := os.Hostname()
	names := []string{strings.ToLower(hostname)}
	for _, h := range c.Hosts {
		names = append(names, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "the monitor is read-only", http.StatusMethodNotAllowed)
		case !isKnownHost(r.Host, names):
			http.Error(w, "the monitor is not known by this name; write it under monitor.hosts in the pipeline file", http.StatusMisdirectedRequest)
		case c.Token != "" && !isHealth(r.URL.Path) && !authorize(w, r, c.Token):
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isKnownHost reports whether a Host header names this server: by an address, by a name
// without a dot, by a reserved name or by one of names. A page on the internet can point its
// own name at any address (DNS rebinding), but it cannot own one of these.
func isKnownHost(host string, names []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || slices.Contains(names, name) {
		return true
	}
	for _, reserved := range []string{".localhost", ".local", ".internal", ".home.arpa", ".test"} { // RFC 6761, 6762, 8375; ICANN .internal
		if strings.HasSuffix(name, reserved) {
			return true
		}
	}
	return false
}

// isHealth reports whether a path is one of the health endpoints, which need no token.
func isHealth(path string) bool {
	path = strings.TrimPrefix(path, "/api")
	return path == "/health" || strings.HasPrefix(path, "/health/")
}

// authorize reports whether a request carries the token. A browser that carries it in the
// address gets a cookie and is redirected to the address without it. When authorize returns
// false, it has already answered the request.
func authorize(w http.ResponseWriter, r *http.Request, token string) bool {
	isToken := func(text string) bool { return subtle.ConstantTimeCompare([]byte(text), []byte(token)) == 1 }
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && isToken(bearer) {
		return true
	}
	if cookie, err := r.Cookie(tokenCookie); err == nil && isToken(cookie.Value) {
		return true
	}
	query := r.URL.Query()
	if isToken(query.Get("token")) {
		query.Del("token")
		http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 30 * 24 * 3600})
		target := *r.URL
		target.Scheme, target.Host, target.RawQuery = "", "", query.Encode()
		target.Path = "/" + strings.TrimLeft(target.Path, "/\\") // never another host
		http.Redirect(w, r, target.String(), http.StatusSeeOther)
		return false
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "a token is needed: as a bearer token, or in a browser once as ?token=…", http.StatusUnauthorized)
	return false
}

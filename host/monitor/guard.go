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

// policy lets a page load what this server serves, and nothing else. Its only style and
// its only script of its own are those that every page carries.
var policy = "default-src 'none'; script-src 'self' " + starter.source + "; style-src " + sheet.source + "; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// tokenCookie keeps the token of a browser, which cannot send a header with a
// stream of events.
const tokenCookie = "proofline_token"

// guard sets what every answer carries, and turns away what may not ask: other
// methods than reading ones, names that are not ours, and who lacks the token.
func guard(c Config, next http.Handler) http.Handler {
	machine, _ := os.Hostname()
	ours := []string{strings.ToLower(machine)}
	for _, h := range c.Hosts {
		ours = append(ours, strings.ToLower(strings.TrimSuffix(h, ".")))
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
		case !known(r.Host, ours):
			http.Error(w, "the monitor is not known by this name; write it under monitor.hosts in the pipeline file", http.StatusMisdirectedRequest)
		case c.Token != "" && !isHealth(r.URL.Path) && !admitted(w, r, c.Token):
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// known reports whether a Host header names this server. A page on the internet can
// point a name of its own at any address (DNS rebinding), but it cannot own an
// address, a name without a dot, or one of the reserved names.
func known(host string, ours []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") || slices.Contains(ours, name) {
		return true
	}
	for _, reserved := range []string{".localhost", ".local", ".internal", ".home.arpa", ".test"} { // RFC 6761, 6762, 8375; ICANN .internal
		if strings.HasSuffix(name, reserved) {
			return true
		}
	}
	return false
}

func isHealth(path string) bool {
	path = strings.TrimPrefix(path, "/api")
	return path == "/health" || strings.HasPrefix(path, "/health/")
}

// admitted reports whether a request shows the token. A browser that shows it in
// the address gets a cookie and an address without it. Where it answers false it
// has answered the request.
func admitted(w http.ResponseWriter, r *http.Request, token string) bool {
	same := func(text string) bool { return subtle.ConstantTimeCompare([]byte(text), []byte(token)) == 1 }
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && same(bearer) {
		return true
	}
	if cookie, err := r.Cookie(tokenCookie); err == nil && same(cookie.Value) {
		return true
	}
	query := r.URL.Query()
	if same(query.Get("token")) {
		query.Del("token")
		http.SetCookie(w, &http.Cookie{Name: tokenCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 30 * 24 * 3600})
		to := *r.URL
		to.Scheme, to.Host, to.RawQuery = "", "", query.Encode()
		to.Path = "/" + strings.TrimLeft(to.Path, "/\\") // never another host
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
		return false
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "a token is needed: as a bearer token, or in a browser once as ?token=…", http.StatusUnauthorized)
	return false
}

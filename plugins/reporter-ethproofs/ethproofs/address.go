package ethproofs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Production is the base URL of the public site.
const Production = "https://ethproofs.org/api/v0"

// ParseURL returns the base URL of the routes, without a trailing slash. A URL without
// a path gets /api/v0, and another path stays unchanged. "https://host",
// "https://host/" and "https://host/api/v0/" therefore are the same target. A URL with
// credentials is an error, because URLs are printed and stored. Errors never quote raw.
func ParseURL(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		// The error of the parser quotes the input, which may contain a password.
		return "", errors.New("the URL cannot be parsed")
	}
	switch {
	case u.User != nil:
		return "", errors.New("the URL holds credentials; the key belongs into api_key")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("the URL must begin with https:// (such as %s)", Production)
	case u.Hostname() == "":
		return "", fmt.Errorf("the URL has no host (want one such as %s)", Production)
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("the URL must end with its path; ? and # have no meaning here")
	}
	u.Host = strings.ToLower(u.Host)
	path := strings.TrimRight(u.Path, "/")
	if path == "" {
		path = "/api/v0"
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// SendsKeyInClear reports whether requests to this base URL would carry the key
// unencrypted over a network.
func SendsKeyInClear(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return false
	}
	if strings.EqualFold(u.Hostname(), "localhost") {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

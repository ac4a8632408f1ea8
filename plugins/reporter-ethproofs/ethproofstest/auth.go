package ethproofstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type team struct {
	id   string // UUID
	slug string
}

// apiKey is what the server knows about a key.
type apiKey struct {
	team *team
	mode string // read, write or admin; the write routes ignore it
}

type keyContext struct{}

// authorized passes requests with a known key on to next. As on the site, the key is
// the second part of the header, whatever the first part is.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.Header.Get("Authorization"), " ")
		if len(parts) < 2 || parts[1] == "" {
			text(w, http.StatusUnauthorized, "No API key provided")
			return
		}
		s.mu.Lock()
		key, known := s.keys[parts[1]]
		s.mu.Unlock()
		if !known {
			text(w, http.StatusUnauthorized, "Invalid API key")
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), keyContext{}, key)))
	}
}

// keyOf returns the key that authorized has found in the request.
func keyOf(r *http.Request) apiKey {
	key, _ := r.Context().Value(keyContext{}).(apiKey)
	return key
}

// window is the limiter's unit of time.
const window = time.Minute

// limiter counts requests as Upstash's sliding window does: the requests of the current
// minute plus the share of the previous minute that lies within the last 60 s.
type limiter struct {
	off    bool
	scale  int                      // factor of every limit
	counts map[string]map[int64]int // requests by key and by minute since 1970
}

func newLimiter() limiter { return limiter{scale: 1, counts: make(map[string]map[int64]int)} }

// take counts a request, unless the limit of ceiling requests a minute is reached; then
// ok is false.
func (l *limiter) take(key string, ceiling int, now time.Time) (remaining int, reset time.Time, ok bool) {
	minute := now.UnixMilli() / window.Milliseconds()
	reset = time.UnixMilli((minute + 1) * window.Milliseconds())
	if l.off {
		return -1, now.Add(window), true
	}
	perMinute := l.counts[key]
	if perMinute == nil {
		perMinute = make(map[int64]int)
		l.counts[key] = perMinute
	}
	elapsed := float64(now.UnixMilli()%window.Milliseconds()) / float64(window.Milliseconds())
	earlier := int(math.Floor((1 - elapsed) * float64(perMinute[minute-1])))
	ceiling *= l.scale
	if earlier+perMinute[minute] >= ceiling {
		return 0, reset, false
	}
	perMinute[minute]++
	return ceiling - earlier - perMinute[minute], reset, true
}

// SetUnlimited turns the limiter off, as on a site without one.
func (s *Server) SetUnlimited(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter.off = off
}

// SetBudget multiplies the limits of the limiter, so that a test of many blocks takes
// less time.
func (s *Server) SetBudget(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter.scale = times
}

// limited limits the requests of each key to next to ceiling a minute. As on the site,
// only headers of the form "Bearer KEY" count, in any case and with one space.
func (s *Server) limited(ceiling int, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.Header.Get("Authorization"), " ")
		if len(parts) != 2 || parts[1] == "" || !strings.EqualFold(parts[0], "bearer") {
			next(w, r)
			return
		}
		s.mu.Lock()
		now := s.now()
		remaining, reset, ok := s.limiter.take(parts[1], ceiling, now)
		s.mu.Unlock()
		w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
		w.Header().Set("X-RateLimit-Reset", reset.UTC().Format("2006-01-02T15:04:05.000Z"))
		if ok {
			next(w, r)
			return
		}
		wait := int(math.Ceil(reset.Sub(now).Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		writeJSON(w, http.StatusTooManyRequests, struct {
			Error      string `json:"error"`
			Message    string `json:"message"`
			RetryAfter int    `json:"retryAfter"`
		}{"Rate limit exceeded", fmt.Sprintf("Rate limit exceeded. Try again in %d seconds", wait), wait})
	}
}

// limitedByAddress is limited for a route that takes no key. A request without a key
// counts for its address; all addresses are one here.
func (s *Server) limitedByAddress(ceiling int, next http.HandlerFunc) http.HandlerFunc {
	limited := s.limited(ceiling, next)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			r = r.Clone(r.Context())
			r.Header.Set("Authorization", "Bearer ip:unknown")
		}
		limited(w, r)
	}
}

// text answers with a plain text and the content type that the site uses for it.
func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("ethproofstest: %v", err))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}

// unhandled answers as the site's framework does after an exception that no handler
// catches: status 500 without body, content type and rate limit headers.
func unhandled(w http.ResponseWriter) {
	w.Header().Del("X-RateLimit-Remaining")
	w.Header().Del("X-RateLimit-Reset")
	w.WriteHeader(http.StatusInternalServerError)
}

// uuid returns a version 4 UUID that depends on the parts only.
func uuid(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-%s-%s-%s", h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

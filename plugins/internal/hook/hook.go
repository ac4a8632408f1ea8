// Package hook posts messages to a web hook, whose URL is itself a secret. The class of
// an error tells whether another try makes sense. Errors name only the host, and the
// URL and the headers are removed from the receiver's answers.
package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/internal/retry"
	"github.com/proofline/proofline/plugins/internal/secret"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/text"
	"github.com/proofline/proofline/sdk/tracing"
)

// Poster posts to one URL. It is safe for concurrent use.
type Poster struct {
	url          string
	host         string
	remedy       string
	header       http.Header
	redactor     *redact.Redactor
	misaddressed Misaddressed // nil where only the status decides
	http         *http.Client
}

// Misaddressed reports whether an answer means that the receiver does not exist or is
// not allowed, for receivers whose status alone does not show that.
type Misaddressed func(status int, body []byte) bool

// New returns a poster for the target URL. It removes white space around the URL. It
// sends the header, whose values are secrets, with every request. timeout limits one
// whole request. remedy tells an operator what to do when the URL is wrong or was
// revoked. hidden are further secrets, which are part of a path or a body.
func New(target sdk.Secret, header http.Header, timeout time.Duration, remedy string, hidden ...string) (*Poster, error) {
	cleaned, err := secret.Clean("the URL (not shown)", target.Reveal())
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(cleaned)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("the URL (not shown) is no http or https URL")
	}
	secrets := append(redact.SecretsOfURL(cleaned), redact.SecretsOfHeader(header)...)
	return &Poster{url: cleaned, host: u.Host, remedy: remedy, header: header, redactor: redact.New(append(secrets, hidden...)...), http: &http.Client{
		Timeout:       timeout,
		Transport:     tracing.Transport(http.DefaultTransport.(*http.Transport).Clone()),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// SetMisaddressed sets a rule for answers that mean that the receiver is wrong. It must
// be called before the first request.
func (p *Poster) SetMisaddressed(misaddressed Misaddressed) { p.misaddressed = misaddressed }

// Host returns the host and port of the URL.
func (p *Poster) Host() string { return p.host }

// Close closes idle connections.
func (p *Poster) Close() { p.http.CloseIdleConnections() }

// Get sends a GET request to the URL, with the errors of Post. A preflight uses it for
// receivers that answer GET without writing anything.
func (p *Poster) Get(ctx context.Context) error {
	return p.do(ctx, http.MethodGet, nil, nil, 1)
}

// Post sends one message. header adds to the poster's own, and try counts from 1. Any
// status 2xx is success. 408, 425, 429, 5xx and broken connections are retryable errors
// with the pause that the server asks for, or one that grows with try. An answer that
// means that the URL is wrong or no longer allowed is an environment error. Other
// answers are permanent errors.
func (p *Poster) Post(ctx context.Context, header http.Header, body []byte, try uint32) error {
	return p.do(ctx, http.MethodPost, header, body, try)
}

func (p *Poster) do(ctx context.Context, method string, header http.Header, body []byte, try uint32) error {
	request, err := http.NewRequestWithContext(ctx, method, p.url, bytes.NewReader(body))
	if err != nil {
		return sdk.Permanent(fmt.Errorf("%s to %s: the request cannot be made", method, p.host))
	}
	maps.Copy(request.Header, p.header)
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", "proofline/"+release.Version)
	response, err := p.http.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the wrapper prints the URL
		}
		err = fmt.Errorf("%s to %s: %w", method, p.host, err)
		if errors.Is(err, context.Canceled) {
			return sdk.Interrupted(err)
		}
		return sdk.RetryAfter(err, retry.Backoff(try))
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if response.StatusCode/100 == 2 {
		return nil
	}
	return p.classify(response, content, try)
}

func (p *Poster) classify(response *http.Response, content []byte, try uint32) error {
	excerpt := text.Line(p.redactor.Text(string(content)), 200)
	status := response.StatusCode
	err := fmt.Errorf("%s to %s: status %d: %s", response.Request.Method, p.host, status, strconv.Quote(excerpt))
	switch {
	case status >= 500, status == 429, status == 408, status == 425:
		return sdk.RetryAfter(err, retry.After(response.Header, time.Now(), bodyPause(content, retry.Backoff(try))))
	case p.misaddressed != nil && p.misaddressed(status, content):
		return sdk.Environment(err, p.remedy)
	case status/100 == 3, status == 401, status == 403, status == 404, status == 405, status == 410:
		return sdk.Environment(err, p.remedy)
	}
	return sdk.Permanent(err)
}

// bodyPause returns the pause that Discord (retry_after) and Telegram
// (parameters.retry_after) give in the body of a 429, in seconds. It returns otherwise
// where the body has none.
func bodyPause(content []byte, otherwise time.Duration) time.Duration {
	var body struct {
		After      float64 `json:"retry_after"`
		Parameters struct {
			After float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(content, &body) != nil {
		return otherwise
	}
	seconds := min(max(body.After, body.Parameters.After), 3600)
	if seconds <= 0 {
		return otherwise
	}
	return time.Duration(seconds * float64(time.Second))
}

// Package hook posts messages to a web hook: a URL that is itself a secret. It
// says of every answer whether another try makes sense. Its errors name the host
// only; where a receiver repeats a part of the URL or of a header, that is blotted
// out.
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

// Poster posts to one URL. It may be used concurrently.
type Poster struct {
	url      string
	host     string
	remedy   string
	header   http.Header
	redactor *redact.Redactor
	lost     Misaddressed // nil for status codes alone
	http     *http.Client
}

// Misaddressed reports whether an answer means that the receiver is not there or not
// allowed, where its status alone does not say so.
type Misaddressed func(status int, body []byte) bool

// New returns a poster. White space around the URL is no part of it. The header,
// whose values count as secrets, goes with every request. The timeout bounds one
// request as a whole. The remedy is what an operator should do when the URL is wrong
// or was revoked. Hidden texts are secrets that are part of a path or a body.
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

// JudgeBy adds a rule for answers that mean that the receiver is wrong. It is called
// before the poster is used.
func (p *Poster) JudgeBy(lost Misaddressed) { p.lost = lost }

// Host is where messages go.
func (p *Poster) Host() string { return p.host }

// Close drops idle connections.
func (p *Poster) Close() { p.http.CloseIdleConnections() }

// Get asks for what is at the URL, by the rules of Post. It is how a preflight finds
// out whether a receiver is there that answers to GET without writing anything.
func (p *Poster) Get(ctx context.Context) error {
	return p.do(ctx, http.MethodGet, nil, nil, 1)
}

// Post sends one message; header adds to the poster's own. Any 2xx is success. The error has a class: 408, 425,
// 429, 5xx and broken connections are retryable, with the pause that the server
// or the number of tries asks for; an answer that means that the URL is wrong or
// not allowed any more is an environment error; other answers are permanent.
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
	return p.judge(response, content, try)
}

func (p *Poster) judge(response *http.Response, content []byte, try uint32) error {
	said := text.Line(p.redactor.Text(string(content)), 200)
	status := response.StatusCode
	err := fmt.Errorf("%s to %s: status %d: %s", response.Request.Method, p.host, status, strconv.Quote(said))
	switch {
	case status >= 500, status == 429, status == 408, status == 425:
		return sdk.RetryAfter(err, retry.After(response.Header, time.Now(), pauseIn(content, retry.Backoff(try))))
	case p.lost != nil && p.lost(status, content):
		return sdk.Environment(err, p.remedy)
	case status/100 == 3, status == 401, status == 403, status == 404, status == 405, status == 410:
		return sdk.Environment(err, p.remedy)
	}
	return sdk.Permanent(err)
}

// pauseIn reads the pause that Discord (retry_after) and Telegram
// (parameters.retry_after) ask for in the body of a 429, in seconds.
func pauseIn(content []byte, otherwise time.Duration) time.Duration {
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

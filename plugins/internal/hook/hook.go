// Package hook posts messages to a web hook: a URL that is itself a secret. It
// says of every answer whether another try makes sense. Its errors name the host
// only; where a receiver repeats a part of the URL or of a header, that is blotted
// out.
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/internal/retry"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/text"
)

// Poster posts to one URL. It may be used concurrently.
type Poster struct {
	url      string
	host     string
	remedy   string
	header   http.Header
	redactor *redact.Redactor
	http     *http.Client
}

// New returns a poster. The header, whose values count as secrets, goes with
// every request. The timeout bounds one request as a whole. The remedy is what an
// operator should do when the URL is wrong or was revoked.
func New(target sdk.Secret, header http.Header, timeout time.Duration, remedy string) (*Poster, error) {
	u, err := url.Parse(target.Reveal())
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("the URL (not shown) is no http or https URL")
	}
	return &Poster{url: target.Reveal(), host: u.Host, remedy: remedy, header: header, redactor: redact.New(append(redact.SecretsOfURL(target.Reveal()), redact.SecretsOfHeader(header)...)...), http: &http.Client{
		Timeout:       timeout,
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Host is where messages go.
func (p *Poster) Host() string { return p.host }

// Close drops idle connections.
func (p *Poster) Close() { p.http.CloseIdleConnections() }

// Post sends one message; header adds to the poster's own. Any 2xx is success. The error has a class: 408, 425,
// 429, 5xx and broken connections are retryable, with the pause that the server
// or the number of tries asks for; an answer that means that the URL is wrong or
// not allowed any more is an environment error; other answers are permanent.
func (p *Poster) Post(ctx context.Context, header http.Header, body []byte, try uint32) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return sdk.Permanent(fmt.Errorf("POST to %s: the request cannot be made", p.host))
	}
	maps.Copy(request.Header, p.header)
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", "proofline/"+release.Version)
	response, err := p.http.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the wrapper prints the URL
		}
		err = fmt.Errorf("POST to %s: %w", p.host, err)
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
	said := text.CutCharacters(strings.Join(strings.Fields(p.redactor.Text(string(content))), " "), 200)
	status := response.StatusCode
	err := fmt.Errorf("POST to %s: status %d: %s", p.host, status, strconv.Quote(said))
	switch {
	case status >= 500, status == 429, status == 408, status == 425:
		return sdk.RetryAfter(err, retry.After(response.Header, time.Now(), retry.Backoff(try)))
	case status/100 == 3, status == 401, status == 403, status == 404, status == 405, status == 410:
		return sdk.Environment(err, p.remedy)
	}
	return sdk.Permanent(err)
}

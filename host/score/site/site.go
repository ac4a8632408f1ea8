// Package site asks EthProofs which blocks it counts, so that a score divides by the same
// number of blocks as EthProofs.
package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/host/score"
)

// pause is the time between two requests. The platform of the site allows 30 requests of
// one address on these routes, in a time that it does not state.
const pause = 500 * time.Millisecond

// ErrPartial is wrapped by an error after which the remaining blocks were not asked
// about. The answers up to then are returned with the error and may be used.
var ErrPartial = errors.New("EthProofs was not asked of every block")

// Ask asks the site at base, such as https://ethproofs.org/api/v0, of each number
// (GET /blocks/{number}, ethproofs/ethproofs:app/api/v0/blocks/[block]@98b7a6f1).
// The route takes no key; its answers may be a day old.
func Ask(ctx context.Context, client *http.Client, base string, numbers []uint64) (*score.Site, error) {
	base, err := address(base)
	if err != nil {
		return nil, err
	}
	known := &score.Site{Times: make(map[uint64]time.Time, len(numbers))}
	for i, number := range numbers {
		if i > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return known, fmt.Errorf("%w (%d of %d): %w", ErrPartial, i, len(numbers), ctx.Err())
			}
		}
		at, err := ask(ctx, client, base+"/blocks/"+strconv.FormatUint(number, 10))
		if err != nil {
			return known, fmt.Errorf("%w (%d of %d): %w", ErrPartial, i, len(numbers), err)
		}
		known.Times[number] = at
	}
	return known, nil
}

// address returns the base URL without a trailing slash. When it has no path, /api/v0 is
// appended, as in the configuration of the reporter.
func address(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", errors.New("the address of EthProofs is no http or https URL without credentials")
	}
	path := strings.TrimRight(u.Path, "/")
	if path == "" {
		path = "/api/v0"
	}
	return u.Scheme + "://" + u.Host + path, nil
}

// ask returns the time of a block at the site; zero for a block that it does not count.
func ask(ctx context.Context, client *http.Client, address string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusNotFound:
		return time.Time{}, nil
	case http.StatusOK:
	default:
		return time.Time{}, fmt.Errorf("GET %s: status %d", address, response.StatusCode)
	}
	var block struct {
		Number *uint64    `json:"block_number"`
		Time   *time.Time `json:"timestamp"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&block); err != nil || block.Number == nil {
		return time.Time{}, fmt.Errorf("GET %s: the answer is not a block", address)
	}
	if block.Time == nil {
		return time.Time{}, nil
	}
	return *block.Time, nil
}

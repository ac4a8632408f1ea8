package ethproofs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StoredProof is what the site shows of a proof that it has.
type StoredProof struct {
	ID      int64     `json:"proof_id"`
	Block   uint64    `json:"block_number"`
	Version int64     `json:"cluster_version_id"`
	Cluster string    `json:"cluster_id"` // a UUID, not the index that the writes take
	Time    int64     `json:"proving_time"`
	Cycles  uint64    `json:"proving_cycles"` // 0 where none was given
	Size    int64     `json:"size_bytes"`
	Proved  time.Time `json:"proved_timestamp"`
	Team    struct {
		Slug string `json:"slug"`
	} `json:"team"`
}

// Proofs returns what the site has of a block, from all teams. The route counts
// against the key's budget.
func (c *Client) Proofs(ctx context.Context, block uint64) ([]StoredProof, *Limit, error) {
	path := "/proofs?limit=1000&block=" + strconv.FormatUint(block, 10)
	content, limit, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, limit, err
	}
	var answer struct {
		Proofs []StoredProof `json:"proofs"`
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return nil, limit, fmt.Errorf("GET %s%s: the answer is not a list of proofs: %s", c.base, path, c.excerpt(content))
	}
	return answer.Proofs, limit, nil
}

// SiteBlock is the site's row of a block.
type SiteBlock struct {
	Number uint64 `json:"block_number"`
	// Time is nil until the site has fetched the header, which puts the block
	// outside every scoring window.
	Time *time.Time `json:"timestamp"`
	Hash string     `json:"hash"`
}

// Block returns the site's row of a block, nil where it has none: then nobody has
// announced or proved it. The route takes no key and is not rate limited by the
// application; its answers may be a day old.
func (c *Client) Block(ctx context.Context, number uint64) (*SiteBlock, error) {
	address := c.base + "/blocks/" + strconv.FormatUint(number, 10)
	response, err := c.request(ctx, http.MethodGet, address, false, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, c.statusError("GET "+address, response)
	}
	var block SiteBlock
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&block); err != nil {
		return nil, fmt.Errorf("GET %s: the answer is not a block: %w", address, err)
	}
	return &block, nil
}

// ErrNoDownload is returned where the server knows the proof and cannot serve
// its bytes.
var ErrNoDownload = errors.New("the stored proof cannot be downloaded")

// Download fetches the stored bytes of a proof, at most limit of them. The route
// counts against the key's budget and is refused while 30 of its 60 requests are
// used. The store is another host: the key is not sent there, only a host that may
// be the store is asked, and nothing of what another kind of answer holds is shown.
func (c *Client) Download(ctx context.Context, proofID, limit int64) ([]byte, error) {
	address := c.base + "/proofs/download/" + strconv.FormatInt(proofID, 10)
	response, err := c.request(ctx, http.MethodGet, address, true, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	location, err := response.Location()
	if response.StatusCode != http.StatusFound || err != nil {
		return nil, c.statusError("GET "+address, response)
	}
	if err := c.mayStore(location); err != nil {
		return nil, fmt.Errorf("GET %s: redirected to %s: %w", address, location.Host, err)
	}
	object, err := c.request(ctx, http.MethodGet, location.String(), false, nil)
	if err != nil {
		return nil, fmt.Errorf("GET proof %d from %s: %w", proofID, location.Host, err)
	}
	defer object.Body.Close()
	if status := object.StatusCode; status != http.StatusOK {
		err := &StatusError{Request: fmt.Sprintf("GET proof %d from %s", proofID, location.Host), Status: status, Text: "its text is not shown"}
		if status >= 400 && status < 500 {
			return nil, fmt.Errorf("%w: %w", ErrNoDownload, err)
		}
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(object.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("GET proof %d from %s: %w", proofID, location.Host, err)
	}
	return content, nil
}

// storeSuffix is where the site keeps its proofs: a project of this provider
// (ethproofs/ethproofs:lib/api/proof-binaries.ts, next.config.js@98b7a6f1).
const storeSuffix = ".supabase.co"

// mayStore returns an error unless the address may be that of the store of proofs:
// the API's own host, a project of the site's provider, or a host that the
// operator named; and encrypted where the API is.
func (c *Client) mayStore(address *url.URL) error {
	base, err := url.Parse(c.base)
	if err != nil {
		return err
	}
	host := strings.ToLower(address.Hostname())
	switch {
	case address.User != nil:
		return errors.New("the address holds credentials")
	case address.Scheme != "https" && address.Scheme != base.Scheme:
		return fmt.Errorf("an address with %q is not followed", address.Scheme)
	case strings.EqualFold(address.Host, base.Host), slices.Contains(c.store, host):
		return nil
	case net.ParseIP(host) == nil && strings.HasSuffix(host, storeSuffix):
		return nil
	}
	return errors.New("that host is not known as EthProofs' store of proofs (proof_hosts names others)")
}

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

// StoredProof is what the site shows of a stored proof.
type StoredProof struct {
	ID      int64     `json:"proof_id"`
	Block   uint64    `json:"block_number"`
	Version int64     `json:"cluster_version_id"`
	Cluster string    `json:"cluster_id"`     // a UUID, not the index that the writes use
	Time    int64     `json:"proving_time"`   // milliseconds
	Cycles  uint64    `json:"proving_cycles"` // 0 where the request had none
	Size    int64     `json:"size_bytes"`     // of the decoded proof
	Proved  time.Time `json:"proved_timestamp"`
	Team    struct {
		Slug string `json:"slug"`
	} `json:"team"`
}

// Proofs returns the stored proofs of a block by all teams, at most 1000. The route
// counts against the key's budget. The limit is that of Send.
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

// SiteBlock is the row of a block at the site.
type SiteBlock struct {
	Number uint64 `json:"block_number"`
	// Time is nil until the site has fetched the header. A block without a time is
	// outside every scoring window.
	Time *time.Time `json:"timestamp"`
	Hash string     `json:"hash"`
}

// ErrNotFound is returned by Block where the site has no row of the block.
var ErrNotFound = errors.New("EthProofs has no such block")

// Block returns the site's row of a block, and ErrNotFound where nobody has announced
// or proved the block. The route takes no key and is not rate limited by the
// application. Its answers may be a day old.
func (c *Client) Block(ctx context.Context, number uint64) (*SiteBlock, error) {
	address := c.base + "/blocks/" + strconv.FormatUint(number, 10)
	response, err := c.request(ctx, http.MethodGet, address, false, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("GET %s: %w", address, ErrNotFound)
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

// ErrNoDownload is returned by Download where the server has a row of the proof and
// cannot serve its bytes.
var ErrNoDownload = errors.New("the stored proof cannot be downloaded")

// Download returns the stored bytes of a proof, at most limit+1 of them. The route
// counts against the key's budget and is refused once 30 of its 60 requests are used.
// The route redirects to a store on another host. Download sends no key there, follows
// only redirects to a host that may be the store, and shows no text of its answers.
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
	if err := c.checkStore(location); err != nil {
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

// storeSuffix is the end of the host name of the site's store of proofs, a project at
// this provider (ethproofs/ethproofs:lib/api/proof-binaries.ts, next.config.js@98b7a6f1).
const storeSuffix = ".supabase.co"

// checkStore returns an error unless the address may be the store of proofs: the host
// of the API, a project at the site's provider, or a host of AllowStores. The address
// must use https, or the scheme of the API.
func (c *Client) checkStore(address *url.URL) error {
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

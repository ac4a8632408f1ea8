package ethproofs

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Verdict is the result of the site's own verifier for a stored proof.
type Verdict struct {
	// Valid is nil where the site could not verify the proof: it has no verifier for the
	// zkVM, it has no verification key, or the cluster's version is not active any more.
	Valid  *bool
	Reason string  // why the proof is not valid or could not be verified; else empty
	Millis float64 // time that the verifier took, in milliseconds
}

// ErrNoVerifier is returned by Verify for a base URL that does not end in /api/v0,
// because the address of the verifier cannot be derived from it.
var ErrNoVerifier = errors.New("the site's verifier is not found at this URL")

// Verify has the site verify a stored proof and waits for the verdict, the last event
// of a stream (ethproofs/ethproofs:app/api/verify/proofs/[id]/route.ts@98b7a6f1). The
// route takes no key. The client's timeout includes the verification.
func (c *Client) Verify(ctx context.Context, proofID int64) (Verdict, error) {
	root, ok := strings.CutSuffix(c.base, "/api/v0")
	if !ok {
		return Verdict{}, ErrNoVerifier
	}
	address := root + "/api/verify/proofs/" + strconv.FormatInt(proofID, 10)
	response, err := c.request(ctx, http.MethodGet, address, false, nil)
	if err != nil {
		return Verdict{}, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return Verdict{}, c.statusError("GET "+address, response)
	}
	verdict, err := readVerdict(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return Verdict{}, fmt.Errorf("GET %s: %s", address, c.redactor.Text(err.Error()))
	}
	verdict.Reason = c.redactor.Text(verdict.Reason)
	return verdict, nil
}

// readVerdict reads server-sent events up to the verdict or the error that ends the
// stream.
func readVerdict(stream io.Reader) (Verdict, error) {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 64<<10)
	last := "nothing"
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var event struct {
			Status  string  `json:"status"`
			IsValid *bool   `json:"isValid"`
			Error   string  `json:"error"`
			Time    float64 `json:"verifyTime"`
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return Verdict{}, fmt.Errorf("an event of the verifier cannot be read: %w", err)
		}
		switch last = event.Status; event.Status {
		case "complete":
			return Verdict{event.IsValid, event.Error, event.Time}, nil
		case "error":
			return Verdict{}, fmt.Errorf("the verifier failed: %s", oneLine(event.Error))
		}
	}
	if err := lines.Err(); err != nil {
		return Verdict{}, fmt.Errorf("the verifier's answer broke off: %w", err)
	}
	return Verdict{}, fmt.Errorf("the verifier's answer ended after %q", last)
}

// VerificationKey is the verification key of an active cluster version of any team.
type VerificationKey struct {
	Cluster string // UUID
	Version int    // counts from 1 within the cluster
	Team    string
	ZkVM    string
	Path    string // name of the file at EthProofs
	Key     []byte
}

// VerificationKeys returns the verification keys of the active multi-GPU clusters of
// all teams. The request carries no API key, because with one it would count against
// the key's budget, of which this route allows ten requests a minute.
func (c *Client) VerificationKeys(ctx context.Context) ([]VerificationKey, error) {
	address := c.base + "/verification-keys/active"
	response, err := c.request(ctx, http.MethodGet, address, false, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, c.statusError("GET "+address, response)
	}
	var list []struct {
		Cluster string `json:"cluster_id"`
		Version int    `json:"cluster_version_index"`
		Team    string `json:"team"`
		ZkVM    string `json:"zkvm"`
		Path    string `json:"vk_path"`
		Binary  string `json:"vk_binary"`
	}
	// The keys of some zkVMs have several megabytes.
	if err := json.NewDecoder(io.LimitReader(response.Body, 256<<20)).Decode(&list); err != nil {
		return nil, fmt.Errorf("GET %s: the answer is not a list of keys: %w", address, err)
	}
	keys := make([]VerificationKey, 0, len(list))
	for _, k := range list {
		content, err := base64.StdEncoding.DecodeString(k.Binary)
		if err != nil {
			return nil, fmt.Errorf("GET %s: the key of %s is not base64", address, oneLine(k.Team))
		}
		keys = append(keys, VerificationKey{oneLine(k.Cluster), k.Version, oneLine(k.Team), oneLine(k.ZkVM), oneLine(k.Path), content})
	}
	return keys, nil
}

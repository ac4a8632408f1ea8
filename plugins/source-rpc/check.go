package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
)

// Check implements the SDK's checker. It asks every endpoint for its chain, whether it is
// in sync, and for the witness of its head. The fault of an endpoint is an error only if
// no other endpoint can replace it, otherwise a warning.
func (c *Config) Check(ctx context.Context) []sdk.Finding {
	checks := make([]endpointCheck, len(c.Endpoints))
	var group sync.WaitGroup
	for i, e := range c.endpoints() {
		group.Go(func() { checks[i] = checkEndpoint(ctx, e, c.MaxHeadAge.Std()) })
	}
	group.Wait()

	chain, reason := c.ChainID, "chain_id is"
	if chain == 0 {
		ids := make([]uint64, len(checks))
		for i := range checks {
			ids[i] = checks[i].chain
		}
		chain, reason = ethnode.Majority(ids), "most endpoints serve chain"
	}
	heads, witnesses := 0, 0
	for i := range checks {
		r := &checks[i]
		if r.chain != 0 && r.chain != chain {
			r.fault(fmt.Sprintf("serves chain %d, but %s %d", r.chain, reason, chain), "list endpoints of one chain only, and set chain_id to it")
			r.head, r.witness = false, false
		}
		if r.head && c.Endpoints[i].has(roleHead) {
			heads++
		}
		if r.witness && c.Endpoints[i].has(roleWitness) {
			witnesses++
		}
	}
	var findings []sdk.Finding
	for i, r := range checks {
		for _, f := range r.findings {
			f.Pointer = fmt.Sprintf("/endpoints/%d", i)
			if f.Severity == sdk.SeverityError && heads > 0 && witnesses > 0 {
				f.Severity = sdk.SeverityWarning
			}
			findings = append(findings, f)
		}
	}
	slices.SortStableFunc(findings, func(a, b sdk.Finding) int { return severityRank(a) - severityRank(b) })
	return findings
}

// severityRank orders findings, errors first.
func severityRank(f sdk.Finding) int {
	return slices.Index([]sdk.Severity{sdk.SeverityError, sdk.SeverityWarning, sdk.SeverityInfo}, f.Severity)
}

// endpointCheck is the outcome of checking one endpoint.
type endpointCheck struct {
	name          string
	chain         uint64
	head, witness bool // it can be used for heads, for witnesses
	findings      []sdk.Finding
}

func (r *endpointCheck) add(severity sdk.Severity, summary, remedy string) {
	r.findings = append(r.findings, sdk.Finding{Severity: severity, Summary: r.name + ": " + summary, Remedy: remedy})
}

func (r *endpointCheck) fault(summary, remedy string) { r.add(sdk.SeverityError, summary, remedy) }

// callFailed adds the error of a call with its remedy.
func (r *endpointCheck) callFailed(problem string, err error) {
	remedy := ""
	if e, ok := errors.AsType[*contract.Error](err); ok {
		err, remedy = e.Err, e.Remedy
	}
	r.fault(fmt.Sprintf("%s: %v", problem, err), remedy)
}

// maxAhead is how far the time of a block may be ahead of this machine's clock. Nodes
// refuse blocks of the future, so a larger difference means that the clock is slow.
const maxAhead = 2 * time.Second

// checkEndpoint checks one endpoint.
func checkEndpoint(ctx context.Context, e ethnode.Endpoint, maxAge time.Duration) (r endpointCheck) {
	client, err := ethnode.NewClient(e.URL, e.Options)
	if err != nil {
		r.callFailed("unusable", err)
		return r
	}
	defer client.Close()
	r.name = client.Name()
	if r.chain, err = client.ChainID(ctx); err != nil {
		r.callFailed("not reachable", err)
		return r
	}
	syncing, behind, err := client.Syncing(ctx)
	if err != nil && !errors.Is(err, ethnode.ErrNoMethod) {
		r.callFailed("whether it syncs is unknown", err)
		return r
	}
	if syncing {
		r.fault(fmt.Sprintf("the node is syncing, %d blocks behind", behind), "wait until it has caught up; it is not used until then")
		return r
	}
	head, err := client.Head(ctx)
	if err != nil {
		r.callFailed("its head is unknown", err)
		return r
	}
	r.head = true
	if age := time.Since(head.Time).Round(time.Second); maxAge > 0 && age > maxAge {
		r.add(sdk.SeverityWarning, fmt.Sprintf("its head %d is %v old", head.Number, age), "is the consensus client running, and the clock right?")
	}
	if ahead := time.Until(head.Time).Round(time.Second); ahead > maxAhead {
		r.add(sdk.SeverityWarning, fmt.Sprintf("its head %d is made in %v by the clock of this machine", head.Number, ahead), "the clock is slow: timedatectl set-ntp true")
	}
	version, err := client.ClientVersion(ctx)
	if err != nil {
		version = "unknown client"
	}
	summary := fmt.Sprintf("%s, chain %d, head %d", version, r.chain, head.Number)
	switch {
	case e.NoWitness:
	case head.Number == 0:
		r.witness = true // the genesis block has no witness
	default:
		var size byteCount
		begun := time.Now()
		if err := client.Witness(ctx, &size, head.Block(r.chain)); err != nil {
			r.callFailed(fmt.Sprintf("no witness of its head %d", head.Number), err)
		} else {
			r.witness = true
			summary += fmt.Sprintf(", witness of %.1f MB in %v", float64(size)/1e6, time.Since(begun).Round(time.Millisecond))
		}
	}
	if e.WS != "" {
		if err := subscribes(ctx, e); err != nil {
			r.add(sdk.SeverityWarning, fmt.Sprintf("no newHeads over %s", redact.URL(e.WS)),
				"check the address and that the node serves the eth namespace over WebSocket; blocks are found by polling until then")
		}
	}
	r.add(sdk.SeverityInfo, summary, "")
	return r
}

// subscribes subscribes to newHeads at the WebSocket endpoint. Its errors may contain the
// URL with its key.
func subscribes(ctx context.Context, e ethnode.Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client, err := rpc.DialOptions(ctx, e.WS, rpc.WithHeaders(e.Options.Header))
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := client.EthSubscribe(ctx, make(chan any, 16), "newHeads")
	if err != nil {
		return err
	}
	sub.Unsubscribe()
	return nil
}

// byteCount is an io.Writer that counts bytes.
type byteCount int64

func (n *byteCount) Write(p []byte) (int, error) {
	*n += byteCount(len(p))
	return len(p), nil
}

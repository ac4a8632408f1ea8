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

// Check asks every endpoint whether it is up, which chain it serves, whether it
// is in sync, and for the witness of its head. An endpoint's fault is an error
// only if no other endpoint can stand in for it.
func (c *Config) Check(ctx context.Context) []sdk.Finding {
	reports := make([]report, len(c.Endpoints))
	var group sync.WaitGroup
	for i, e := range c.endpoints() {
		group.Go(func() { reports[i] = examine(ctx, e, c.MaxHeadAge.Std()) })
	}
	group.Wait()

	chain, because := c.ChainID, "chain_id is"
	if chain == 0 {
		chain, because = majority(reports), "most endpoints serve chain"
	}
	heads, witnesses := 0, 0
	for i := range reports {
		r := &reports[i]
		if r.chain != 0 && r.chain != chain {
			r.fault(fmt.Sprintf("serves chain %d, but %s %d", r.chain, because, chain), "list endpoints of one chain only, and set chain_id to it")
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
	for i, r := range reports {
		for _, f := range r.findings {
			f.Pointer = fmt.Sprintf("/endpoints/%d", i)
			if f.Severity == sdk.SeverityError && heads > 0 && witnesses > 0 {
				f.Severity = sdk.SeverityWarning
			}
			findings = append(findings, f)
		}
	}
	slices.SortStableFunc(findings, func(a, b sdk.Finding) int { return gravity(a) - gravity(b) })
	return findings
}

// majority is the chain that most endpoints serve; of equals, the first in the list.
func majority(reports []report) (chain uint64) {
	votes := make(map[uint64]int)
	for _, r := range reports {
		if r.chain != 0 {
			votes[r.chain]++
		}
	}
	for _, r := range reports {
		if votes[r.chain] > votes[chain] {
			chain = r.chain
		}
	}
	return chain
}

func gravity(f sdk.Finding) int {
	return slices.Index([]sdk.Severity{sdk.SeverityError, sdk.SeverityWarning, sdk.SeverityInfo}, f.Severity)
}

// report is what was found out about one endpoint.
type report struct {
	name          string
	chain         uint64
	head, witness bool // can be used for that
	findings      []sdk.Finding
}

func (r *report) add(severity sdk.Severity, summary, remedy string) {
	r.findings = append(r.findings, sdk.Finding{Severity: severity, Summary: r.name + ": " + summary, Remedy: remedy})
}

func (r *report) fault(summary, remedy string) { r.add(sdk.SeverityError, summary, remedy) }

// failed reports an error of a call and its remedy.
func (r *report) failed(what string, err error) {
	remedy := ""
	if e, ok := errors.AsType[*contract.Error](err); ok {
		err, remedy = e.Err, e.Remedy
	}
	r.fault(fmt.Sprintf("%s: %v", what, err), remedy)
}

// maxClockOff is how far ahead of this machine's clock the time of a block may be: nodes
// refuse blocks of the future, so that it is the clock which is off.
const maxClockOff = 2 * time.Second

func examine(ctx context.Context, e ethnode.Endpoint, maxAge time.Duration) (r report) {
	client, err := ethnode.NewClient(e.URL, e.Options)
	if err != nil {
		r.failed("unusable", err)
		return r
	}
	defer client.Close()
	r.name = client.Name()
	if r.chain, err = client.ChainID(ctx); err != nil {
		r.failed("not reachable", err)
		return r
	}
	syncing, behind, err := client.Syncing(ctx)
	if err != nil && !errors.Is(err, ethnode.ErrNoMethod) {
		r.failed("whether it syncs is unknown", err)
		return r
	}
	if syncing {
		r.fault(fmt.Sprintf("the node is syncing, %d blocks behind", behind), "wait until it has caught up; it is not used until then")
		return r
	}
	head, err := client.Head(ctx)
	if err != nil {
		r.failed("its head is unknown", err)
		return r
	}
	r.head = true
	if age := time.Since(head.Time).Round(time.Second); maxAge > 0 && age > maxAge {
		r.add(sdk.SeverityWarning, fmt.Sprintf("its head %d is %v old", head.Number, age), "is the consensus client running, and the clock right?")
	}
	if ahead := time.Until(head.Time).Round(time.Second); ahead > maxClockOff {
		r.add(sdk.SeverityWarning, fmt.Sprintf("its head %d is made in %v by the clock of this machine", head.Number, ahead), "the clock is slow: timedatectl set-ntp true")
	}
	version, err := client.ClientVersion(ctx)
	if err != nil {
		version = "unknown client"
	}
	known := fmt.Sprintf("%s, chain %d, head %d", version, r.chain, head.Number)
	switch {
	case e.NoWitness:
	case head.Number == 0:
		r.witness = true // the genesis block has none
	default:
		var size byteCount
		begun := time.Now()
		if err := client.Witness(ctx, &size, head.Block(r.chain)); err != nil {
			r.failed(fmt.Sprintf("no witness of its head %d", head.Number), err)
		} else {
			r.witness = true
			known += fmt.Sprintf(", witness of %.1f MB in %v", float64(size)/1e6, time.Since(begun).Round(time.Millisecond))
		}
	}
	if e.WS != "" {
		if err := subscribes(ctx, e); err != nil {
			r.add(sdk.SeverityWarning, fmt.Sprintf("no newHeads over %s", redact.URL(e.WS)),
				"check the address and that the node serves the eth namespace over WebSocket; blocks are found by polling until then")
		}
	}
	r.add(sdk.SeverityInfo, known, "")
	return r
}

// subscribes tries the WebSocket endpoint. Its errors may hold the URL.
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

// byteCount counts what is written to it.
type byteCount int64

func (n *byteCount) Write(p []byte) (int, error) {
	*n += byteCount(len(p))
	return len(p), nil
}

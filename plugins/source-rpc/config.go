package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/internal/secret"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
)

// Config is the stage's config block.
type Config struct {
	Endpoints      []Endpoint            `json:"endpoints" doc:"Execution clients: URLs, or maps with url, ws, weight, roles (head, witness) and headers." required:"true" min:"1"`
	Poll           sdk.Duration          `json:"poll" doc:"Time between two looks at the head. Nodes in private networks that announce no heads are asked every 50 ms while a block is due, by when in their slot the last ones came." default:"2s" min:"50ms"`
	Confirmations  uint64                `json:"confirmations" doc:"Blocks that must lie on top of a block before it is taken." default:"0"`
	Headers        map[string]sdk.Secret `json:"headers" doc:"HTTP headers sent to every endpoint, for example Authorization."`
	Timeout        sdk.Duration          `json:"timeout" doc:"Longest wait for a small answer." default:"10s" min:"100ms"`
	WitnessTimeout sdk.Duration          `json:"witness_timeout" doc:"Longest wait for the first byte of a witness." default:"2m" min:"1s"`
	StallTimeout   sdk.Duration          `json:"stall_timeout" doc:"Longest silence inside an answer." default:"30s" min:"1s"`
	HedgeAfter     sdk.Duration          `json:"hedge_after" doc:"Wait for a witness before a second endpoint is asked, too; 0s learns each endpoint's 95th percentile." default:"0s"`
	MaxLag         sdk.Duration          `json:"max_lag" doc:"An endpoint whose head is older than the newest by more is not used." default:"1m" min:"12s"`
	MaxHeadAge     sdk.Duration          `json:"max_head_age" doc:"While the newest head, by its own time, is older, the stage says so in its health, and an alert is raised; 0s never." default:"5m"`
	ChainID        uint64                `json:"chain_id" doc:"Chain that the endpoints must serve; by default what most of them do."`
	Strict         bool                  `json:"strict" doc:"Refuse a witness with entries that nothing refers to, instead of counting them." default:"false"`
	Fetches        int                   `json:"fetches" doc:"Blocks fetched at the same time." default:"4" min:"1" max:"64"`
	Window         uint64                `json:"window" doc:"Blocks below the head for which the nodes can make witnesses; a block about to leave it is fetched first. By default what is known of the client: 128, or 1024 for reth."`
	Gzip           *bool                 `json:"gzip" doc:"Ask for packed answers; by default only endpoints outside private networks are asked."`
	Archive        *ArchiveConfig        `json:"archive" doc:"Keeps what was fetched, for replay by source-archive."`
}

// Endpoint is one execution client. In the pipeline file it is a URL or a map.
type Endpoint struct {
	URL     sdk.Secret            `json:"url"`
	WS      sdk.Secret            `json:"ws"`
	Weight  float64               `json:"weight"`
	Roles   []string              `json:"roles"`
	Headers map[string]sdk.Secret `json:"headers"`
}

// Roles of an endpoint. An endpoint without roles has all of them.
const (
	roleHead    = "head"
	roleWitness = "witness"
)

// UnmarshalJSON decodes a URL or a map. Its errors contain no values, because URLs may hold
// keys.
func (e *Endpoint) UnmarshalJSON(raw []byte) error {
	var address string
	if json.Unmarshal(raw, &address) == nil {
		*e = Endpoint{URL: sdk.NewSecret(address)}
		return e.check()
	}
	type plain Endpoint
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode((*plain)(e)); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("%s: want a %v, got a %s", wrong.Field, wrong.Type, wrong.Value)
		}
		return fmt.Errorf("want a URL or a map with url, ws, weight, roles, headers: %w", err)
	}
	return e.check()
}

// check cleans and validates the values.
func (e *Endpoint) check() error {
	for key, address := range map[string]*sdk.Secret{"url": &e.URL, "ws": &e.WS} {
		if !address.IsSet() {
			continue
		}
		text, err := secret.Clean(key, address.Reveal())
		if err != nil {
			return err
		}
		*address = sdk.NewSecret(text)
	}
	if err := cleanHeaders(e.Headers); err != nil {
		return err
	}
	if !e.URL.IsSet() {
		return errors.New("the endpoint has no URL; is the variable set?")
	}
	if err := checkURL(e.URL.Reveal(), "http", "https"); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if e.WS.IsSet() {
		if err := checkURL(e.WS.Reveal(), "ws", "wss"); err != nil {
			return fmt.Errorf("ws: %w", err)
		}
	}
	if e.Weight < 0 {
		return fmt.Errorf("weight %v: want a positive number", e.Weight)
	}
	for _, role := range e.Roles {
		if role != roleHead && role != roleWitness {
			return fmt.Errorf("unknown role %q, known are %s and %s", role, roleHead, roleWitness)
		}
	}
	return nil
}

// cleanHeaders removes white space around the values and refuses control characters in
// them. A value may have spaces. The error names the header.
func cleanHeaders(headers map[string]sdk.Secret) error {
	for name, value := range headers {
		parts := strings.Split(strings.TrimSpace(value.Reveal()), " ")
		for _, part := range parts {
			if _, err := secret.Clean("the header "+name, part+"."); err != nil { // the stop keeps white space behind a word
				return err
			}
		}
		headers[name] = sdk.NewSecret(strings.Join(parts, " "))
	}
	return nil
}

func checkURL(address string, schemes ...string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return fmt.Errorf("want %s://host[:port][/path]", schemes[0])
	}
	return nil
}

func (e *Endpoint) has(role string) bool {
	return len(e.Roles) == 0 || slices.Contains(e.Roles, role)
}

// Validate implements the SDK's validator.
func (c *Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	if err := cleanHeaders(c.Headers); err != nil {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/headers", Summary: err.Error(), Remedy: "set the variable to the value alone"})
	}
	for _, role := range []string{roleHead, roleWitness} {
		if !slices.ContainsFunc(c.Endpoints, func(e Endpoint) bool { return e.has(role) }) {
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/endpoints",
				Summary: "no endpoint has the role " + role, Remedy: "add the role to one of them, or leave roles out"})
		}
	}
	urls := make(map[string]bool)
	for i, e := range c.Endpoints {
		if urls[e.URL.Reveal()] {
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: fmt.Sprintf("/endpoints/%d", i),
				Summary: "the endpoint " + redact.URL(e.URL.Reveal()) + " is listed twice"})
		}
		urls[e.URL.Reveal()] = true
	}
	return findings
}

// note returns a sentence for the operator: which endpoints are followed, and how.
func (c *Config) note() string {
	names := make([]string, len(c.Endpoints))
	method := fmt.Sprintf("looking every %v", c.Poll)
	for i, e := range c.Endpoints {
		names[i] = redact.URL(e.URL.Reveal())
		if e.WS.IsSet() {
			method = fmt.Sprintf("woken by newHeads, looking every %v", c.Poll)
		}
	}
	if c.Confirmations > 0 {
		method += fmt.Sprintf(", %d blocks below the head", c.Confirmations)
	}
	return "follows " + strings.Join(names, ", ") + ": " + method
}

// endpoints returns the endpoints for a Pool, with the settings of the stage and their own.
func (c *Config) endpoints() []ethnode.Endpoint {
	list := make([]ethnode.Endpoint, len(c.Endpoints))
	for i, e := range c.Endpoints {
		header := make(http.Header)
		for _, from := range []map[string]sdk.Secret{c.Headers, e.Headers} {
			for name, value := range from {
				header.Set(name, value.Reveal())
			}
		}
		list[i] = ethnode.Endpoint{URL: e.URL.Reveal(), WS: e.WS.Reveal(), Weight: e.Weight,
			NoHead: !e.has(roleHead), NoWitness: !e.has(roleWitness),
			Options: ethnode.Options{Header: header, Timeout: c.Timeout.Std(), WitnessTimeout: c.WitnessTimeout.Std(),
				StallTimeout: c.StallTimeout.Std(), Compression: c.Gzip}}
	}
	return list
}

// Provides implements the SDK's provider. It returns the chain where it is configured.
func (c *Config) Provides() map[string]string {
	if c.ChainID == 0 {
		return nil
	}
	return map[string]string{contract.TraitChainID: strconv.FormatUint(c.ChainID, 10)}
}

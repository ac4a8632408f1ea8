package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-webhook/cloudevent"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	URL     sdk.Secret            `json:"url" doc:"Where events are posted to, one request each. It is treated as a secret. At most one of url, file and command; with none of them the stage is idle." format:"url"`
	File    string                `json:"file" doc:"File that events are appended to, one line each. It may be rotated away at any time."`
	Command []string              `json:"command" doc:"Program and arguments, run once per event with one line on its standard input. Exit code 0 is success."`
	Secret  sdk.Secret            `json:"secret" doc:"Signs each request with HMAC-SHA256 (Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature). whsec_ and base64, or any text of at least 16 bytes."`
	Headers map[string]sdk.Secret `json:"headers" doc:"Further headers of each request, such as Authorization."`
	Events  []string              `json:"events" doc:"The kinds of event to hand on; all of them when not set." enum:"queued,proving,proved,checked,failed,accepted,node_down,node_recovered,prover_stuck,reporter_rejected,stage_down,stage_recovered"`
	Source  string                `json:"source" doc:"The CloudEvents source attribute; /proofline/<pipeline> when not set."`
	Timeout sdk.Duration          `json:"timeout" doc:"How long one request or one run of the command may take." default:"30s" min:"1s" max:"10m"`
}

// isIdle reports whether there is nowhere to send to.
func (c Config) isIdle() bool { return !c.URL.IsSet() && c.File == "" && len(c.Command) == 0 }

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	problem := func(pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	var targets []string
	for name, set := range map[string]bool{"url": c.URL.IsSet(), "file": c.File != "", "command": len(c.Command) > 0} {
		if set {
			targets = append(targets, name)
		}
	}
	slices.Sort(targets)
	if len(targets) > 1 {
		problem("/"+targets[1], strings.Join(targets, " and ")+" are set together", "use a stage of its own for each")
	}
	if c.Secret.IsSet() {
		if _, err := cloudevent.ParseKey(c.Secret.Reveal()); err != nil {
			problem("/secret", err.Error(), "make one with: openssl rand -base64 32 | sed s/^/whsec_/")
		}
		if !c.URL.IsSet() && !c.isIdle() {
			problem("/secret", "only requests to a URL are signed", "remove it")
		}
	}
	if len(c.Headers) > 0 && !c.URL.IsSet() && !c.isIdle() {
		problem("/headers", "only requests to a URL have headers", "remove them")
	}
	for name := range c.Headers {
		if !isToken(name) {
			problem("/headers", fmt.Sprintf("%q is no name of a header", name), "use letters, digits and -")
		}
	}
	if url := c.URL.Reveal(); c.URL.IsSet() && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		problem("/url", "the URL (not shown) is neither http nor https", "")
	}
	return findings
}

func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// Check implements the SDK's preflight. It sends no event: what a request to the
// URL would set off is not known.
func (c Config) Check(context.Context) []sdk.Finding {
	switch {
	case c.isIdle():
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Summary: "idle: none of url, file and command is set"}}
	case c.File != "":
		if info, err := os.Stat(filepath.Dir(c.File)); err != nil || !info.IsDir() {
			return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/file", Summary: "there is no directory " + filepath.Dir(c.File), Remedy: "create it"}}
		}
	case len(c.Command) > 0:
		if _, err := exec.LookPath(c.Command[0]); err != nil {
			return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/command/0", Summary: err.Error(), Remedy: "install it, or write its whole path"}}
		}
	case !c.Secret.IsSet():
		return []sdk.Finding{{Severity: sdk.SeverityWarning, Pointer: "/secret", Summary: "requests are not signed: the receiver cannot know who sends them",
			Remedy: "set secret, here and at the receiver"}}
	}
	return nil
}

// header returns the configured headers.
func (c Config) header() http.Header {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value.Reveal())
	}
	return header
}

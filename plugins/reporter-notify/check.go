package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/sdk"
)

// Check is the preflight. It sends no message. It makes a request to a chat that writes
// nothing. It makes no request to a pager or a webhook, because the effect of such a
// request is not known.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	kind := c.kind()
	switch {
	case c.isIdle():
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Summary: "idle: no receiver is configured", Remedy: "set SLACK_WEBHOOK, or the address or token of another receiver, to get messages"}}
	case kind == webhook:
		return c.checkWebhook()
	}
	r := receivers[kind]
	switch {
	case r.probe != nil:
		return c.tryChat(ctx, r, r.probe(c), false)
	case r.rejectsEmpty:
		return c.tryChat(ctx, r, r.address(c), true)
	}
	return []sdk.Finding{{Severity: sdk.SeverityInfo, Summary: "nothing was sent to " + kind + ": it cannot be tried without an incident"}}
}

// tryChat makes a request to a chat that writes nothing: a GET, or a POST of an empty
// message, which the chat rejects.
func (c Config) tryChat(ctx context.Context, r receiver, address sdk.Secret, post bool) []sdk.Finding {
	pointer := "/url"
	if c.Token.IsSet() {
		pointer = "/token"
	}
	poster, err := r.poster(c, address, nil)
	if err != nil {
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(), Remedy: r.remedy}}
	}
	defer poster.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if post {
		err = poster.Post(ctx, jsonHeader, []byte("{}"), 1)
	} else {
		err = poster.Get(ctx)
	}
	switch {
	case err == nil, post && sdk.ClassOf(err) == sdk.ClassPermanent:
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: pointer, Summary: fmt.Sprintf("the webhook at %s answers", poster.Host())}}
	case sdk.ClassOf(err) == sdk.ClassEnvironment, sdk.ClassOf(err) == sdk.ClassPermanent:
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: pointer, Summary: "the webhook is refused: " + err.Error(), Remedy: r.remedy}}
	}
	return []sdk.Finding{{Severity: sdk.SeverityWarning, Pointer: pointer, Summary: "the webhook cannot be asked: " + err.Error(),
		Remedy: "check the network; messages wait until the webhook answers, proofs do not wait"}}
}

// checkWebhook looks for the directory of the file, the program of the command, or the
// signing key of the URL.
func (c Config) checkWebhook() []sdk.Finding {
	switch {
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

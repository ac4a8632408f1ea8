package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/score/site"
	"github.com/proofline/proofline/sdk/contract"
)

// defaultSiteBlocks is the default number of blocks for which the site is queried. This
// takes a minute and a half.
const defaultSiteBlocks = 200

// scoreBySite computes the score with the blocks that the site at url counts. It queries
// the site for the newest blocks without an accepted proof, at most limit, and assumes
// that the site counts all others. If the site answers only a part of the queries, it
// prints a message and returns no error.
func (c commands) scoreBySite(ctx context.Context, p control.Pipeline, url string, limit int) (score.Report, error) {
	record, err := p.ScoreRecord(ctx)
	if err != nil {
		return score.Report{}, err
	}
	now := time.Now()
	missed := score.Missed(record, now)
	if len(missed) > limit {
		missed = missed[len(missed)-limit:]
	}
	slices.Reverse(missed)
	record.Site, err = site.Ask(ctx, &http.Client{Timeout: 30 * time.Second}, url, missed)
	switch {
	case errors.Is(err, site.ErrPartial) && ctx.Err() == nil:
		fmt.Fprintf(c.Stderr, "proofline: %v\n", err)
	case err != nil:
		return score.Report{}, contract.Environment(err, "")
	}
	return score.Judge(record, now), nil
}

// scoringSite returns the URL of the site that scores the reports of a pipeline.
func (c commands) scoringSite(ctx context.Context, file string) (string, error) {
	p, findings := c.check(file)
	if findings.Failed() {
		return "", findings.Error()
	}
	var sites []string
	for _, r := range c.reporters(ctx, p) {
		if url := r.facts[contract.TraitSite]; url != "" && !slices.Contains(sites, url) {
			sites = append(sites, url)
		}
	}
	switch len(sites) {
	case 0:
		return "", usage("no reporter of %s names a site that counts its proofs: say which with --site-url", file)
	case 1:
		return sites[0], nil
	}
	return "", usage("the reporters send to %s: say which with --site-url", strings.Join(sites, " and "))
}

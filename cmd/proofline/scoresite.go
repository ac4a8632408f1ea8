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

// mostAsked is how many blocks the site is asked of by default, which takes a minute
// and a half.
const mostAsked = 200

// scoreBySite judges the pipeline by the blocks that the site at url counts. The site
// is asked of the newest blocks without an accepted proof, at most so many; of those
// it is not asked of it is taken that it counts them. That it answers only a part is
// said and no error.
func (c commands) scoreBySite(ctx context.Context, p control.Pipeline, url string, most int) (score.Report, error) {
	record, err := p.ScoreRecord(ctx)
	if err != nil {
		return score.Report{}, err
	}
	now := time.Now()
	missed := score.Missed(record, now)
	if len(missed) > most {
		missed = missed[len(missed)-most:]
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

// scoringSite is the site that judges what the pipeline of a file reports.
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

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Config is the config block of the stage.
type Config struct {
	Dir string                `json:"dir" doc:"Directory that gets the blocks. Either dir or s3 is set." format:"dir"`
	S3  *objects.BucketConfig `json:"s3" doc:"Bucket that gets the blocks."`

	Gzip     bool `json:"gzip" doc:"Pack what is not a proof and larger than 4 KiB." default:"true"`
	Requests bool `json:"requests" doc:"Keep, too, what another reporter has sent of a proof when its other side has taken it." default:"true"`
}

// Validate returns what is wrong with the values. It makes no request.
func (c Config) Validate() []sdk.Finding {
	findings := objects.ValidatePlace(c.Dir, c.S3)
	if c.S3 != nil && c.Dir == "" && c.S3.AccessKey == "" && len(findings) == 0 {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: "/s3/access_key",
			Summary: "there is no key: requests are not signed, and few services take objects from everybody",
			Remedy:  "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and name them in access_key and secret_key"})
	}
	return findings
}

// probe is the name of the object that the preflight stores. It is not removed, because
// a key that may store objects may not be allowed to remove them.
const probe = ".proofline-check"

// Check is the preflight: it stores a small object and compares it.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	pointer := "/dir"
	if c.S3 != nil {
		pointer = "/s3"
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	place, err := c.storeProbe(ctx)
	if err == nil {
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: pointer, Summary: place + " takes objects, and holds what it was given"}}
	}
	finding := sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error()}
	if classed, ok := errors.AsType[*contract.Error](err); ok {
		finding.Remedy = classed.Remedy
	}
	if errors.Is(err, objects.ErrUnreachable) || ctx.Err() != nil {
		finding.Severity = sdk.SeverityWarning
		finding.Remedy = "check the endpoint and the network; finished blocks wait until it answers, proofs do not wait"
	}
	return []sdk.Finding{finding}
}

// storeProbe opens the store and stores the probe in it. It returns the store's name.
func (c Config) storeProbe(ctx context.Context) (place string, err error) {
	store, err := objects.Open(c.Dir, c.S3)
	if err != nil {
		return "", err
	}
	defer store.Close()
	if bucket, ok := store.(*objects.Bucket); ok {
		if err := bucket.Exists(ctx); err != nil {
			return "", err
		}
	}
	temp, err := os.MkdirTemp("", "proofline-check-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	path := filepath.Join(temp, probe)
	if err := os.WriteFile(path, []byte("proofline doctor\n"), 0o600); err != nil {
		return "", err
	}
	content, err := objects.Measure(path)
	if err != nil {
		return "", err
	}
	return store.Name(), store.Put(ctx, probe, content)
}

package objects

import (
	"strings"

	"github.com/proofline/proofline/sdk"
)

// Open opens the store that a config names: the bucket where it is not nil, otherwise the
// directory.
func Open(dir string, bucket *BucketConfig) (Store, error) {
	if bucket != nil {
		return OpenBucket(*bucket)
	}
	return OpenDir(dir)
}

// ValidatePlace validates the keys dir and s3 of a config, exactly one of which must be
// set.
func ValidatePlace(dir string, bucket *BucketConfig) []sdk.Finding {
	switch {
	case dir == "" && bucket == nil:
		return []sdk.Finding{{Severity: sdk.SeverityError, Summary: "neither dir nor s3 is set: there is no archive",
			Remedy: "set dir to a directory, or s3 to a bucket: s3: {endpoint: …, bucket: …}"}}
	case dir != "" && bucket != nil:
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/s3", Summary: "dir and s3 are set together",
			Remedy: "remove one of them, or use a stage of its own for each"}}
	case bucket != nil:
		findings := bucket.Validate("/s3")
		if strings.HasPrefix(bucket.Endpoint, "http://") && !isLocal(bucket.Endpoint) && bucket.AccessKey != "" {
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: "/s3/endpoint",
				Summary: "what is stored and read travels unencrypted", Remedy: "use https://"})
		}
		return findings
	}
	return nil
}

func isLocal(endpoint string) bool {
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		if rest, ok := strings.CutPrefix(endpoint, "http://"+host); ok && (rest == "" || rest[0] == ':' || rest[0] == '/') {
			return true
		}
	}
	return false
}

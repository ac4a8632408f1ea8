package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/proofline/proofline/sdk/contract"
)

// remedies maps the error codes of a service to remedies
// (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; codes that begin with
// XMinio are MinIO's, those with XAdmin versitygw's).
var remedies = map[string]string{
	"NoSuchBucket":                   "make the bucket, or name another one",
	"AccessDenied":                   "check the key, and give it the rights s3:ListBucket, s3:GetObject and s3:PutObject on the bucket",
	"AllAccessDisabled":              "the bucket's owner must give access again",
	"InvalidAccessKeyId":             "set AWS_ACCESS_KEY_ID to a key that the service knows",
	"XAdminUserNotFound":             "set AWS_ACCESS_KEY_ID to a key that the service knows",
	"SignatureDoesNotMatch":          "set AWS_SECRET_ACCESS_KEY to the secret of that key",
	"ExpiredToken":                   "renew the key and its session token",
	"InvalidToken":                   "set AWS_SESSION_TOKEN to the token that belongs to the key, or leave it empty",
	"RequestTimeTooSkewed":           "set the clock of this machine (timedatectl set-ntp true)",
	"AuthorizationHeaderMalformed":   "set region to the bucket's region",
	"PermanentRedirect":              "set endpoint and region to those of the bucket",
	"InvalidBucketName":              "a bucket has 3 to 63 lower-case letters, digits, dots and hyphens",
	"QuotaExceeded":                  "make room in the bucket, or raise its quota",
	"XMinioStorageFull":              "make room on the disks of the service",
	"XMinioAdminBucketQuotaExceeded": "make room in the bucket, or raise its quota",
}

// ErrUnreachable is wrapped by the errors of a service that does not answer or fails itself.
// Waiting may be enough.
var ErrUnreachable = errors.New("no object storage")

// fault returns an error of a request with its class and the operation that failed. It
// wraps fs.ErrNotExist where the object does not exist. ctx must be the caller's context,
// whose end is an interruption.
func (b *Bucket) fault(ctx context.Context, err error, operation string) error {
	if ctx.Err() != nil {
		return contract.Interrupted(context.Cause(ctx))
	}
	answer := minio.ToErrorResponse(err)
	detailed := fmt.Errorf("%s: cannot %s: %w", b.Name(), operation, err)
	if answer.StatusCode != 0 {
		detailed = fmt.Errorf("%s: cannot %s: the service says %d %s: %s", b.Name(), operation, answer.StatusCode, answer.Code, answer.Message)
	}
	remedy, known := remedies[answer.Code]
	switch {
	case answer.Code == "NoSuchKey":
		return fmt.Errorf("%w: %w", detailed, fs.ErrNotExist)
	case known:
		return contract.Environment(detailed, remedy)
	case answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized:
		return contract.Environment(detailed, remedies["AccessDenied"])
	case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests:
		return contract.Environment(unreachable{detailed}, "the service is overloaded or at fault; what is to be stored waits here")
	case errors.Is(err, context.DeadlineExceeded):
		return contract.Environment(unreachable{detailed}, "the service is slower than timeout allows: raise it, or look at the network; what is to be stored waits here")
	case answer.StatusCode == 0:
		return contract.Environment(unreachable{detailed}, "check the endpoint and the network; what is to be stored waits here")
	}
	return contract.Retryable(detailed)
}

// unreachable marks an error as ErrUnreachable without changing its text.
type unreachable struct{ error }

func (u unreachable) Unwrap() []error { return []error{u.error, ErrUnreachable} }

package objects

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/proofline/proofline/plugins/internal/secret"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// BucketConfig is the config block of a bucket.
type BucketConfig struct {
	Endpoint     string       `json:"endpoint" doc:"URL of the service, such as https://s3.eu-central-1.amazonaws.com or http://127.0.0.1:9000." required:"true" format:"url"`
	Bucket       string       `json:"bucket" doc:"The bucket. It must exist." required:"true"`
	Prefix       string       `json:"prefix" doc:"Folder within the bucket."`
	Region       string       `json:"region" doc:"Region that requests are signed for; by default that of the endpoint, or what the service says."`
	AccessKey    string       `json:"access_key" doc:"Name of the key, which is no secret: ${AWS_ACCESS_KEY_ID}. Without a key requests are not signed."`
	SecretKey    sdk.Secret   `json:"secret_key" doc:"The key's secret: ${AWS_SECRET_ACCESS_KEY}."`
	SessionToken sdk.Secret   `json:"session_token" doc:"Of a key that is valid for a time: ${AWS_SESSION_TOKEN:-}."`
	ReadBack     bool         `json:"read_back" doc:"Read every object after it was stored, even where the service states its SHA-256 or MD5."`
	Timeout      sdk.Duration `json:"timeout" doc:"How long one object may take." default:"10m" min:"1s"`
}

// maxObject is what one request can store.
const maxObject = 5 << 30

// tries are the requests made before an error is an error; the host tries again, too.
const tries = 3

// Bucket is a bucket, or a folder in one, as a Store. An object is sent in one request
// with its SHA-256, which the service checks. Afterwards the service is asked for its
// size and SHA-256, else for its ETag, which is the MD5 at most services; one that
// states neither is read back.
type Bucket struct {
	config BucketConfig
	prefix string // empty, or with a slash at the end
	client *minio.Client
	conns  *http.Transport
}

// Validate judges the values alone; pointer is where the block stands in the config.
func (c *BucketConfig) Validate(pointer string) (findings []sdk.Finding) {
	problem := func(field, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer + field, Summary: summary, Remedy: remedy})
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "":
		return nil // reported by the field's format
	case u.Scheme != "http" && u.Scheme != "https":
		problem("/endpoint", c.Endpoint+" is neither an http nor an https URL", "write it like https://s3.eu-central-1.amazonaws.com")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		problem("/endpoint", "the endpoint is more than scheme, host and port", "set the bucket as bucket, a folder in it as prefix, and the key as access_key and secret_key")
	}
	if (c.AccessKey != "") != c.SecretKey.IsSet() {
		missing := map[bool]string{true: "secret_key", false: "access_key"}[c.AccessKey != ""]
		problem("/"+missing, missing+" is not set, but the other half of the key is", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, both or neither")
	}
	for field, value := range map[string]string{"access_key": c.AccessKey, "secret_key": c.SecretKey.Reveal(), "session_token": c.SessionToken.Reveal()} {
		if _, err := secret.Clean(field, value); err != nil {
			problem("/"+field, err.Error(), "set it to the text alone, as the service issued it")
		}
	}
	if err := local(strings.Trim(c.Prefix, "/")); c.Prefix != "" && err != nil {
		problem("/prefix", fmt.Sprintf("%q is no folder of a bucket", c.Prefix), "write it like mainnet/blocks")
	}
	return findings
}

// OpenBucket makes the client of a bucket. Nothing is asked of the service yet.
func OpenBucket(c BucketConfig) (*Bucket, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, contract.Permanent(errors.New("the endpoint is not a URL"))
	}
	clean := strings.TrimSpace
	conns, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, contract.Permanent(err)
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(clean(c.AccessKey), clean(c.SecretKey.Reveal()), clean(c.SessionToken.Reveal())),
		Secure: u.Scheme == "https", Region: c.Region, MaxRetries: tries, Transport: conns,
	})
	if err != nil {
		return nil, contract.Permanent(fmt.Errorf("endpoint %s: %w", c.Endpoint, err))
	}
	b := &Bucket{config: c, client: client, conns: conns, prefix: strings.Trim(c.Prefix, "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// Name implements Store.
func (b *Bucket) Name() string {
	return fmt.Sprintf("%s/%s/%s", strings.TrimSuffix(b.config.Endpoint, "/"), b.config.Bucket, b.prefix)
}

// Close ends the connections that are idle.
func (b *Bucket) Close() error {
	b.conns.CloseIdleConnections()
	return nil
}

func (b *Bucket) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.config.Timeout.Std())
}

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, name string, c Content) error {
	if err := local(name); err != nil {
		return err
	}
	if c.Size > maxObject {
		return contract.Permanent(fmt.Errorf("%s has %d bytes, and an object has at most %d", name, c.Size, int64(maxObject)))
	}
	in, err := os.Open(c.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	limited, cancel := b.limited(ctx)
	defer cancel()
	_, err = b.client.PutObject(limited, b.config.Bucket, b.prefix+name, in, c.Size, minio.PutObjectOptions{
		DisableMultipart: true,
		// The spelling is that of Go's header keys: a service that knows the header compares
		// and keeps the digest.
		UserMetadata: map[string]string{"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(c.SHA256[:])},
	})
	if err != nil {
		return b.fault(ctx, err, "store "+name)
	}
	held, err := b.Holds(ctx, name, c)
	if err == nil && !held {
		err = contract.Retryable(fmt.Errorf("%s%s is not what was sent: its size or digest differs", b.Name(), name))
	}
	return err
}

// Holds implements Store.
func (b *Bucket) Holds(ctx context.Context, name string, c Content) (bool, error) {
	limited, cancel := b.limited(ctx)
	defer cancel()
	info, err := b.client.StatObject(limited, b.config.Bucket, b.prefix+name, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		if err = b.fault(ctx, err, "look for "+name); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	sum, errSum := base64.StdEncoding.DecodeString(info.ChecksumSHA256)
	switch {
	case info.Size != c.Size:
		return false, nil
	case b.config.ReadBack:
	// A service that only gives back the headers of the upload does not state of what the
	// digest is.
	case info.ChecksumMode == "FULL_OBJECT" && errSum == nil && len(sum) == len(c.SHA256):
		return [32]byte(sum) == c.SHA256, nil
	case info.ETag == hex.EncodeToString(c.MD5[:]):
		return true, nil
	}
	// The ETag of an object that the service encrypts or has put together is no MD5.
	return reads(ctx, b, name, c)
}

// Open implements Store.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	limited, cancel := b.limited(ctx)
	r, err := b.client.GetObject(limited, b.config.Bucket, b.prefix+name, minio.GetObjectOptions{})
	if err == nil {
		_, err = r.Stat() // makes the request
	}
	if err != nil {
		cancel()
		return nil, b.fault(ctx, err, "read "+name)
	}
	return &download{b, ctx, r, cancel, name}, nil
}

// download is an object that is being read.
type download struct {
	bucket *Bucket
	ctx    context.Context
	object *minio.Object
	cancel context.CancelFunc
	name   string
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.object.Read(p)
	if err != nil && err != io.EOF {
		err = d.bucket.fault(d.ctx, err, "read "+d.name)
	}
	return n, err
}

func (d *download) Close() error {
	defer d.cancel()
	return d.object.Close()
}

// Modified implements Store.
func (b *Bucket) Modified(ctx context.Context, name string) (time.Time, error) {
	limited, cancel := b.limited(ctx)
	defer cancel()
	info, err := b.client.StatObject(limited, b.config.Bucket, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, b.fault(ctx, err, "look for "+name)
	}
	return info.LastModified, nil
}

// Folders implements Store.
func (b *Bucket) Folders(ctx context.Context) (names []string, err error) {
	limited, cancel := b.limited(ctx)
	defer cancel()
	for o := range b.client.ListObjects(limited, b.config.Bucket, minio.ListObjectsOptions{Prefix: b.prefix}) {
		if o.Err != nil {
			return nil, b.fault(ctx, o.Err, "list the objects")
		}
		if name, isFolder := strings.CutSuffix(strings.TrimPrefix(o.Key, b.prefix), "/"); isFolder && name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// Exists reports whether the bucket is there, as an error of the class environment.
func (b *Bucket) Exists(ctx context.Context) error {
	limited, cancel := b.limited(ctx)
	defer cancel()
	found, err := b.client.BucketExists(limited, b.config.Bucket)
	if err == nil && !found {
		err = minio.ErrorResponse{Code: minio.NoSuchBucket, StatusCode: http.StatusNotFound, Message: "The specified bucket does not exist"}
	}
	if err != nil {
		return b.fault(ctx, err, "look for the bucket")
	}
	return nil
}

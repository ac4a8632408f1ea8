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

// BucketConfig is the part of a config block that describes a bucket.
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

// maxObject is the largest size, in bytes, that one request can store.
const maxObject = 5 << 30

// tries is how often a request is sent before its error is returned. The host then retries
// the stage.
const tries = 3

// Bucket is a Store in a bucket, or in a folder of a bucket. Put sends an object in one
// request with its SHA-256, which the service checks. It then compares the size and the
// SHA-256 that the service reports, or else the ETag, which is the MD5 at most services.
// Where the service reports neither, it reads the object back.
type Bucket struct {
	config BucketConfig
	prefix string // empty, or with a slash at the end
	client *minio.Client
	conns  *http.Transport
}

// Validate validates the values without a request. pointer is the place of the block in the
// config.
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
	if err := checkName(strings.Trim(c.Prefix, "/")); c.Prefix != "" && err != nil {
		problem("/prefix", fmt.Sprintf("%q is no folder of a bucket", c.Prefix), "write it like mainnet/blocks")
	}
	return findings
}

// OpenBucket creates the client of a bucket. It sends no request.
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

// Close closes idle connections.
func (b *Bucket) Close() error {
	b.conns.CloseIdleConnections()
	return nil
}

func (b *Bucket) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.config.Timeout.Std())
}

// Put implements Store.
func (b *Bucket) Put(ctx context.Context, name string, c Content) error {
	if err := checkName(name); err != nil {
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
	limited, cancel := b.withTimeout(ctx)
	defer cancel()
	_, err = b.client.PutObject(limited, b.config.Bucket, b.prefix+name, in, c.Size, minio.PutObjectOptions{
		DisableMultipart: true,
		// The key has the canonical form of Go's header keys. A service that supports the
		// header compares and stores the digest.
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
	limited, cancel := b.withTimeout(ctx)
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
	// Without this mode the digest may be only the header of the upload.
	case info.ChecksumMode == "FULL_OBJECT" && errSum == nil && len(sum) == len(c.SHA256):
		return [32]byte(sum) == c.SHA256, nil
	case info.ETag == hex.EncodeToString(c.MD5[:]):
		return true, nil
	}
	// The ETag of an encrypted or a composed object is no MD5.
	return contentMatches(ctx, b, name, c)
}

// Open implements Store.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	limited, cancel := b.withTimeout(ctx)
	r, err := b.client.GetObject(limited, b.config.Bucket, b.prefix+name, minio.GetObjectOptions{})
	if err == nil {
		_, err = r.Stat() // sends the request
	}
	if err != nil {
		cancel()
		return nil, b.fault(ctx, err, "read "+name)
	}
	return &download{b, ctx, r, cancel, name}, nil
}

// download is an open object.
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
	limited, cancel := b.withTimeout(ctx)
	defer cancel()
	info, err := b.client.StatObject(limited, b.config.Bucket, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, b.fault(ctx, err, "look for "+name)
	}
	return info.LastModified, nil
}

// Folders implements Store.
func (b *Bucket) Folders(ctx context.Context) (names []string, err error) {
	limited, cancel := b.withTimeout(ctx)
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

// Exists returns an error of the class environment where the bucket does not exist.
func (b *Bucket) Exists(ctx context.Context) error {
	limited, cancel := b.withTimeout(ctx)
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

// Package objectstest runs object storage services of other projects for tests:
//
//   - gofakes3 (github.com/johannesboyne/gofakes3) in the test's own process. It answers
//     as S3 does and checks Content-MD5. It neither checks signatures and SHA-256 digests
//     nor reports digests.
//   - versitygw (github.com/versity/versitygw), a gateway that is used in production. It
//     checks signatures and digests. PROOFLINE_S3_SERVER names its binary, which make
//     test-archive builds.
package objectstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/schema"
)

// ServerVariable is the environment variable with the path of versitygw's binary.
const ServerVariable = "PROOFLINE_S3_SERVER"

// Key and Secret are the key that the services accept.
const (
	Key    = "archive-key"
	Secret = "verysecret-archive-secret"
)

// Bucket is the name of the bucket that every service has.
const Bucket = "blocks"

// Each runs a test against every service. It skips a service that is not available.
func Each(t *testing.T, test func(t *testing.T, c objects.BucketConfig)) {
	t.Run("gofakes3", func(t *testing.T) { test(t, Config(InProcess(t, nil))) })
	t.Run("versitygw", func(t *testing.T) { test(t, Config(Versity(t))) })
}

// Config returns a config block for the service at endpoint.
func Config(endpoint string) objects.BucketConfig {
	return objects.BucketConfig{Endpoint: endpoint, Bucket: Bucket, Prefix: "mainnet", AccessKey: Key,
		SecretKey: sdk.NewSecret(Secret), Timeout: schema.Duration(20 * time.Second)}
}

// InProcess starts gofakes3 and returns its endpoint. middleware, where it is not nil,
// wraps the service.
func InProcess(t testing.TB, middleware func(service http.Handler) http.Handler) (endpoint string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	var service http.Handler = gofakes3.New(backend).Server()
	if middleware != nil {
		service = middleware(service)
	}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return server.URL
}

// Versity starts versitygw and returns its endpoint. It skips the test where the binary is
// not available.
func Versity(t testing.TB) (endpoint string) {
	t.Helper()
	binary := os.Getenv(ServerVariable)
	if binary == "" {
		t.Skipf("%s is not set: make test-archive builds versitygw and sets it", ServerVariable)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	for _, sub := range []string{"data", "meta"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// The sidecar directory replaces extended attributes, which not every file system has.
	cmd := exec.Command(binary, "--port", address, "--access", Key, "--secret", Secret, "posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	endpoint = "http://" + address
	if err := makeBucket(t.Context(), endpoint); err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("versitygw: %v\n%s", err, text)
	}
	return endpoint
}

// makeBucket creates the bucket as soon as the service answers.
func makeBucket(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(Key, Secret, ""), MaxRetries: 1})
	if err != nil {
		return err
	}
	for range 300 {
		if err = client.MakeBucket(ctx, Bucket, minio.MakeBucketOptions{}); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("no bucket after 30 s: %w", err)
}

package launch

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// TestNobodyElseConnects: the host connects to a plugin that sends its certificate in a
// line, and to one that sends it in go-plugin's handshake. The plugin refuses all other
// clients of the same user, with and without a certificate.
func TestNobodyElseConnects(t *testing.T) {
	for name, start := range map[string]string{"line": "certified", "handshake": ""} {
		t.Run(name, func(t *testing.T) {
			spec := chaosSpec(t, start)
			p := launch(t, spec)
			if !p.proc.usesGoPlugin() || (p.proc.certificateLine != "") != (start == "certified") {
				t.Errorf("certificate line %q, handshake %q", p.proc.certificateLine, p.proc.stdoutLine)
			}
			sockets, err := filepath.Glob(filepath.Join(spec.Run.Sockets, "*", "plugin*"))
			if err != nil || len(sockets) != 1 {
				t.Fatalf("sockets %v, %v", sockets, err)
			}
			own, err := wire.NewCertificate()
			if err != nil {
				t.Fatal(err)
			}
			for stranger, with := range map[string]credentials.TransportCredentials{
				"own certificate": credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true}),
				"no certificate":  credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
				"no TLS":          insecure.NewCredentials(),
			} {
				conn, err := grpc.NewClient("unix://"+sockets[0], grpc.WithTransportCredentials(with))
				if err != nil {
					t.Fatal(err)
				}
				limited, cancel := context.WithTimeout(t.Context(), limit)
				answer, err := pluginv1.NewPluginServiceClient(conn).Describe(limited, &pluginv1.DescribeRequest{})
				cancel()
				conn.Close()
				if err == nil {
					t.Errorf("%s: %v", stranger, answer)
				}
			}
			if _, err := p.Health(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHostTrustsThePluginAlone: the host does not connect to another server in the place
// of the plugin, which has another certificate.
func TestHostTrustsThePluginAlone(t *testing.T) {
	lines := map[string]string{"another's": certificateLine(t), "none": "certificate|", "garbage": "certificate|AAAA"}
	for name, line := range lines {
		proc := &process{certificateLine: line}
		config, err := clientConfig(chaosSpec(t, ""), proc, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		err = proc.authenticate(config)
		if name != "another's" {
			if err == nil {
				t.Errorf("%s: it is taken", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if handshake(t, config.TLSConfig) == nil {
			t.Error("the host speaks with another process")
		}
	}
}

// certificateLine returns a certificate line of another process.
func certificateLine(t *testing.T) string {
	t.Helper()
	var line writer
	_, host, err := wire.ClientTLS()
	if err == nil {
		_, err = wire.ServerTLS(host, &line)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(line[:len(line)-1])
}

// handshake connects to a server that accepts every client, and returns the error of the
// client.
func handshake(t *testing.T, client *tls.Config) error {
	t.Helper()
	own, err := wire.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("unix", filepath.Join(t.TempDir(), "s"), &tls.Config{Certificates: []tls.Certificate{own}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	dialer := tls.Dialer{Config: client}
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := dialer.DialContext(limited, "unix", listener.Addr().String())
	if err == nil {
		conn.Close()
	}
	return err
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) { *w = append(*w, p...); return len(p), nil }

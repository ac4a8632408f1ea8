package wire_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/proofline/proofline/sdk"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// talker logs at debug whenever it is asked for its health.
type talker struct{ log *slog.Logger }

func (t talker) Health(context.Context) sdk.Health {
	t.log.Debug("a word at debug")
	return sdk.Health{State: "ready"}
}

func (talker) Report(context.Context, *sdk.Event) (*sdk.Result, error) { return nil, nil }

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), "a word at debug")
}

// TestLogLevelTravels: a plugin logs from the level on that the last call has named.
func TestLogLevelTravels(t *testing.T) {
	plugin := sdk.NewReporter("reporter-talker", "1.0.0", func(_ context.Context, _ struct{}, e sdk.Env) (talker, error) { return talker{e.Log}, nil })
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var out lines
	life, end := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { defer close(served); _ = plugin.ServeListener(life, listener, &out) }()
	defer func() { end(); <-served }()
	level := ""
	options := append(wire.SendLogLevel(func() string { return level }), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("unix://"+socket, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := pluginv1.NewPluginServiceClient(conn)
	if _, err := client.Configure(t.Context(), &pluginv1.ConfigureRequest{ConfigJson: []byte("{}"), LogLevel: "info", StateDir: t.TempDir(), Pipeline: "p", Stage: "s"}); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		level string
		want  int
	}{{"", 0}, {"debug", 1}, {"", 2}, {"warn", 2}} {
		level = step.level
		if _, err := client.Health(t.Context(), &pluginv1.HealthRequest{}); err != nil {
			t.Fatal(err)
		}
		if got := out.count(); got != step.want {
			t.Errorf("step %d: %d lines, want %d: %s", i, got, step.want, out.b.String())
		}
	}
}

package tracing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

const scope = "github.com/proofline/proofline"

// idsOf returns the ids of a job's trace and of its root span.
func idsOf(pipeline, job string) (t trace.TraceID, s trace.SpanID) {
	sum := sha256.Sum256([]byte(pipeline + "\x00" + job))
	copy(t[:], sum[:16])
	copy(s[:], sum[16:24])
	return t, s
}

// traceID returns the id of a job's trace, in hexadecimal.
func traceID(pipeline, job string) string {
	t, _ := idsOf(pipeline, job)
	return t.String()
}

// OfJob returns a context whose spans become children of the root span of a job. Without
// a job, or if traces are not exported, it returns ctx.
func OfJob(ctx context.Context, pipeline, job string) context.Context {
	if !On() || job == "" {
		return ctx
	}
	t, s := idsOf(pipeline, job)
	return trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: t, SpanID: s, TraceFlags: trace.FlagsSampled, Remote: true}))
}

// Root exports the root span of a job, which lasted from one time to the other.
func Root(pipeline, job, name string, from, to time.Time, attributes ...attribute.KeyValue) {
	if !On() {
		return
	}
	t, s := idsOf(pipeline, job)
	_, span := otel.Tracer(scope).Start(context.WithValue(context.Background(), rootKey{}, root{t, s}), name,
		trace.WithNewRoot(), trace.WithTimestamp(from), trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(to))
}

// Span begins a span below the span of the context. If the context has none, nothing is
// traced, because every span belongs to a block. The caller ends the span by calling end
// with the error of the operation, or with nil.
func Span(ctx context.Context, name string, attributes ...attribute.KeyValue) (below context.Context, end func(error)) {
	if !On() || !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, func(error) {}
	}
	ctx, span := otel.Tracer(scope).Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "failed") // without the error's text, which may hold private data
		}
		span.End()
	}
}

type rootKey struct{}

type root struct {
	trace trace.TraceID
	span  trace.SpanID
}

// ids generates random ids, except for a root span, which gets the ids of its job.
type ids struct{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if r, ok := ctx.Value(rootKey{}).(root); ok {
		return r.trace, r.span
	}
	rand.Read(t[:])
	rand.Read(s[:])
	return t, s
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) (s trace.SpanID) {
	rand.Read(s[:])
	return s
}

// ofBlock reports whether a call is work on a block, such as Prove, and not a call such as
// Poll or Health.
func ofBlock(info *stats.RPCTagInfo) bool {
	_, method, _ := strings.Cut(strings.TrimPrefix(info.FullMethodName, "/"), "/")
	switch method {
	case "Fetch", "Build", "Prove", "Verify", "Report":
		return true
	}
	return false
}

// DialOptions returns the options with which a gRPC client sends the trace along with
// the calls that work on a block.
func DialOptions() []grpc.DialOption {
	if !On() {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(otelgrpc.NewClientHandler(otelgrpc.WithFilter(ofBlock)))}
}

// ServerOptions returns the options with which a gRPC server continues the trace that
// came with a call.
func ServerOptions() []grpc.ServerOption {
	if !On() {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithFilter(ofBlock)))}
}

// Transport returns a round tripper that records a span for each request that belongs to
// a block. The span names only the host of the address, because path and query may hold
// keys. The trace is not sent to the server.
func Transport(next http.RoundTripper) http.RoundTripper { return transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper. The span ends when the response headers have
// arrived.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, end := Span(r.Context(), r.Method+" "+r.URL.Hostname(), attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname()))
	response, err := t.next.RoundTrip(r)
	end(err)
	return response, err
}

// CloseIdleConnections hands the call of http.Client's method of that name on to the
// wrapped transport.
func (t transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// LogHandler returns a handler that adds the attribute trace_id to the records that have
// an attribute job. If traces are not exported it returns next.
func LogHandler(pipeline string, next slog.Handler) slog.Handler {
	if !On() {
		return next
	}
	return logHandler{next, pipeline, false}
}

type logHandler struct {
	slog.Handler
	pipeline string
	grouped  bool
}

// Handle implements slog.Handler.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "job" && !h.grouped {
			r = r.Clone()
			r.AddAttrs(slog.String("trace_id", traceID(h.pipeline, a.Value.String())))
			return false
		}
		return true
	})
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "job" && !h.grouped {
			attrs = append(attrs[:len(attrs):len(attrs)], slog.String("trace_id", traceID(h.pipeline, a.Value.String())))
			break
		}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler {
	h.Handler, h.grouped = h.Handler.WithGroup(name), h.grouped || name != ""
	return h
}

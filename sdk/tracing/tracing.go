// Package tracing exports the work on each block as one OpenTelemetry trace, with spans
// from the host and from the plugins:
//
//	block                          Root
//	├── attempt or report          host
//	│   └── call of the plugin     gRPC
//	│       ├── tool               package process
//	│       └── request            Transport
//	└── …
//
// It is off unless OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
// is set, or OTEL_TRACES_EXPORTER=otlp selects the default address. The variables of
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/ configure the export.
// OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED=true turn it off. The trace context
// travels between host and plugin as W3C Trace Context in gRPC metadata.
//
// The ids of a block's trace and of its root span are computed from pipeline and job, so
// that attempts before and after a restart of the host belong to one trace. The root span
// is exported at the latest when the block is done or given up.
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// on is true while spans are exported.
var on atomic.Bool

// On reports whether traces are exported.
func On() bool { return on.Load() }

// wanted reports whether the environment turns tracing on.
func wanted() bool {
	exporter := strings.ToLower(os.Getenv("OTEL_TRACES_EXPORTER"))
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || exporter == "none" {
		return false
	}
	return exporter == "otlp" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Start begins to export the spans of this process if the environment turns tracing on.
// The returned function exports the remaining spans and ends the export; its context
// bounds the time for that. The service is the name under which the spans appear. Start
// is called once per process. It fails if the exporter cannot be configured.
func Start(ctx context.Context, service, version string) (stop func(context.Context) error, err error) {
	if !wanted() {
		return func(context.Context) error { return nil }, nil
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)), resource.WithFromEnv(), resource.WithHost(), resource.WithProcessPID())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about), sdktrace.WithIDGenerator(ids{}))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // a collector that is down must not disturb the pipeline
	on.Store(true)
	return func(ctx context.Context) error {
		on.Store(false)
		return provider.Shutdown(ctx)
	}, nil
}

func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); protocol {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: want http/protobuf or grpc", protocol)
	}
}

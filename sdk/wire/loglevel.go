package wire

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// logLevelKey is the key of a call's metadata in which a host whose log level was
// changed sends the new level: debug, info, warn or error. A plugin that does not
// know the key keeps the level of its Configure.
const logLevelKey = "proofline-log-level"

// SendLogLevel returns options with which a client adds the level to every call. An empty
// level is not sent.
func SendLogLevel(level func() string) []grpc.DialOption {
	with := func(ctx context.Context) context.Context {
		if l := level(); l != "" {
			return metadata.AppendToOutgoingContext(ctx, logLevelKey, l)
		}
		return ctx
	}
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(with(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(with(ctx), desc, cc, method, opts...)
		}),
	}
}

// LogLevel returns the level in the metadata of a call, or "" if there is none.
func LogLevel(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if values := md.Get(logLevelKey); len(values) > 0 {
		return values[0]
	}
	return ""
}

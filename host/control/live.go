package control

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/proofline/proofline/host/live"
)

// Live is the part of the commands that needs a running host. The host and the Client
// implement it.
type Live interface {
	// Overview returns what the dashboard shows at this instant.
	Overview(ctx context.Context) (live.Overview, error)
	// SetLogLevel sets the lowest level that the host and its plugins log, until the host
	// ends.
	SetLogLevel(ctx context.Context, level slog.Level) error
}

var _ Live = (*Client)(nil)

// Overview returns what the dashboard shows at this instant.
func (c *Client) Overview(ctx context.Context) (o live.Overview, err error) {
	return o, c.call(ctx, readTimeout, http.MethodGet, "/v1/overview", nil, &o)
}

// SetLogLevel sets the lowest level that the host and its plugins log.
func (c *Client) SetLogLevel(ctx context.Context, level slog.Level) error {
	return c.call(ctx, readTimeout, http.MethodPost, "/v1/log", levelRequest{level}, &struct{}{})
}

package control

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/proofline/proofline/host/live"
)

// Live is what only the host that runs a pipeline answers. The Client implements it,
// too.
type Live interface {
	// Overview is the present picture, the one that the dashboard shows.
	Overview(ctx context.Context) (live.Overview, error)
	// SetLogLevel lets the host and its plugins log from this level on, until the
	// host ends.
	SetLogLevel(ctx context.Context, level slog.Level) error
}

type levelRequest struct {
	Level slog.Level `json:"level"`
}

func liveRoutes(mux *http.ServeMux, h Live) {
	mux.HandleFunc("GET /v1/overview", func(w http.ResponseWriter, r *http.Request) {
		o, err := h.Overview(r.Context())
		reply(w, o, err)
	})
	mux.HandleFunc("POST /v1/log", func(w http.ResponseWriter, r *http.Request) {
		var body levelRequest
		if err := decode(w, r, &body); err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, struct{}{}, h.SetLogLevel(r.Context(), body.Level))
	})
}

var _ Live = (*Client)(nil)

// Overview asks for the present picture.
func (c *Client) Overview(ctx context.Context) (o live.Overview, err error) {
	return o, c.call(ctx, readLimit, http.MethodGet, "/v1/overview", nil, &o)
}

// SetLogLevel lets the host and its plugins log from this level on.
func (c *Client) SetLogLevel(ctx context.Context, level slog.Level) error {
	return c.call(ctx, readLimit, http.MethodPost, "/v1/log", levelRequest{level}, &struct{}{})
}

package top

import (
	"context"
	"errors"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/live"
)

// HostOverview returns a function that fetches the Overview from the host that uses a data
// folder. Each call connects again, because the host may have been restarted.
func HostOverview(data string) func(context.Context) (live.Overview, error) {
	return func(ctx context.Context) (live.Overview, error) {
		host, err := control.Dial(ctx, data)
		if errors.Is(err, control.ErrNotRunning) {
			return live.Overview{}, errors.New("no host runs this pipeline")
		}
		if err != nil {
			return live.Overview{}, err
		}
		defer host.Close()
		return host.Overview(ctx)
	}
}

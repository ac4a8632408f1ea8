package prover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/process"
)

// envEndpoint is the environment variable of the command on_timeout with the address of
// the server to restart.
const envEndpoint = "ERE_ENDPOINT"

// restart runs on_timeout for a server whose slot is lost, and waits until the server
// answers. It returns an error of the class environment, or interrupted where ctx ends.
func (p *Prover) restart(ctx context.Context, t *sdk.Task, s *slot, a abandoned) error {
	t.Log.Warn("the server's slot is lost to an abandoned proof; the server is restarted", "server", s.server.Endpoint(), "abandoned_job", a.Job, "since", a.Since)
	t.Progress(sdk.Progress{Fraction: -1, Note: "restarting " + s.server.Endpoint()})
	limit := p.config.RestartTimeout.Std()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errRestart)
	defer cancel()
	argv := slices.Clone(p.config.OnTimeout)
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], "{endpoint}", s.server.Endpoint())
	}
	cmd := process.Command{Path: argv[0], Args: argv[1:], Env: append(os.Environ(), envEndpoint+"="+s.server.Endpoint()),
		Stdout: func(line string) { t.Log.Info(line, "command", "on_timeout") },
		Stderr: func(line string) { t.Log.Warn(line, "command", "on_timeout") },
	}
	if _, err := cmd.Run(ctx); err != nil {
		return p.restartError(ctx, s, err)
	}
	ticker := time.NewTicker(min(p.config.HealthInterval.Std(), time.Second))
	defer ticker.Stop()
	for {
		err := s.server.Health(ctx)
		if err == nil {
			s.observe(nil, t.Log)
			return s.end(true)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return p.restartError(ctx, s, server.Bare(err))
		}
	}
}

var errRestart = errors.New("restart_timeout is over")

// restartError returns the error of a failed restart.
func (p *Prover) restartError(ctx context.Context, s *slot, err error) error {
	cause := context.Cause(ctx)
	if cause != nil && !errors.Is(cause, errRestart) {
		return sdk.Interrupted(fmt.Errorf("restarting %s: %w", s.server.Endpoint(), cause))
	}
	return sdk.Environment(fmt.Errorf("restart %s, whose slot is lost to an abandoned proof: %w", s.server.Endpoint(), errors.Join(err, cause)),
		"correct `on_timeout`, or restart the server by hand and set `on_timeout: []` to wait")
}

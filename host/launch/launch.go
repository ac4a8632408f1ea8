package launch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// Launch starts a plugin, checks that it is the one in the catalog, and
// configures it. When it fails, or ctx ends meanwhile, no process is left. The
// error carries a class where the plugin gave one; a *ConfigError holds what
// the plugin has against its configuration.
//
// The plugin runs until Stop, whatever becomes of ctx.
func Launch(ctx context.Context, spec Spec) (*Plugin, error) {
	spec, err := spec.filled()
	if err != nil {
		return nil, err
	}
	if err := vacate(ctx, spec.Run, spec.Stage, spec.Grace+2*time.Second); err != nil {
		return nil, err
	}
	p, err := start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start plugin %s: %w", spec.Binary.Name, err)
	}
	if err := p.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// replaced classes the error of a plugin's file that is not the one in the catalog.
// That is no crash: nothing is wrong with the plugin, and a new start of the host
// takes the file as it is. Another error stays what it is.
func replaced(err error, binary catalog.Binary) error {
	remedy := "restart proofline to use the new file"
	if binary.Locked {
		remedy += "; where its lock is older, first: proofline plugins lock " + filepath.Dir(binary.Path)
	}
	return contract.Environment(err, remedy)
}

// vacate returns when the stage's instance lock is free. What holds it for
// longer than the patience is killed.
func vacate(ctx context.Context, run *Run, stage string, patience time.Duration) error {
	const last = 10 * time.Second
	lock := run.lock(stage)
	free := func(limit time.Duration) error {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return keeper.WaitFree(limited, lock)
	}
	err := free(patience)
	if !errors.Is(err, keeper.ErrBusy) || ctx.Err() != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	_, err = keeper.Sweep(limited, keeper.Mark{Instance: run.Instance, Stage: stage}, 0)
	if err == nil {
		err = free(last)
	}
	if err != nil && ctx.Err() == nil {
		return contract.Environment(err, "end them by hand: proofline may not kill what runs as another user (sudo, setuid) and cannot kill what hangs in a driver")
	}
	return err
}

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

// Launch starts a plugin, checks that it is the one in the catalog, and configures it.
// If it fails, or if ctx ends before it returns, no process is left. The error has a
// class if the plugin gave one. It is a *ConfigError if the plugin does not accept its
// configuration.
//
// The plugin runs until Stop. The end of ctx after the return does not stop it.
func Launch(ctx context.Context, spec Spec) (*Plugin, error) {
	spec, err := spec.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := awaitLockFree(ctx, spec.Run, spec.Stage, spec.Grace+2*time.Second); err != nil {
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

// changedFileError wraps the error that a plugin's file is not the one in the catalog.
// Its class is environment and not that of a crash, because a restart of the host
// accepts the file as it is then.
func changedFileError(err error, binary catalog.Binary) error {
	remedy := "restart proofline to use the new file"
	if binary.Locked {
		remedy += "; where its lock is older, first: proofline plugins lock " + filepath.Dir(binary.Path)
	}
	return contract.Environment(err, remedy)
}

// awaitLockFree waits until the stage's instance lock is free. It kills the processes that
// hold the lock for longer than patience.
func awaitLockFree(ctx context.Context, run *Run, stage string, patience time.Duration) error {
	const killLimit = 10 * time.Second
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
	limited, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	_, err = keeper.Sweep(limited, keeper.Mark{Instance: run.Instance, Stage: stage}, 0)
	if err == nil {
		err = free(killLimit)
	}
	if err != nil && ctx.Err() == nil {
		return contract.Environment(err, "end them by hand: proofline may not kill what runs as another user (sudo, setuid) and cannot kill what hangs in a driver")
	}
	return err
}

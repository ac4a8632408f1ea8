package prover

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
)

// stamp is the size and time of a file, by which a replacement of the file is noticed.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// fileStamps holds the stamps of the tool and of the program for which the stage has
// determined its arguments, keys and set-up.
type fileStamps struct {
	mu       sync.Mutex
	bin, elf stamp
}

// checkUnchanged fails if the tool or the program is another one than when the stage was
// opened. After an update under a running pipeline the stage would use the old version's
// arguments, or prove a program that is not the registered one.
func (p *Prover) checkUnchanged(ctx context.Context) error {
	p.stamps.mu.Lock()
	defer p.stamps.mu.Unlock()
	bin, err := stampOf(p.bin)
	if err != nil {
		return sdk.Environment(fmt.Errorf("cargo-zisk: %w", err), "install it again with ziskup, or correct `bin`")
	}
	if bin != p.stamps.bin {
		version, err := tool.Detect(ctx, p.bin)
		if err != nil {
			return err
		}
		if version != p.version {
			return sdk.Environment(fmt.Errorf("%s was ZisK %v at the start and is %v now", p.bin, p.version, version), "restart the pipeline to prove with the new version")
		}
		p.stamps.bin = bin
	}
	elf, err := stampOf(p.config.ELF)
	if err != nil {
		return sdk.Environment(fmt.Errorf("guest program: %w", err), "put it back, or correct `elf`")
	}
	if elf != p.stamps.elf {
		sum, err := fingerprint(p.config.ELF)
		if err != nil {
			return sdk.Environment(fmt.Errorf("guest program: %w", err), "put it back, or correct `elf`")
		}
		if sum != p.elfSum {
			return sdk.Environment(fmt.Errorf("the guest program %s was %s at the start and is %s now", p.config.ELF, p.elfSum[:8], sum[:8]),
				"restart the pipeline to prove the new program; EthProofs wants a new cluster version for it")
		}
		p.stamps.elf = elf
	}
	return nil
}

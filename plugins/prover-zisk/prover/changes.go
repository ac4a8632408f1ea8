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

// stamp tells whether a file was replaced since it was looked at.
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

// known holds the stamps of the tool and the program as they were when the
// stage settled its arguments, keys and set-up by them.
type known struct {
	mu       sync.Mutex
	bin, elf stamp
}

// checkUnchanged refuses to go on with another tool or program than the stage
// was opened with: an update under a running pipeline would run with the old
// version's arguments, or prove a program that is not the registered one.
func (p *Prover) checkUnchanged(ctx context.Context) error {
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	bin, err := stampOf(p.bin)
	if err != nil {
		return sdk.Environment(fmt.Errorf("cargo-zisk: %w", err), "install it again with ziskup, or correct `bin`")
	}
	if bin != p.known.bin {
		version, err := tool.Detect(ctx, p.bin)
		if err != nil {
			return err
		}
		if version != p.version {
			return sdk.Environment(fmt.Errorf("%s was ZisK %v at the start and is %v now", p.bin, p.version, version), "restart the pipeline to prove with the new version")
		}
		p.known.bin = bin
	}
	elf, err := stampOf(p.config.ELF)
	if err != nil {
		return sdk.Environment(fmt.Errorf("guest program: %w", err), "put it back, or correct `elf`")
	}
	if elf != p.known.elf {
		sum, err := fingerprint(p.config.ELF)
		if err != nil {
			return sdk.Environment(fmt.Errorf("guest program: %w", err), "put it back, or correct `elf`")
		}
		if sum != p.elfSum {
			return sdk.Environment(fmt.Errorf("the guest program %s was %s at the start and is %s now", p.config.ELF, p.elfSum[:8], sum[:8]),
				"restart the pipeline to prove the new program; EthProofs wants a new cluster version for it")
		}
		p.known.elf = elf
	}
	return nil
}

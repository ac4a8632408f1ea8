package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

const (
	describeLimit = 10 * time.Second
	describeMax   = 4 << 20 // bytes of output

	// firstProtocol is that of a plugin whose manifest names none.
	firstProtocol = 1
)

// describe runs "PATH describe", which prints the manifest as JSON. It gets no
// configuration and, of the environment, only PATH and HOME.
func describe(path string) (contract.Manifest, error) {
	var m contract.Manifest
	ctx, cancel := context.WithTimeout(context.Background(), describeLimit)
	defer cancel()
	stdout, stderr := capped{max: describeMax}, capped{max: 64 << 10}
	cmd := exec.CommandContext(ctx, path, "describe")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %v", describeLimit)
	case err != nil:
		if last := lastLine(stderr.kept.Bytes()); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	case stdout.full:
		err = fmt.Errorf("it prints more than %d bytes", describeMax)
	default:
		if err = json.Unmarshal(stdout.kept.Bytes(), &m); err != nil {
			err = fmt.Errorf("it prints no manifest: %w", err)
		} else {
			m.Protocol = cmp.Or(m.Protocol, firstProtocol)
			err = cmp.Or(checkManifest(filepath.Base(path), m), checkProtocol(m))
		}
	}
	if err == nil && len(m.Schema) == 0 {
		err = errors.New("its manifest has no config_schema")
	}
	if err != nil {
		return contract.Manifest{}, fmt.Errorf("ask plugin %s what it is (%q): %w", path, "describe", err)
	}
	return m, nil
}

// capped keeps the first max bytes written to it and swallows the rest.
type capped struct {
	kept bytes.Buffer
	max  int
	full bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := c.max - c.kept.Len()
	if len(p) > room {
		c.full = true
	}
	c.kept.Write(p[:min(room, len(p))])
	return len(p), nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
